import Codec
import MotionVectors
import Storage
import SystemPackage
import TestSupport
import Testing

@Suite struct NPYTests {
    @Test("int32 rows are written and read", arguments: [0, 1, 7, 30_000])
    func int32(count: Int) throws {
        var random = SplitMix64(seed: 1)
        let values = (0..<count * 12).map { _ in Int32.random(in: .min ... .max, using: &random) }
        try roundTrip(values, .int32, [12], "<i4")
    }

    @Test("int16 volumes are written and read", arguments: [[1], [3, 5, 2], [], [17]])
    func int16(shape: [Int]) throws {
        var random = SplitMix64(seed: 2)
        let values = (0..<4 * shape.reduce(1, *)).map { _ in Int16.random(in: .min ... .max, using: &random) }
        try roundTrip(values, .int16, shape, "<i2")
    }

    @Test("bytes are written and read")
    func uint8() throws {
        var random = SplitMix64(seed: 3)
        try roundTrip((0..<600).map { _ in UInt8.random(in: 0...255, using: &random) }, .uint8, [10, 20], "|u1")
    }

    private func roundTrip<Element: FixedWidthInteger & BitwiseCopyable>(
        _ values: [Element], _ type: NPYType, _ itemShape: [Int], _ name: String
    ) throws {
        try withTemporaryFolder { folder in
            let path = folder.appending("array.npy")
            let writer = try NPYWriter(path: path, type: type, itemShape: itemShape)
            try writer.append(Array(values.prefix(values.count / 3)))
            try writer.append(Array(values.dropFirst(values.count / 3)))
            try writer.close()
            let shape = [values.count / itemShape.reduce(1, *)] + itemShape

            // Every number of the format by hand: NEP 1.
            let bytes = try contents(of: path)
            #expect(bytes.count == 128 + values.count * Element.bitWidth / 8)
            #expect(Array(bytes.prefix(10)) == [0x93, 0x4E, 0x55, 0x4D, 0x50, 0x59, 1, 0, 118, 0])
            #expect(bytes[127] == 0x0A)
            let header = String(decoding: bytes[10..<127], as: UTF8.self)
            let tuple = "(" + shape.map { "\($0)" }.joined(separator: ", ") + (shape.count == 1 ? ",)" : ")")
            let dictionary = "{'descr': '\(name)', 'fortran_order': False, 'shape': \(tuple), }"
            #expect(header == dictionary + String(repeating: " ", count: 117 - dictionary.count))
            let payload = values.flatMap { value in
                (0..<Element.bitWidth / 8).map { UInt8(truncatingIfNeeded: value >> Element($0 * 8)) }
            }
            #expect(Array(bytes[128...]) == payload)

            let reader = try NPYReader(path: path, type: type)
            #expect(reader.shape == shape)
            var back = [Element](repeating: 0, count: values.count)
            let half = values.count / 2
            try back.withUnsafeMutableBufferPointer { buffer in
                try reader.read(into: UnsafeMutableBufferPointer(rebasing: buffer[..<half]))
                try reader.read(into: UnsafeMutableBufferPointer(rebasing: buffer[half...]))
            }
            #expect(back == values)
            var more: [Element] = [0]
            #expect(throws: PFrameError.self) { try more.withUnsafeMutableBufferPointer { try reader.read(into: $0) } }
        }
    }

    @Test(
        "numpy's other spellings of the header are read",
        arguments: [
            (1, "{'descr': '<i2', 'fortran_order': False, 'shape': (2, 3), }"),
            (2, "{'descr': '<i2', 'fortran_order': False, 'shape': (2,3)}"),
            (3, "{'shape': (2, 3), 'fortran_order': False, 'descr': '<i2'}"),
        ])
    func versions(version: UInt8, dictionary: String) throws {
        try withTemporaryFolder { folder in
            let path = folder.appending("array.npy")
            try put(file(version, dictionary, [UInt8](0..<12)), at: path)
            let reader = try NPYReader(path: path, type: .int16)
            #expect(reader.shape == [2, 3])
            var values = [Int16](repeating: 0, count: 6)
            try values.withUnsafeMutableBufferPointer { try reader.read(into: $0) }
            #expect(values == [0x0100, 0x0302, 0x0504, 0x0706, 0x0908, 0x0B0A])
        }
    }

