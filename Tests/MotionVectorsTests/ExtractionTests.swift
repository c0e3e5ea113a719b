import Codec
import MotionVectors
import Storage
import SystemPackage
import TestSupport
import Testing

@Suite struct ExtractionTests {
    @Test(
        "a sub-pixel pan without loop filter leaves no residual in most macroblocks",
        arguments: [(0.25, 0.5), (1.5, -0.75), (-2.75, 1.25)])
    func zeroResidual(dx: Double, dy: Double) throws {
        try withTemporaryFolder { folder in
            let (path, size) = (folder.appending("clip.mp4"), Size(width: 160, height: 128))
            let pictures = try (0..<8).map { time in
                try Picture.make(size) { x, y in
                    waves(0.3 * (Double(x) + dx * Double(time)), 0.3 * (Double(y) + dy * Double(time)))
                }
            }
            try encode(
                pictures, to: path,
                "no-deblock=1:weightp=0:ref=1:bframes=0:qp=24:keyint=infinite:scenecut=0:aq-mode=0:mbtree=0")
            var options = ExtractionOptions()
            options.residual = true
            let frames = try extractAll(path, options)
            var (zero, covered, energy, stillEnergy) = (0, 0, 0, 0)
            for (index, frame) in frames.enumerated() where frame.record.type == .predicted {
                let residual = try #require(frame.residual).withPlane(0) { Array($0) }
                let (current, previous) = (Pixels(frame.picture, 0), Pixels(frames[index - 1].picture, 0))
                try checkPrediction(frame, residual, current, previous)
                let field = MotionField(frame.rows, size: size, cellSize: 8)
                for top in stride(from: 16, to: size.height - 16, by: 16) {
                    for left in stride(from: 16, to: size.width - 16, by: 16) {
                        let cells = [0, 1, field.columns, field.columns + 1].map {
                            top / 8 * field.columns + left / 8 + $0
                        }
                        guard cells.allSatisfy({ field.mask[$0] == 1 }) else { continue }
                        covered += 1
                        var sum = 0
                        for y in top..<top + 16 {
                            for x in left..<left + 16 {
                                let value = Int(residual[y * size.width + x])
                                sum += value * value
                                let still = current.at(x, y) - previous.at(x, y)
                                stillEnergy += still * still
                            }
                        }
                        energy += sum
                        if sum == 0 { zero += 1 }
                    }
                }
            }
            #expect(covered > 7 * 48 * 8 / 10)
            #expect(Double(zero) > 0.6 * Double(covered), "\(zero) of \(covered)")
            #expect(Double(energy) < 0.05 * Double(stillEnergy), "\(energy) of \(stillEnergy)")
        }
    }

    /// Luma residual of every covered pixel, from the standard's formulas and the picture before.
    private func checkPrediction(
        _ frame: ExtractedFrame, _ residual: [Int16], _ current: Pixels, _ previous: Pixels
    ) throws {
        var expected = current.values.map { Int16($0) }
        try previous.withPlane { plane in
            for vector in frame.rows.map(\.vector) {
                for y in max(0, vector.top)..<min(current.height, vector.top + Int(vector.height)) {
                    for x in max(0, vector.left)..<min(current.width, vector.left + Int(vector.width)) {
                        let value = PlainKernels.luma(
                            plane, x: 4 * x + Int(vector.motionX), y: 4 * y + Int(vector.motionY))
                        expected[y * current.width + x] = Int16(current.at(x, y)) - Int16(value)
                    }
                }
            }
        }
        #expect(residual == expected)
    }

    @Test(
        "libavcodec's vectors are the same with and without pixels", arguments: ["bframes=0:ref=1", "bframes=3:ref=4"])
    func vectorsAlone(parameters: String) throws {
        try withTemporaryFolder { folder in
            let path = folder.appending("clip.mp4")
            try encode(try pan(12), to: path, parameters)
            let alone = try extractAll(path, ExtractionOptions())
            var options = ExtractionOptions()
            (options.residual, options.references) = (true, .inferred)
            let full = try extractAll(path, options)
            #expect(alone.map(\.record) == full.map(\.record))
            #expect(alone.map { $0.rows.map(\.vector) } == full.map { $0.rows.map(\.vector) })
            #expect(alone.allSatisfy { $0.rows.allSatisfy { $0.reference == MotionRow.unknown } && $0.residual == nil })
            #expect(full.allSatisfy { $0.rows.allSatisfy { $0.reference != MotionRow.unknown } })
            #expect(full.map(\.record.display) == Array(0..<12))
            #expect(full.map(\.record.decode).sorted() == Array(0..<12))
            #expect(full.filter { $0.record.type != .intra }.allSatisfy { !$0.rows.isEmpty })
        }
    }

    @Test("a limit stops there", arguments: [1, 5, 12, 100])
    func limit(limit: Int) throws {
        try withTemporaryFolder { folder in
            let path = folder.appending("clip.mp4")
            try encode(try pan(12), to: path, "bframes=3:ref=4")
            var options = ExtractionOptions()
            options.frameLimit = limit
            (options.residual, options.references) = (true, .inferred)
            let (some, all) = (try extractAll(path, options), try extractAll(path, ExtractionOptions()))
            #expect(some.count == min(limit, 12))
            #expect(some.map { $0.rows.map(\.vector) } == all.prefix(limit).map { $0.rows.map(\.vector) })
        }
    }

    @Test("search finds the pan of any stream, each frame from the one displayed before")
    func search() throws {
        try withTemporaryFolder { folder in
            let (path, size) = (folder.appending("clip.mkv"), Size(width: 96, height: 96))
            let writer = try VideoWriter(
                path: path, settings: .ffv1, size: size, timeBase: Rational(1, 25), frameRate: Rational(25, 1))
            for time in 0..<4 {
                try writer.write(try Picture.make(size) { x, y in grain(x - 2 * time, y + 5 * time) }, at: time)
            }
            try writer.finish()
            let error = try codecError { _ = try Extraction(path: path) }
            #expect(error.path == path)
            #expect(error.message.contains("ffv1") && error.message.contains("search"))
            #expect(error.code == .unsupported)
            var options = ExtractionOptions()
            options.source = .search
            let frames = try extractAll(path, options)
            #expect(frames.count == 4)
            for frame in frames {
                #expect(frame.rows.isEmpty == (frame.record.display == 0))
                for row in frame.rows where row.vector.left >= 16 && row.vector.top < 80 {
                    #expect((row.vector.motionX, row.vector.motionY) == (-8, 20))
                    #expect(Int(row.reference) == frame.record.display - 1)
                }
            }
        }
    }

    private func pan(_ count: Int) throws -> [Picture] {
        try (0..<count).map { time in
            try Picture.make(Size(width: 96, height: 80)) { x, y in
                waves(Double(x) + 1.75 * Double(time), Double(y) - 0.5 * Double(time))
            }
        }
    }
}
