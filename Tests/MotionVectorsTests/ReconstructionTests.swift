import Codec
import MotionVectors
import Storage
import SystemPackage
import TestSupport
import Testing

@Suite struct ReconstructionTests {
    @Test(
        "an extraction folder rebuilds what the decoder gave",
        arguments: [
            "bframes=3:ref=4", "bframes=3:b-adapt=0:b-pyramid=strict:ref=3:keyint=8", "bframes=0:ref=1",
            "weightp=2:ref=4",
            "tff=1:bframes=2", "keyint=1", "open-gop=1:keyint=6:bframes=3",
        ], ResidualFormat.allCases)
    func closure(parameters: String, format: ResidualFormat) throws {
        try rebuild(Size(width: 120, height: 88), parameters, format, .stream)
    }

    @Test("estimated motion rebuilds as well", arguments: [MotionSource.search, .h264], ResidualFormat.allCases)
    func estimated(source: MotionSource, format: ResidualFormat) throws {
        try rebuild(Size(width: 72, height: 56), "bframes=3:ref=4", format, source)
    }

    private func rebuild(_ size: Size, _ parameters: String, _ format: ResidualFormat, _ source: MotionSource) throws {
        try withTemporaryFolder { folder in
            let (path, output) = (folder.appending("clip.mp4"), folder.appending("clip"))
            let count = 14
            try encode(try clip(size, count), to: path, parameters, crf: 24)
            var options = ExtractionOptions()
            options.source = source
            let summary = try ExtractionWriter(path: path, options: options, output: settings(output, format)).run()
            #expect(summary.frames == count)
            #expect(summary.damaged == 0 && summary.truncation == nil)
            #expect((summary.interlaced > 0) == parameters.contains("tff"))

            let reader = try VideoReader(path: path)
            let rebuilt = try Reconstruction(folder: output)
            #expect(rebuilt.frames.count == count)
            var seen = 0
            while let expected = try reader.next() {
                let found = try #require(try rebuilt.next())
                #expect(found.size == expected.size && found.format == expected.format)
                #expect(found.pixels == expected.pixels, "frame \(seen)")
                seen += 1
            }
            #expect(seen == count)
            #expect(try rebuilt.next() == nil)
            #expect(rebuilt.description.crop.applied(to: rebuilt.description.codedSize) == size)
        }
    }

    @Test("both formats hold the same values: 512 more in the video than in the arrays")
    func formats() throws {
        try withTemporaryFolder { folder in
            let (path, size) = (folder.appending("clip.mp4"), Size(width: 64, height: 48))
            try encode(try clip(size, 5), to: path, "bframes=1")
            for format in ResidualFormat.allCases {
                let output = folder.appending(format.rawValue)
                _ = try ExtractionWriter(path: path, options: ExtractionOptions(), output: settings(output, format))
                    .run()
            }
            let video = try VideoReader(path: folder.appending("mkv/residual.mkv"))
            let arrays = try ["y", "u", "v"].map {
                try NPYReader(path: folder.appending("npy/residual_\($0).npy"), type: .int16)
            }
            #expect(arrays.map(\.shape) == [[5, 48, 64], [5, 24, 32], [5, 24, 32]])
            var options = ExtractionOptions()
            options.residual = true
            let frames = try extractAll(path, options)
            #expect(frames.count == 5)
            for frame in frames {
                let picture = try #require(try video.next())
                let direct = try #require(frame.residual)
                for (index, array) in arrays.enumerated() {
                    var values = [Int16](repeating: 0, count: array.shape[1] * array.shape[2])
                    try values.withUnsafeMutableBufferPointer { try array.read(into: $0) }
                    #expect(direct.withPlane(index) { Array($0) } == values)
                    let words = picture.withPlane(index) { plane in
                        (0..<plane.height).flatMap { y in
                            let row = UnsafeRawBufferPointer(plane.row(y))
                            return (0..<plane.width).map {
                                Int16(littleEndian: row.loadUnaligned(fromByteOffset: 2 * $0, as: Int16.self))
                            }
                        }
                    }
                    #expect(words == values.map { $0 + 512 })
                }
            }
        }
    }

