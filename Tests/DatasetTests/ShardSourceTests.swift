import Dataset
import Foundation
import SystemPackage
import TestSupport
import Testing

@Suite struct ShardSourceTests {
    private static let peers = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .appending(path: "Peers")

    /// A server of Tests/Peers that ends with the test.
    private final class Server {
        let process = Process()
        let input = Pipe()
        let address: String

        init(_ folder: FilePath, _ arguments: [String] = []) throws {
            let output = Pipe()
            process.executableURL = URL(filePath: "/usr/bin/env")
            let script = ShardSourceTests.peers.appending(path: "range_server.py").path
            process.arguments = ["python3", script, folder.string] + arguments
            (process.standardInput, process.standardOutput) = (input, output)
            try process.run()
            var line = Data()
            while line.last != 0x0A, let byte = try output.fileHandleForReading.read(upToCount: 1) { line += byte }
            address = "http://127.0.0.1:\(String(decoding: line.dropLast(), as: UTF8.self))"
        }

        func stop() {
            try? input.fileHandleForWriting.close()
            process.waitUntilExit()
        }

        deinit { stop() }
    }

    private func options(tries: Int = 3, shuffle: Bool = true) -> LoaderOptions {
        var options = LoaderOptions()
        (options.patience.tries, options.patience.delay, options.patience.timeout) = (tries, 0.005, 1)
        (options.batchSize, options.threads, options.shardsPerBlock, options.shuffle) = (3, 3, 2, shuffle)
        return options
    }

    private func withShards(_ body: (TestShards) throws -> Void) throws {
        try withTemporaryFolder { folder in
            let names = ["a b", "it's", "100%+ü", "d\"q\"", "$HOME", "clips-5"]
            try body(try TestShards(in: folder, counts: [4, 3, 6, 2, 5, 1]) { names[$0] })
        }
    }

    @Test("three forms are told apart")
    func forms() throws {
        #expect(try ShardSource("/data/set") == .folder("/data/set"))
        #expect(try ShardSource("https://host/set") == .server("https://host/set"))
        #expect(try ShardSource("pipe:cat x/{}") == .command("cat x/{}"))
        #expect(try ShardSource("pipe:cat x/{}").description == "pipe:cat x/{}")
        let error = #expect(throws: DatasetError.self) { try ShardSource("pipe:cat x") }
        #expect(error?.message.contains("has no {}") == true)
    }

    @Test("a server gives the same samples", arguments: [true, false])
    func server(shuffle: Bool) throws {
        try withShards { shards in
            let server = try Server(shards.folder)
            for address in [server.address, server.address + "/", server.address + "/sets?token=1"] {
                let loader = try Loader(ShardSource(address), options: options(shuffle: shuffle))
                #expect(try rest(loader) == shards.expected(loader.options, epoch: 0))
            }
        }
    }

    @Test("broken connections and slow servers change nothing")
    func brokenConnections() throws {
        try withShards { shards in
            let server = try Server(shards.folder, ["--drop", "7", "--slow"])
            let loader = try Loader(ShardSource(server.address), options: options(tries: 10))
            #expect(try rest(loader) == shards.expected(loader.options, epoch: 0))
        }
    }

    @Test("damage on a server is found")
    func remoteDamage() throws {
        try withShards { shards in
            let server = try Server(shards.folder)
            let archive = try contents(of: shards.tar(2))
            var options = options()
            options.damage = .skip
            var (flipped, ended) = (archive, archive)
            flipped[0] ^= 1
            ended[archive.count - 1] = 1
            let (cut, short) = (Array(archive.dropLast(1025)), Array(archive.dropLast()))
            for (bytes, lost) in [(cut, 1), (short, 0), (archive + [0], 0), (ended, 0), (flipped, 1)] {
                try put(bytes, at: shards.tar(2))
                let loader = try Loader(ShardSource(server.address), options: options)
                #expect(try rest(loader).count == 21 - lost)
                #expect(loader.damaged.count == 1, "\(loader.damaged)")
            }
        }
    }

