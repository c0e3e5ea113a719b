import Dataset
import Foundation
import Storage
import SystemPackage
import TestSupport
import Testing
import Train

/// Safetensors files against the `safetensors` package (`Tests/Peers/safetensors_expected.py`).
@Suite struct SafetensorsTests {
    private static let path = FilePath(#filePath).removingLastComponent().appending(
        "../../fixtures/train/tensors.safetensors")

    private static func expected() throws -> JSONValue {
        let path = FilePath(path.string + ".json")
        return try JSONValue(contents(of: path), path: path)
    }

    private static func bytes(_ file: SafetensorsFile, _ name: String) throws -> [UInt8] {
        try file.withBytes(of: name) { Array($0) }
    }

    /// What opening `bytes` as a file throws.
    private static func error(_ bytes: [UInt8], in folder: FilePath) throws -> PFrameError {
        let path = folder.appending("damaged.safetensors")
        try put(bytes, at: path)
        let error = try #require(throws: PFrameError.self) { try SafetensorsFile(path) }
        #expect(error.path == path && !error.message.contains("\n"))
        return error
    }

    /// A file with a header of our own making.
    private static func file(_ header: String, bytes: Int) -> [UInt8] {
        let text = Array(header.utf8)
        let length = (0..<8).map { UInt8(truncatingIfNeeded: text.count >> ($0 * 8)) }
        return length + text + [UInt8](repeating: 7, count: bytes)
    }

    @Test func readsWhatThePackageWrote() throws {
        let (file, expected) = (try SafetensorsFile(Self.path), try Self.expected())
        #expect(file.metadata == expected["metadata"]?.members?.compactMapValues(\.string))
        let tensors = try #require(expected["tensors"]?.members)
        #expect(Set(file.names) == Set(tensors.keys) && file.names.count == tensors.count)
        #expect(Set(tensors.values.compactMap { $0["dtype"]?.string }).count == ElementType.allCases.count)
        for (name, tensor) in tensors {
            let entry = try #require(file[name])
            #expect(entry.type.rawValue == tensor["dtype"]?.string)
            #expect(entry.shape == tensor["shape"]?.array?.compactMap(\.int))
            let digits = try Self.bytes(file, name).map { String(format: "%02x", $0) }.joined()
            #expect(digits == tensor["bytes"]?.string, "\(name)")
        }
        let all = try file.names.flatMap { try Self.bytes(file, $0) }
        #expect(try contents(of: Self.path).suffix(all.count) == all[...], "the names are not in the order of the file")
    }

    @Test func saysThatATensorIsNotThere() throws {
        let file = try SafetensorsFile(Self.path)
        #expect(file["layer"] == nil)
        let error = try #require(throws: PFrameError.self) { try Self.bytes(file, "layer") }
        #expect(error.message.contains("no tensor 'layer'; it holds layer.i64"), "\(error)")
    }

    @Test func refusesAFileThatWasCutShort() throws {
        let whole = try contents(of: Self.path)
        try withTemporaryFolder { folder in
            for count in whole.indices {
                let message = try Self.error(Array(whole[..<count]), in: folder).message
                #expect(message.contains("cut short; copy or download it again"), "\(count): \(message)")
            }
            let message = try Self.error(Array(whole.dropLast()), in: folder).message
            #expect(message.hasPrefix("holds 1,168 of 1,169 bytes: the file was cut short"), "\(message)")
            let longer = try Self.error(whole + [0, 0], in: folder).message
            #expect(longer.hasPrefix("holds 2 bytes behind the last tensor"), "\(longer)")
        }
    }