    @Test(
        "folders that are damaged or not complete are errors that name the file",
        arguments: ResidualFormat.allCases,
        ["stream.json", "frames.csv", "motion.npy", "residual"])
    func incomplete(format: ResidualFormat, part: String) throws {
        let name = part == "residual" ? (format == .mkv ? "residual.mkv" : "residual_u.npy") : part
        try withTemporaryFolder { folder in
            let (path, output) = (folder.appending("clip.mp4"), folder.appending("clip"))
            try encode(try clip(Size(width: 64, height: 48), 6), to: path, "bframes=2")
            _ = try ExtractionWriter(path: path, options: ExtractionOptions(), output: settings(output, format)).run()
            let file = output.appending(name)
            let whole = try contents(of: file)
            let others = [[], Array(whole.prefix(whole.count / 2)), Array("nonsense".utf8)]
            for bytes in others {
                try put(bytes, at: file)
                let error = try codecError { try readAll(output) }
                #expect(error.description.contains(name) || error.path == output)
            }
            try put(whole, at: file)
            try readAll(output)
        }
    }

    @Test("a flipped byte in the residual video is an error, not a wrong picture", arguments: [0.3, 0.5, 0.8])
    func flippedByte(place: Double) throws {
        try withTemporaryFolder { folder in
            let (path, output) = (folder.appending("clip.mp4"), folder.appending("clip"))
            try encode(try clip(Size(width: 64, height: 48), 6), to: path, "bframes=2")
            _ = try ExtractionWriter(path: path, options: ExtractionOptions(), output: settings(output, .mkv)).run()
            let file = output.appending("residual.mkv")
            var bytes = try contents(of: file)
            bytes[Int(Double(bytes.count) * place)] ^= 0x10
            try put(bytes, at: file)
            let error = try codecError { try readAll(output) }
            #expect(error.path == file)
            #expect(error.code == .damaged)
        }
    }

    @Test(
        "numbers that no sum holds are errors, not the end of the process",
        arguments: ["vectors", "decode", "seconds", "left", "top"])
    func hugeNumbers(field: String) async throws {
        // A trap would take the whole test run along: it happens in a process of its own.
        await #expect(processExitsWith: .success) { [field] in
            try ReconstructionTests().openWithHugeNumber(field)
        }
    }

    private func openWithHugeNumber(_ field: String) throws {
        try withTemporaryFolder { folder in
            let (path, output) = (folder.appending("clip.mp4"), folder.appending("clip"))
            try encode(try clip(Size(width: 64, height: 48), 3), to: path, "")
            _ = try ExtractionWriter(path: path, options: ExtractionOptions(), output: settings(output, .npy)).run()
            let columns = ["vectors": 8, "decode": 0, "seconds": 3]
            let file = output.appending(columns[field] != nil ? "frames.csv" : "stream.json")
            let opposites = ["left": "right", "top": "bottom"]
            let lines = String(decoding: try contents(of: file), as: UTF8.self).split(separator: "\n")
            let edited = lines.enumerated().map { index, line in
                if let column = columns[field], index > 0 {
                    var fields = line.split(separator: ",", omittingEmptySubsequences: false)
                    fields[column] = "9223372036854775807"
                    return fields.joined(separator: ",")
                }
                for name in [field, opposites[field] ?? ""] where line.contains("\"\(name)\" :") {
                    return "\"\(name)\" : 9223372036854775807" + (line.hasSuffix(",") ? "," : "")
                }
                return String(line)
            }
            try put(Array(edited.joined(separator: "\n").utf8), at: file)
            let error = try codecError { try readAll(output) }
            // It was read as numbers, not refused as nonsense.
            try #require(!error.message.contains("not what PFrame writes"))
        }
    }

    @Test("a folder without residual says how to get one")
    func withoutResidual() throws {
        try withTemporaryFolder { folder in
            let (path, output) = (folder.appending("clip.mp4"), folder.appending("clip"))
            try encode(try clip(Size(width: 64, height: 48), 3), to: path, "")
            _ = try ExtractionWriter(
                path: path, options: ExtractionOptions(), output: ExtractionOutput(folder: output)
            ).run()
            let error = try codecError { try readAll(output) }
            #expect(error.message.contains("with its residual") && error.code == .missing)
        }
    }

    private func readAll(_ folder: FilePath) throws {
        let rebuilt = try Reconstruction(folder: folder)
        while try rebuilt.next() != nil {}
    }

    private func settings(_ folder: FilePath, _ format: ResidualFormat) -> ExtractionOutput {
        var output = ExtractionOutput(folder: folder)
        output.residual = format
        return output
    }

    /// A pan with a disc that moves on its own.
    private func clip(_ size: Size, _ count: Int) throws -> [Picture] {
        try (0..<count).map { time in
            try Picture.make(size) { x, y in
                let (u, v) = (x - 10 - 5 * time, y - 30 + time)
                return u * u + v * v < 200
                    ? grain(u, v) : waves(Double(x) + 1.75 * Double(time), Double(y) - 0.5 * Double(time))
            }
        }
    }
}