    @Test("a dead or incapable server is named with what was asked and how often")
    func deadServer() throws {
        try withShards { shards in
            let server = try Server(shards.folder)
            let loader = try Loader(ShardSource(server.address), options: options())
            _ = try loader.next()
            server.stop()
            let error = try #require(throws: DatasetError.self) { try rest(loader) }
            #expect(error.message.contains(server.address) && error.message.contains("tried 3 times"), "\(error)")
            let late = try #require(throws: DatasetError.self) { try Loader(ShardSource(server.address)) }
            #expect(late.message.contains("/dataset.json: cannot open: Connection refused"), "\(late)")
            let incapable = try Server(shards.folder, ["--no-ranges"])
            let whole = try Loader(ShardSource(incapable.address), options: options())
            let refusal = try #require(throws: DatasetError.self) { try rest(whole) }
            #expect(refusal.message.contains("does not give ranges"), "\(refusal)")
            let hanging = try Server(shards.folder, ["--hang"])
            let patient = try Loader(ShardSource(hanging.address), options: options(tries: 1))
            let silence = try #require(throws: DatasetError.self) { try patient.next() }
            #expect(silence.message.contains(".tar"), "\(silence)")
            // One that still waits for an answer goes away before it comes.
            var calm = options()
            calm.patience.timeout = 600
            let start = ContinuousClock.now
            _ = try Loader(ShardSource(hanging.address), options: calm)
            #expect(start.duration(to: .now) < .seconds(300))
        }
    }

    @Test("a command gives the same samples, with few copies alive", arguments: [true, false])
    func command(shuffle: Bool) throws {
        try withShards { shards in
            var options = options(shuffle: shuffle)
            options.prefetch = 1
            let source = try ShardSource("pipe:cat \(shards.folder)/{}")
            let loader = try Loader(source, options: options)
            for epoch in 0..<2 {
                if epoch > 0 { try loader.startEpoch(epoch) }
                #expect(try rest(loader) == shards.expected(options, epoch: epoch))
            }
            #expect(loader.statistics.largestOpenShards <= (shuffle ? 2 : 1) + 1)
        }
    }

    @Test("a failing command is tried again, then named with its last words")
    func failingCommand() throws {
        try withShards { shards in
            // Fails the first time that it is asked for a file.
            let moody =
                "pipe:f={}; if mkdir \(shards.folder)/\"$f\".asked 2>&-; then false; else cat \(shards.folder)/{}; fi"
            let loader = try Loader(ShardSource(moody), options: options())
            #expect(try rest(loader) == shards.expected(loader.options, epoch: 0))
            func message(_ command: String) throws -> String {
                let source = try ShardSource("pipe:" + command)
                return try #require(throws: DatasetError.self) { try rest(try Loader(source, options: options())) }
                    .description
            }
            let failing = try message(
                "case {} in *.tar) echo one >&2; echo no route >&2; exit 7;; esac; cat \(shards.folder)/{}")
            #expect(failing.contains("exit code 7: no route (tried 3 times)"), "\(failing)")
            let short = try message("case {} in *.tar) echo x;; *) cat \(shards.folder)/{};; esac")
            #expect(short.contains("printed 2 bytes where dataset.json says"), "\(short)")
            let endless = try message("case {} in *.tar) yes;; *) cat \(shards.folder)/{};; esac")
            #expect(endless.contains("printed more than"), "\(endless)")
            let none = try message("no-such-program {}")
            #expect(none.contains("exit code 127") && none.contains("not found"), "\(none)")
            // One that is still running is stopped with the loader.
            var calm = options()
            calm.patience.timeout = 600
            let hanging = "pipe:case {} in *.tar) sleep 600;; *) cat \(shards.folder)/{};; esac"
            let start = ContinuousClock.now
            _ = try Loader(ShardSource(hanging), options: calm)
            #expect(start.duration(to: .now) < .seconds(300))
        }
    }
}
