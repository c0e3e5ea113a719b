import Codec
import Storage
import SystemPackage
import TestSupport
import Testing

@Suite struct OutputFileTests {
    @Test("bytes arrive in order, whatever the pieces", arguments: [0, 1, 4096, (1 << 18) - 1, 1 << 18, (1 << 18) + 1])
    func pieces(size: Int) throws {
        var random = SplitMix64(seed: UInt64(size))
        let piece = (0..<size).map { _ in UInt8.random(in: 0...255, using: &random) }
        try withTemporaryFolder { folder in
            let path = folder.appending("file")
            try put([UInt8](repeating: 1, count: 10), at: path)
            var file = try OutputFile(path: path)
            try file.write("start\n")
            try file.write(piece)
            try piece.withUnsafeBytes { try file.write($0) }
            try file.write("end")
            #expect(file.size == 9 + 2 * size)
            try file.overwriteStart(Array("START".utf8))
            try file.close()
            #expect(try contents(of: path) == Array("START\n".utf8) + piece + piece + Array("end".utf8))
        }
    }

    @Test("a missing folder, a folder in the way and a file as a folder are errors that name the path")
    func places() throws {
        try withTemporaryFolder { folder in
            try createFolder(folder.appending("taken"))
            try put([], at: folder.appending("plain"))
            for (name, code) in [
                ("missing/file", PFrameError.Code.missing), ("taken", .usage), ("plain/file", .missing),
            ] {
                let path = folder.appending(name)
                let error = try codecError { _ = try OutputFile(path: path) }
                #expect(error.path == path)
                #expect(error.description.contains(path.string))
                #expect(error.message.hasPrefix("cannot create the file: "))
                #expect(error.code == code)
            }
        }
    }

    @Test("a full disk is an error, however little is written", arguments: [1, 1 << 18, 1 << 20])
    func fullDisk(size: Int) throws {
        let error = try codecError {
            var file = try OutputFile(path: "/dev/full")
            try file.write([UInt8](repeating: 0, count: size))
            try file.close()
        }
        #expect(error.path == "/dev/full")
        #expect(error.message.contains("No space left") && error.code == .full)
        let large = try codecError {
            var file = try OutputFile(path: "/dev/full")
            try [UInt8](repeating: 0, count: 1 << 19).withUnsafeBytes { try file.write($0) }
        }
        #expect(large.message.contains("No space left") && large.code == .full)
    }
}