    /// One byte changed in the length or the header: read or refused as the package does.
    @Test func judgesDamageAsThePackageDoes() throws {
        let whole = try contents(of: Self.path)
        let changes = try #require(try Self.expected()["changes"]?.array)
        #expect(changes.count == 600)
        try withTemporaryFolder { folder in
            let path = folder.appending("changed.safetensors")
            for change in changes {
                let change = try #require(change.array)
                var bytes = whole
                let offset = try #require(change[0].int)
                try bytes[offset] ^= UInt8(#require(change[1].int))
                try put(bytes, at: path)
                do {
                    let file = try SafetensorsFile(path)
                    #expect(change[2] == .bool(true), "\(change) is read")
                    for name in file.names {
                        let entry = try #require(file[name])
                        #expect(try Self.bytes(file, name).count == entry.shape.reduce(entry.type.size, *))
                    }
                } catch let error as PFrameError {
                    #expect(change[2] == .bool(false), "\(change): \(error)")
                }
            }
        }
    }

    @Test func survivesAnyDamage() throws {
        let whole = try contents(of: Self.path)
        var random = SplitMix64(seed: 1)
        try withTemporaryFolder { folder in
            let path = folder.appending("changed.safetensors")
            var refused = 0
            for _ in 0..<2000 {
                var bytes = whole
                for _ in 0..<Int.random(in: 1...6, using: &random) {
                    bytes[Int.random(in: 0..<900, using: &random)] = UInt8.random(in: 0...255, using: &random)
                }
                try put(bytes, at: path)
                do {
                    let file = try SafetensorsFile(path)
                    for name in file.names { _ = try Self.bytes(file, name) }
                } catch is PFrameError { refused += 1 }
            }
            #expect(refused > 1000)
        }
    }

    private static let a = "\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]}"

    @Test(arguments: [
        ("{}", 0, nil), ("{\(a)}  ", 4, nil), ("{\"__metadata__\":{},\(a)}", 4, nil),
        ("{\(a),\(a)}", 4, "a name occurs twice"),
        ("{\(a),\"b\":{\"dtype\":\"U8\",\"shape\":[2],\"data_offsets\":[3,5]}}", 5, "'b' overlaps"),
        ("{\(a),\"b\":{\"dtype\":\"U8\",\"shape\":[2],\"data_offsets\":[5,7]}}", 7, "'b' leaves a gap"),
        ("{\(a),\"b\":{\"dtype\":\"U8\",\"shape\":[2],\"data_offsets\":[0,2]}}", 4, "overlaps"),
        ("{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[4,0]}}", 4, "impossible"),
        ("{\"a\":{\"dtype\":\"F32\",\"shape\":[-1],\"data_offsets\":[0,4]}}", 4, "impossible"),
        ("{\"a\":{\"dtype\":\"F32\",\"shape\":[1.0],\"data_offsets\":[0,4]}}", 4, "impossible"),
        ("{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,4]}}", 4, "'a' of F32 [2] has 4 bytes"),
        (
            "{\"a\":{\"dtype\":\"U8\",\"shape\":[4294967296,4294967296],\"data_offsets\":[0,0]}}", 0,
            "'a' of U8 [4294967296, 4294967296] has 0 bytes"
        ),
        (
            "{\"a\":{\"dtype\":\"U8\",\"shape\":[9223372036854775807],\"data_offsets\":[0,9223372036854775807]}}", 0,
            "impossible"
        ),
        ("{\"a\":{\"dtype\":\"F8_E4M3\",\"shape\":[4],\"data_offsets\":[0,4]}}", 4, "known are F32, F16"),
        ("{\"a\":{\"shape\":[1],\"data_offsets\":[0,4]}}", 4, "lacks a dtype"), ("{\"a\":3}", 0, "lacks a dtype"),
        ("{\"__metadata__\":{\"step\":1},\(a)}", 4, "__metadata__ is not an object of strings"),
        ("{\"__metadata__\":[],\(a)}", 4, "__metadata__ is not an object of strings"),
        ("{\(a)", 4, "at byte 61: no valid JSON"), ("[]", 0, "is not a safetensors file"),
        ("{", 0, "is not a safetensors file"),
    ]) func saysWhatIsWrong(_ header: String, _ count: Int, _ message: String?) throws {
        try withTemporaryFolder { folder in
            let bytes = Self.file(header, bytes: count)
            guard let message else {
                let path = folder.appending("whole.safetensors")
                try put(bytes, at: path)
                #expect(try SafetensorsFile(path).names == (count > 0 ? ["a"] : []))
                return
            }
            let error = try Self.error(bytes, in: folder)
            #expect(error.message.contains(message), "\(error)")
        }
    }

    @Test func refusesWhatIsNoFile() throws {
        try withTemporaryFolder { folder in
            #expect(throws: PFrameError.self) { try SafetensorsFile(folder) }
            #expect(throws: PFrameError.self) { try SafetensorsFile(folder.appending("missing.safetensors")) }
            let archive = try Self.error(Array("PK\u{3}\u{4}".utf8) + [UInt8](repeating: 0, count: 60), in: folder)
            #expect(archive.message.contains("is not a safetensors file"))
        }
    }

    /// A copy, tensor by tensor, of the package's file: its elements byte for byte, its header as Foundation reads it.
    @Test func writesWhatIsRead() throws {
        let source = try SafetensorsFile(Self.path)
        let entries = try source.names.map { name in
            let entry = try #require(source[name])
            return (name: name, type: entry.type, shape: entry.shape)
        }
        try withTemporaryFolder { folder in
            let path = folder.appending("copy.safetensors")
            try put([1, 2, 3], at: path)
            var writer = try SafetensorsWriter(path: path, entries: entries, metadata: source.metadata)
            for name in source.names {
                try source.withBytes(of: name) { bytes throws(PFrameError) in try writer.append(bytes) }
                #expect(try contents(of: path) == [1, 2, 3], "an unfinished file has its name")
            }
            try writer.finish()
            #expect(try FileManager.default.contentsOfDirectory(atPath: folder.string) == ["copy.safetensors"])

            let (written, original) = (try contents(of: path), try contents(of: Self.path))
            func parts(_ bytes: [UInt8]) throws -> (header: NSDictionary, elements: ArraySlice<UInt8>) {
                let end = 8 + bytes[..<8].reversed().reduce(0) { $0 << 8 + Int($1) }
                #expect(end % 8 == 0)
                let header = try JSONSerialization.jsonObject(with: Data(bytes[8..<end])) as? NSDictionary
                return (try #require(header), bytes[end...])
            }
            #expect(try parts(written).header == parts(original).header)
            #expect(try parts(written).elements == parts(original).elements)
            #expect(try SafetensorsFile(path).names == source.names)
        }
    }

    @Test func writesAFileWithoutTensors() throws {
        try withTemporaryFolder { folder in
            let path = folder.appending("none.safetensors")
            try SafetensorsWriter(path: path, entries: []).finish()
            #expect(try contents(of: path) == [8, 0, 0, 0, 0, 0, 0, 0] + Array("{}      ".utf8))
            let file = try SafetensorsFile(path)
            #expect(file.names.isEmpty && file.metadata.isEmpty)
        }
    }

    @Test func leavesNothingWhereItIsGivenUp() throws {
        try withTemporaryFolder { folder in
            let path = folder.appending("kept.safetensors")
            try put([9], at: path)
            do {
                var writer = try SafetensorsWriter(path: path, entries: [("a", .uint8, [3]), ("b", .uint8, [1])])
                try [UInt8](repeating: 1, count: 3).withUnsafeBytes { try writer.append($0) }
                #expect(try FileManager.default.contentsOfDirectory(atPath: folder.string).count == 2)
            }
            #expect(try FileManager.default.contentsOfDirectory(atPath: folder.string) == ["kept.safetensors"])
            #expect(try contents(of: path) == [9])
        }
    }

    @Test func reportsAFullDisk() throws {
        try withTemporaryFolder { folder in
            let path = folder.appending("full.safetensors")
            try FileManager.default.createSymbolicLink(atPath: path.string + ".tmp", withDestinationPath: "/dev/full")
            let error = try #require(throws: PFrameError.self) {
                _ = try SafetensorsWriter(path: path, entries: [("a", .uint8, [3])])
            }
            #expect(error.path == path && error.message.contains("No space left on device; make room"), "\(error)")
            #expect(try FileManager.default.contentsOfDirectory(atPath: folder.string).isEmpty)
            let missing = try #require(throws: PFrameError.self) {
                _ = try SafetensorsWriter(path: folder.appending("no/such.safetensors"), entries: [])
            }
            #expect(missing.message.contains("cannot create the file"), "\(missing)")
        }
    }
}
