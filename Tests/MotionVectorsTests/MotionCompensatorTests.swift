import Bitstream
import Codec
import MotionVectors
import Storage
import TestSupport
import Testing

@Suite struct MotionCompensatorTests {
    @Test(
        "predictions are those of the standards, pixel by pixel",
        arguments: [PredictionRule.h264, .mpeg4, .mpeg2],
        [Size(width: 64, height: 48), Size(width: 40, height: 24), Size(width: 16, height: 16)])
    func definition(rule: PredictionRule, size: Size) throws {
        var random = SplitMix64(seed: UInt64(size.width))
        let compensator = try MotionCompensator(size: size, rule: rule)
        let references = try [Int32(2), 0, 1].map { display in
            let noise = Pixels.noise(size.width, size.height, seed: UInt64(display))
            return ReferencePicture(
                display: display, picture: try Picture.make(size) { noise.at($0, $1) })
        }
        // By display index, which is not the order in which they are given.
        let pixels = references.sorted { $0.display < $1.display }.map(\.picture.pixels)
        for reach in [Int32(0), 7, 80, 5000] {
            for scale in rule == .h264 ? [Int32(4)] : [2, 4] {
                var rows = randomRows(size, reach, scale, &random)
                rows.withUnsafeMutableBufferPointer { compensator.predict($0, from: references) }
                let found = compensator.prediction.pixels
                for index in 0..<3 {
                    let expected = try plain(rows, rule, size, pixels.map { $0[index] }, isChroma: index > 0)
                    #expect(found[index] == expected, "plane \(index), reach \(reach), scale \(scale)")
                }
            }
        }
    }

    @Test("weighted predictions are those of 8.4.2.3, pixel by pixel", arguments: [true, false])
    func weights(isExplicit: Bool) throws {
        let size = Size(width: 64, height: 48)
        var random = SplitMix64(seed: isExplicit ? 3 : 4)
        let compensator = try MotionCompensator(size: size, rule: .h264)
        let references = try (0..<3).map { display in
            let noise = Pixels.noise(size.width, size.height, seed: UInt64(display))
            return ReferencePicture(
                display: Int32(display), picture: try Picture.make(size) { noise.at($0, $1) })
        }
        let planes = references.map(\.picture.pixels)
        // Two slices, three indices in each list.
        var table: [[Int]: BlockWeights] = [:]
        var weights = [SliceWeights](repeating: .none, count: 2)
        for slice in 0..<2 {
            for first in -1..<3 {
                for second in -1..<3 where isExplicit == (min(first, second) < 0) && max(first, second) >= 0 {
                    func values(_ range: ClosedRange<Int32>) -> SIMD4<Int32> {
                        SIMD4((0..<4).map { _ in Int32.random(in: range, using: &random) })
                    }
                    let shift = SIMD4<Int32>(4, 6, 6, 0)
                    let second64 = Int32.random(in: -64...127, using: &random)
                    let entry =
                        isExplicit
                        ? BlockWeights(
                            shift: shift, first: values(-64...127), second: values(-64...127),
                            firstOffset: values(-20...20), secondOffset: values(-20...20))
                        : BlockWeights(
                            shift: SIMD4(repeating: 5), first: SIMD4(repeating: 64 - second64),
                            second: SIMD4(repeating: second64), firstOffset: SIMD4(), secondOffset: SIMD4())
                    table[[slice, first, second]] = entry
                    let isNext = weights[slice].append(entry, first: first, second: second)
                    #expect(isNext)
                }
            }
        }
        var rows = randomRows(size, 60, 4, &random)
        for index in rows.indices { rows[index].reference = Int32.random(in: 0..<3, using: &random) }
        let indices = rows.map { row in
            RowIndices(
                slice: row.vector.top < 16 ? 0 : 1, index: Int16.random(in: 0..<3, using: &random))
        }
        rows.withUnsafeMutableBufferPointer {
            compensator.predict($0, from: references, weights: RowWeights(indices, weights))
        }
        for plane in 0..<3 {
            let extent = plane == 0 ? size : size.chroma
            var expected = Pixels(extent.width, extent.height) { _, _ in 0 }
            for (number, row) in rows.enumerated() {
                let isFirst = row.vector.source < 0
                let partner = rows.indices.first {
                    rows[$0].vector.source != row.vector.source && rows[$0].vector.left == row.vector.left
                        && rows[$0].vector.top == row.vector.top
                }
                guard isFirst || partner == nil else { continue }
                let (slice, index) = (Int(indices[number].slice), Int(indices[number].index))
                let other = partner.map { Int(indices[$0].index) }
                var entry = table[[slice, isFirst ? index : other ?? -1, isFirst ? other ?? -1 : index]]
                if isExplicit, let other {
                    var both = try #require(table[[slice, index, -1]])
                    let second = try #require(table[[slice, -1, other]])
                    (both.second, both.secondOffset) = (second.second, second.secondOffset)
                    entry = both
                }
                let shift = plane == 0 ? 0 : 1
                for y in (row.vector.top >> shift)..<((row.vector.top + Int(row.vector.height)) >> shift) {
                    for x in (row.vector.left >> shift)..<((row.vector.left + Int(row.vector.width)) >> shift) {
                        func value(_ row: MotionRow) throws -> Int {
                            try planes[Int(row.reference)][plane].withPlane {
                                sample(.h264, $0, row.vector, x, y, plane > 0)
                            }
                        }
                        let a = try value(row)
                        let b = try partner.map { try value(rows[$0]) }
                        expected.values[y * extent.width + x] = UInt8(
                            clamping: Self.blend(a, b, isFirst: isFirst, entry, plane))
                    }
                }
            }
            #expect(compensator.prediction.pixels[plane] == expected, "plane \(plane)")
        }
    }

