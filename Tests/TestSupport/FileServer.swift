import Foundation
package import SystemPackage

/// A server of Tests/Peers that ends with the test.
package final class FileServer {
    private let process = Process()
    private let input = Pipe()
    /// Where it answers, without a slash at the end.
    package let address: String

    /// Serves a folder.
    ///
    /// - Parameters:
    ///   - arguments: as the script's `--help` has them.
    ///   - script: in Tests/Peers.
    package init(_ folder: FilePath, _ arguments: [String] = [], script: String = "range_server.py") throws {
        let output = Pipe()
        process.executableURL = URL(filePath: "/usr/bin/env")
        let path = repository.appending("Tests/Peers").appending(script).string
        process.arguments = ["python3", path, folder.string] + arguments
        (process.standardInput, process.standardOutput) = (input, output)
        try process.run()
        var line = Data()
        while line.last != 0x0A, let byte = try output.fileHandleForReading.read(upToCount: 1) { line += byte }
        let scheme = arguments.contains("--certificate") ? "https" : "http"
        address = "\(scheme)://127.0.0.1:\(String(decoding: line.dropLast(), as: UTF8.self))"
    }

    /// Ends the server.
    package func stop() {
        try? input.fileHandleForWriting.close()
        process.waitUntilExit()
    }

    deinit { stop() }

    /// What the server counted.
    package struct Counts: Decodable {
        package let connections: Int
        package let archives: Int
        /// Times of refusals in seconds.
        package let refusals: [Double]
    }

    /// Asks for the counts so far.
    package func counts() throws -> Counts {
        let client = Process()
        let output = Pipe()
        client.executableURL = URL(filePath: "/usr/bin/env")
        client.arguments = ["python3", "-c", Self.fetch, address + "/counts"]
        client.standardOutput = output
        try client.run()
        let text = try output.fileHandleForReading.readToEnd() ?? Data()
        client.waitUntilExit()
        return try JSONDecoder().decode(Counts.self, from: text)
    }

    private static let fetch = """
        import sys, urllib.request
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        sys.stdout.write(opener.open(sys.argv[1]).read().decode())
        """
}

@available(*, unavailable)
extension FileServer: Sendable {}
