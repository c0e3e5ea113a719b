import Codec
import MotionVectors
import Storage
import SystemPackage
import TestSupport
import Testing

/// Points traced along the vectors of a stream, against plain tracing through all rows of an extraction.
@Suite struct TracedMotionTests {
    private static let size = Size(width: 128, height: 96)

    /// A texture that moves by whole pixels per picture.
    private static func pan(_ dx: Int, _ dy: Int, pictures: Int = 14) throws -> [Picture] {
        try (0..<pictures).map { time in try Picture.make(size) { x, y in clouds(x - dx * time, y - dy * time) } }
    }

    /// Where a point comes from, row by row: the block around the point in its picture, list 0 where it has one; then the
    /// same in the picture that the block predicts from.
    private static func source(
        of point: SIMD2<Double>, in picture: Int, from earlier: Int, _ frames: [ExtractedFrame]
    ) -> SIMD2<Double>? {
        guard picture > earlier else { return point }
        let x = min(max(Int(point.x.rounded(.down)), 0), size.width - 1)
        let y = min(max(Int(point.y.rounded(.down)), 0), size.height - 1)
        let around = frames[picture].rows.filter { row in
            let (left, top) = (row.vector.left, row.vector.top)
            return row.reference >= 0 && left..<(left + Int(row.vector.width)) ~= x
                && top..<(top + Int(row.vector.height)) ~= y
        }
        guard let row = around.first(where: { $0.vector.source < 0 }) ?? around.first else { return nil }
        let quarter = row.vector.quarterPel
        var step = SIMD2(Double(quarter.x), Double(quarter.y)) / 4
        let reference = Int(row.reference)
        if reference < earlier { step *= Double(picture - earlier) / Double(picture - reference) }
        return source(of: point + step, in: max(reference, earlier), from: earlier, frames)
    }

    @Test(
        "tracing equals plain tracing through all rows",
        arguments: [
            "bframes=0:ref=1:weightp=0:keyint=9:scenecut=0", "bframes=3:b-adapt=0:ref=4:keyint=30:scenecut=0:qp=26",
            "bframes=2:b-pyramid=strict:b-adapt=0:ref=2:keyint=7:open-gop=1:scenecut=0",
        ])
    func plainTracing(parameters: String) throws {
        try withTemporaryFolder { folder in
            let path = folder.appending("clip.mp4")
            let pictures = try (0..<20).map { time in
                try Picture.make(Self.size) { x, y in
                    let (u, v) = (x - 30 - 4 * time, y - 40)
                    return u * u + v * v < 400
                        ? grain(u, v, seed: 5) : waves(Double(x) + 1.25 * Double(time), Double(y) - 0.5 * Double(time))
                }
            }
            try encode(pictures, to: path, parameters)
            var options = ExtractionOptions()
            options.references = .inferred
            let frames = try extractAll(path, options)
            let video = try TracedReader(try VideoReader(path: path))
            var (traced, missing, passed) = (0, 0, 0)
            var number = 0
            while try video.next() != nil {
                for distance in [0, 1, 3, 4] where number >= distance {
                    for y in stride(from: 1.5, to: 96, by: 10) {
                        for x in stride(from: 2.25, to: 128, by: 11) {
                            let point = SIMD2(x, y)
                            let found = video.source(of: point, in: number, from: number - distance)
                            let expected = Self.source(of: point, in: number, from: number - distance, frames)
                            #expect(found == expected, "\(point) of \(number), \(distance) back")
                            if found == nil { missing += 1 } else { traced += 1 }
                            if distance == 3, let found, found != point { passed += 1 }
                        }
                    }
                }
                video.keep(from: max(0, number - 4), [number])
                number += 1
            }
            #expect(number == 20 && traced > 1000 && passed > 100, "\(traced) \(passed)")
            // Trails end at an intra picture.
            #expect(missing > 100 || parameters.contains("keyint=30"), "\(missing)")
        }
    }

    @Test("a pan is traced over several pictures", arguments: ["bframes=0:ref=1", "bframes=3:b-adapt=0:ref=3"])
    func pan(parameters: String) throws {
        try withTemporaryFolder { folder in
            let path = folder.appending("clip.mp4")
            try encode(try Self.pan(2, -1), to: path, parameters + ":keyint=infinite:scenecut=0:weightp=0:qp=10")
            let video = try TracedReader(try VideoReader(path: path))
            var (right, all, number) = (0, 0, 0)
            while try video.next() != nil {
                if number >= 4 {
                    for y in stride(from: 24.0, to: 72, by: 6) {
                        for x in stride(from: 24.0, to: 104, by: 6) {
                            all += 1
                            guard let place = video.source(of: SIMD2(x, y), in: number, from: number - 4) else {
                                continue
                            }
                            let error = place - SIMD2(x - 8, y + 4)
                            if abs(error.x) <= 1, abs(error.y) <= 1 { right += 1 }
                        }
                    }
                }
                video.keep(from: number - 3, [number])
                number += 1
            }
            #expect(number == 14 && Double(right) > 0.85 * Double(all), "\(right) of \(all)")
        }
    }

