import Codec
import MotionVectors
import Storage
import SystemPackage
import TestSupport
import Testing

/// The two formats of `motion.npy`.
@Suite struct MotionFileTests {
    private static func row(_ change: (inout MotionRow) -> Void = { _ in }) -> MotionRow {
        var row = MotionRow(frame: 7, reference: 5, vector: MotionVector(blockX: 32, y: 16, size: 16, dx: -3, dy: 2))
        change(&row)
        return row
    }

    @Test("rows come back from both", arguments: MotionFormat.allCases)
    func roundTrip(_ format: MotionFormat) throws {
        var random = SplitMix64(seed: 4)
        let rows = (0..<3000).map { number in
            let scale: Int32 = [2, 4][number % 2]
            let (x, y) = (
                Int32.random(in: -16_000...16_384, using: &random), Int32.random(in: -64...16_384, using: &random)
            )
            let (dx, dy) = (
                Int32.random(in: -8192...8191, using: &random), Int32.random(in: -2048...2047, using: &random)
            )
            return MotionRow(
                frame: Int32(number) * 700_000, reference: Int32(number) * 700_000 - 2,
                vector: MotionVector(
                    source: number % 3 == 0 ? 1 : -1, width: 16, height: 8, sourceX: x + dx / scale,
                    sourceY: y + dy / scale,
                    destinationX: x, destinationY: y, motionX: dx, motionY: dy, motionScale: scale))
        }
        try withTemporaryFolder { folder in
            let path = folder.appending("motion.npy")
            let writer = try MotionWriter(path: path, format: format)
            try writer.append(Array(rows[..<1000]))
            try writer.append([])
            try writer.append(Array(rows[1000...]))
            try writer.close()
            #expect(try contents(of: path).count % 64 == 3000 * format.bytesPerVector % 64)
            let reader = try MotionReader(path: path)
            #expect(reader.count == 3000)
            #expect(try reader.read(1) + reader.read(0) + reader.read(2999) == rows)
            #expect(throws: PFrameError.self) { try reader.read(1) }
        }
    }

    @Test("a vector without room is an error, with the remedy", arguments: 0..<9)
    func hasNoRoom(_ number: Int) throws {
        let row = Self.row { row in
            switch number {
            case 0: row.vector.motionX = 40_000
            case 1: row.vector.motionY = -32_769
            case 2: row.vector.destinationX = 32_768
            case 3: row.vector.width = 256
            case 4: row.vector.height = -1
            case 5: row.vector.motionScale = 0
            case 6: row.vector.sourceX += 1
            case 7: row.vector.sourceY -= 1
            default: row.vector.source = 200
            }
        }
        try withTemporaryFolder { folder in
            for format in MotionFormat.allCases {
                let writer = try MotionWriter(path: folder.appending("motion.npy"), format: format)
                try writer.append([Self.row()])
                if format == .wide {
                    try writer.append([row])
                    continue
                }
                let error = try #require(throws: PFrameError.self) { try writer.append([row]) }
                #expect(error.code == .unsupported && error.message.contains("the format wide"), "\(error)")
                #expect(error.message.hasPrefix("frame 7: "), "\(error)")
            }
        }
    }

    @Test(
        "an estimate after the first pictures comes near the end", arguments: MotionFormat.allCases,
        [MotionSource.stream, .bitstream])
    func estimates(_ format: MotionFormat, _ source: MotionSource) throws {
        try withTemporaryFolder { folder in
            let clip = folder.appending("clip.mp4")
            let pictures = try (0..<90).map { number in
                try Picture.make(Size(width: 96, height: 64)) { x, y in
                    waves(Double(x) + Double(number) * 1.5, Double(y))
                }
            }
            try encode(pictures, to: clip, "bframes=0:weightp=0")
            var output = ExtractionOutput(folder: folder.appending("x"))
            (output.motionFormat, output.residual, output.fieldCellSize) = (format, source == .stream ? .npy : nil, 16)
            var estimates: [ExtractionEstimate] = []
            var options = ExtractionOptions()
            options.source = source
            let summary = try ExtractionWriter(path: clip, options: options, output: output)
                .run(announce: { estimates.append($0) })
            let estimate = try #require(estimates.first)
            #expect(estimates.count == 1 && summary.frames == 90)
            #expect(abs(estimate.vectors - summary.vectors) < summary.vectors / 10, "\(estimate), \(summary)")
            // The table of frames and the description are no arrays.
            #expect(abs(estimate.bytes - summary.bytes) < summary.bytes / 10, "\(estimate), \(summary)")
        }
    }
}