    /// Equations 8-297 to 8-300.
    private static func blend(_ a: Int, _ b: Int?, isFirst: Bool, _ weights: BlockWeights?, _ plane: Int) -> Int {
        guard let weights else { return b.map { (a + $0 + 1) >> 1 } ?? a }
        let shift = Int(weights.shift[plane])
        let (w0, w1) = (Int(weights.first[plane]), Int(weights.second[plane]))
        let (o0, o1) = (Int(weights.firstOffset[plane]), Int(weights.secondOffset[plane]))
        guard let b else {
            let (w, o) = isFirst ? (w0, o0) : (w1, o1)
            return (shift >= 1 ? (a * w + (1 << (shift - 1))) >> shift : a * w) + o
        }
        return ((a * w0 + b * w1 + (1 << shift)) >> (shift + 1)) + ((o0 + o1 + 1) >> 1)
    }

    @Test("an unmoved prediction is a copy")
    func unmoved() throws {
        let size = Size(width: 50, height: 34)
        let picture = try Picture.make(size) { x, y in grain(x, y) }
        let compensator = try MotionCompensator(size: size, rule: .h264)
        compensator.predictUnmoved(from: picture)
        #expect(compensator.prediction.pixels == picture.pixels)
        var none: [MotionRow] = []
        none.withUnsafeMutableBufferPointer {
            compensator.predict($0, from: [ReferencePicture(display: 0, picture: picture)])
        }
        #expect(compensator.prediction.pixels.allSatisfy { $0.values.allSatisfy { $0 == 0 } })
    }