    @Test("nothing leads across an intra picture, or to a picture that is no longer kept")
    func ends() throws {
        try withTemporaryFolder { folder in
            let path = folder.appending("clip.mp4")
            try encode(try Self.pan(1, 1), to: path, "bframes=0:ref=1:keyint=5:min-keyint=5:scenecut=0")
            let video = try TracedReader(try VideoReader(path: path))
            let middle = SIMD2(64.5, 48.5)
            var number = 0
            while try video.next() != nil {
                for earlier in max(0, number - 6)...number {
                    let isCrossed = (earlier + 1..<number + 1).contains { $0 % 5 == 0 }
                    if isCrossed { #expect(video.source(of: middle, in: number, from: earlier) == nil) }
                }
                number += 1
            }
            #expect(video.source(of: middle, in: 9, from: 6) != nil)
            video.keep(from: 8, [13])
            #expect(video.source(of: middle, in: 9, from: 6) == nil)
            #expect(video.source(of: middle, in: 13, from: 11) != nil)
        }
    }

    @Test("pictures are those of a reader that crops, and so is the count of damage")
    func samePictures() throws {
        try withTemporaryFolder { folder in
            let path = folder.appending("clip.mp4")
            let size = Size(width: 90, height: 70)
            let pictures = try (0..<12).map { time in try Picture.make(size) { x, y in grain(x + 3 * time, y) } }
            try encode(pictures, to: path, "bframes=3:ref=3")
            let video = try TracedReader(try VideoReader(path: path))
            var decoding = DecoderOptions()
            (decoding.exportsMotionVectors, decoding.cropping) = (false, true)
            let plain = try VideoReader(path: path, options: decoding)
            var count = 0
            while let expected = try plain.next() {
                let picture = try #require(try video.next())
                #expect(picture.size == size && picture.pixels.map(\.values) == expected.pixels.map(\.values))
                #expect(picture.time == expected.time && picture.packetNumber == expected.packetNumber)
                #expect(video.damaged == plain.damaged && picture.isKey == expected.isKey)
                count += 1
            }
            #expect(try video.next() == nil)
            #expect(count == 12)
        }
    }

    /// Pictures of a span may predict from pictures before and after it, and have numbers of their own.
    @Test(
        "a span is traced as the whole video is", arguments: ["bframes=3:b-adapt=0:ref=3:keyint=8:open-gop=1", "ref=1"])
    func span(parameters: String) throws {
        try withTemporaryFolder { folder in
            let path = folder.appending("clip.mp4")
            try encode(try Self.pan(2, -1, pictures: 24), to: path, parameters + ":scenecut=0")
            let whole = try TracedReader(try VideoReader(path: path))
            // From picture 10 to picture 16, 25 a second.
            let part = try TracedReader(
                try VideoReader(path: path, span: try TimeSpan(start: 0.39, end: 0.66)))
            var pictures: [[Pixels]] = []
            while let picture = try whole.next() { pictures.append(picture.pixels) }
            var (number, traced) = (0, 0)
            while let picture = try part.next() {
                #expect(picture.pixels == pictures[10 + number])
                for distance in [1, 2, 3] where number >= distance {
                    for x in stride(from: 4.5, to: 128, by: 9) {
                        let point = SIMD2(x, x * 0.7)
                        let found = part.source(of: point, in: number, from: number - distance)
                        let expected = whole.source(of: point, in: 10 + number, from: 10 + number - distance)
                        #expect(found == expected, "\(point) of \(number), \(distance) back")
                        if found != nil { traced += 1 }
                    }
                }
                part.keep(from: max(0, number - 2), [number])
                number += 1
            }
            #expect(number == 7 && traced > 50, "\(number), \(traced)")
        }
    }

    @Test("a block takes the candidate of least SAD within the radius; a block without one is searched")
    func choosesTheBest() throws {
        let size = Size(width: 64, height: 48)
        let (before, after) = (
            try Picture.make(size) { x, y in clouds(x, y) }, try Picture.make(size) { clouds($0 + 3, $1 - 2) }
        )
        var motion = TracedMotion(radius: 7)
        var lists = [[SIMD2<Int16>]](repeating: [SIMD2(0, 0), SIMD2(12, -8), SIMD2(8, -8), SIMD2(12, -8)], count: 12)
        lists[4] = []
        lists[5] = [SIMD2(32, 0), SIMD2(0, -32)]
        lists[6] = [SIMD2(4, 4)]
        let field = motion.field(of: after, against: before, candidates: MotionCandidates(lists))
        #expect(field.mask.allSatisfy { $0 == 1 })
        for cell in field.vectors.indices {
            #expect(field.vectors[cell] == (cell == 6 ? SIMD2(4, 4) : SIMD2(12, -8)), "block \(cell)")
        }
        #expect(motion.blocks == 12 && motion.searchedBlocks == 2)
        _ = motion.field(of: after, against: before, candidates: MotionCandidates(lists))
        #expect(motion.blocks == 24 && motion.searchedBlocks == 4)
    }

    @Test("videos without vectors, and pixels that references cannot be found by, are refused by name")
    func refuses() throws {
        let fixtures = repository.appending("fixtures")
        let error = #expect(throws: PFrameError.self) {
            try TracedReader(try VideoReader(path: fixtures.appending("av1.mkv")))
        }
        #expect(error?.message.contains("av1; the motion sources search") == true)
        let deep = try TracedReader(try VideoReader(path: fixtures.appending("ten-bit.mp4")))
        let second = #expect(throws: PFrameError.self) { try deep.next() }
        #expect(second?.message.contains("yuv420p10le") == true)
        #expect(second?.message.contains("the motion sources search and h264") == true)
    }
}