    @Test(
        "what is no such array is an error that names the path",
        arguments: [
            "{'descr': '<i4', 'fortran_order': False, 'shape': (2, 3), }",
            "{'descr': '>i2', 'fortran_order': False, 'shape': (2, 3), }",
            "{'descr': '<i2', 'fortran_order': True, 'shape': (2, 3), }",
            "{'descr': '<i2', 'fortran_order': False, 'shape': (2, 4), }",
            "{'descr': '<i2', 'fortran_order': False, 'shape': (2, 2), }",
            "{'descr': '<i2', 'fortran_order': False, 'shape': (2, -3), }",
            "{'descr': '<i2', 'fortran_order': False, 'shape': (2, x), }",
            "{'descr': '<i2', 'fortran_order': False, 'shape': (2, 3",
            "{'descr': '<i2', 'fortran_order': False, 'shape': (1099511627776, 1099511627776), }",
            "{'descr': '<i2', 'fortran_order': False, 'shape': (99999999999999999999999, 3), }",
            "{'descr': '<i2', 'fortran_order': False, 'shape': (4611686018427387903,), }", "", "{}",
        ])
    func wrongHeaders(dictionary: String) throws { try wrongHeader(dictionary, .int16) }

    private func wrongHeader(_ dictionary: String, _ type: NPYType) throws {
        try withTemporaryFolder { folder in
            let path = folder.appending("array.npy")
            try put(file(1, dictionary, [UInt8](repeating: 0, count: 12)), at: path)
            let error = try codecError { _ = try NPYReader(path: path, type: type) }
            #expect(error.path == path)
            #expect(!error.message.isEmpty)
        }
    }

    @Test("a shape whose bytes no number counts is an error, not the end of the process")
    func hugeShape() async {
        await #expect(processExitsWith: .success) {
            // 2⁶³ − 1 = 60247241209 · 153092023: the payload alone can still be counted.
            try NPYTests().wrongHeader(
                "{'descr': '|u1', 'fortran_order': False, 'shape': (60247241209, 153092023), }", .uint8)
        }
    }

    @Test("files that end early are errors", arguments: [0, 5, 11, 60, 127, 128, 139, 151])
    func truncated(length: Int) throws {
        try withTemporaryFolder { folder in
            let path = folder.appending("array.npy")
            let writer = try NPYWriter(path: path, type: .int32, itemShape: [3])
            try writer.append([1, 2, 3, 4, 5, 6] as [Int32])
            try writer.close()
            try put(Array(try contents(of: path).prefix(length)), at: path)
            let error = try codecError { _ = try NPYReader(path: path, type: .int32) }
            #expect(error.code == .damaged)
        }
    }

    @Test("texts, folders and missing files are errors", arguments: ["text.npy", "folder.npy", "missing.npy"])
    func noArray(name: String) throws {
        try withTemporaryFolder { folder in
            let path = folder.appending(name)
            if name == "text.npy" { try put(Array("NUMPY is what this is not, in many words".utf8), at: path) }
            if name == "folder.npy" { try createFolder(path) }
            let error = try codecError { _ = try NPYReader(path: path, type: .uint8) }
            #expect(error.path == path)
            let codes: [String: PFrameError.Code] = ["missing.npy": .missing, "folder.npy": .usage]
            #expect(error.code == codes[name] ?? .damaged)
        }
    }

    @Test("parts of items and full disks do not pass for arrays")
    func failingWriter() throws {
        try withTemporaryFolder { folder in
            let writer = try NPYWriter(path: folder.appending("array.npy"), type: .int32, itemShape: [3])
            try writer.append([1, 2] as [Int32])
            #expect(throws: PFrameError.self) { try writer.close() }
        }
        let error = try codecError {
            let writer = try NPYWriter(path: "/dev/full", type: .uint8, itemShape: [])
            try writer.append([1] as [UInt8])
            try writer.close()
        }
        #expect(error.message.contains("No space left") && error.code == .full)
    }

    private func file(_ version: UInt8, _ dictionary: String, _ payload: [UInt8]) -> [UInt8] {
        let text = Array(dictionary.utf8) + [0x0A]
        let length = [UInt8(text.count & 255), UInt8(text.count >> 8)] + (version == 1 ? [] : [0, 0])
        return [0x93] + Array("NUMPY".utf8) + [version, 0] + length + text + payload
    }
}