    /// Macroblocks as libavcodec exports them: list 0 before list 1, blocks of 16×16 to 8×8, some intra.
    private func randomRows(_ size: Size, _ reach: Int32, _ scale: Int32, _ random: inout SplitMix64) -> [MotionRow] {
        var rows: [MotionRow] = []
        for top in stride(from: 0, to: size.height, by: 16) {
            for left in stride(from: 0, to: size.width, by: 16) {
                let shape = [(16, 16), (16, 8), (8, 16), (8, 8)].randomElement(using: &random) ?? (16, 16)
                // Of 8×8 blocks each has its own lists; 0: none, 1: list 0, 2: list 1, 3: both.
                let places = stride(from: 0, to: 16, by: shape.1).flatMap { y in
                    stride(from: 0, to: 16, by: shape.0).map { (left + $0, top + y) }
                }
                let lists = places.map { _ in Int.random(in: 0...3, using: &random) }
                for (list, source) in [(1, Int32(-1)), (2, 1)] {
                    for (place, used) in zip(places, lists) where used & list != 0 {
                        rows.append(
                            MotionRow(
                                frame: 9, reference: Int32.random(in: -1...3, using: &random),
                                vector: MotionVector(
                                    source: source, width: Int32(shape.0), height: Int32(shape.1), sourceX: 0,
                                    sourceY: 0, destinationX: Int32(place.0 + shape.0 / 2),
                                    destinationY: Int32(place.1 + shape.1 / 2),
                                    motionX: Int32.random(in: -reach...reach, using: &random),
                                    motionY: Int32.random(in: -reach...reach, using: &random), motionScale: scale)))
                    }
                }
            }
        }
        return rows
    }

    /// Collects the predictions of every pixel, then averages.
    private func plain(
        _ rows: [MotionRow], _ rule: PredictionRule, _ size: Size, _ references: [Pixels], isChroma: Bool
    ) throws -> Pixels {
        let extent = isChroma ? size.chroma : size
        let shift = isChroma ? 1 : 0
        var sums = [Int](repeating: 0, count: extent.width * extent.height)
        var counts = sums
        for row in rows where (0..<3).contains(row.reference) {
            let vector = row.vector
            try references[Int(row.reference)].withPlane { plane in
                for v in 0..<Int(vector.height) >> shift {
                    for u in 0..<Int(vector.width) >> shift {
                        let (x, y) = ((vector.left >> shift) + u, (vector.top >> shift) + v)
                        guard x < extent.width, y < extent.height else { continue }
                        sums[y * extent.width + x] += sample(rule, plane, vector, x, y, isChroma)
                        counts[y * extent.width + x] += 1
                    }
                }
            }
        }
        return Pixels(extent.width, extent.height) { x, y in
            let (sum, count) = (sums[y * extent.width + x], counts[y * extent.width + x])
            return count == 2 ? (sum + 1) / 2 : sum
        }
    }

    private func sample(
        _ rule: PredictionRule, _ plane: borrowing Plane, _ vector: MotionVector, _ x: Int, _ y: Int, _ isChroma: Bool
    ) -> Int {
        let (dx, dy) = (Int(vector.motionX), Int(vector.motionY))
        let isHalfPel = vector.motionScale == 2
        switch (rule, isChroma) {
        case (.mpeg4, false) where isHalfPel, (.mpeg2, false) where isHalfPel:
            return Int(PlainKernels.half(plane, x: 2 * x + dx, y: 2 * y + dy, rounding: 0))
        case (.mpeg2, true) where isHalfPel:
            // ISO 13818-2, 7.6.3.7: divided by two, towards zero.
            return Int(PlainKernels.half(plane, x: 2 * x + dx / 2, y: 2 * y + dy / 2, rounding: 0))
        case (.mpeg4, true) where isHalfPel:
            // H.263, 6.1.1: of four quarter positions, the three between whole pixels round to the half one.
            func half(_ value: Int) -> Int { (value >> 2) * 2 + (value & 3 == 0 ? 0 : 1) }
            return Int(PlainKernels.half(plane, x: 2 * x + half(dx), y: 2 * y + half(dy), rounding: 0))
        default:
            let (qx, qy) = isHalfPel ? (2 * dx, 2 * dy) : (dx, dy)
            return Int(
                isChroma
                    ? PlainKernels.chroma(plane, x: 8 * x + qx, y: 8 * y + qy)
                    : PlainKernels.luma(plane, x: 4 * x + qx, y: 4 * y + qy))
        }
    }
}
