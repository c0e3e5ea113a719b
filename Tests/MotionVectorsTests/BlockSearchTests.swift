import Codec
import MotionVectors
import Storage
import TestSupport
import Testing

@Suite struct BlockSearchTests {
    @Test(
        "full search finds what trying everything finds, ties included",
        arguments: [(48, 32), (50, 37), (16, 16), (7, 5), (1, 1), (33, 64)], [0, 1, 15])
    func full(size: (width: Int, height: Int), radius: Int) throws {
        let (width, height) = size
        // One grey level or two: many offsets tie. Stripes: offsets tie along and across them.
        let contents: [(Pixels, Pixels)] = [
            (.noise(width, height, seed: 1), .noise(width, height, seed: 2)),
            (.noise(width, height, upTo: 1, seed: 3), .noise(width, height, upTo: 1, seed: 4)),
            (Pixels(width, height) { _, _ in 90 }, Pixels(width, height) { _, _ in 70 }),
            (Pixels(width, height) { x, _ in x % 4 * 60 }, Pixels(width, height) { x, _ in (x + 2) % 4 * 60 }),
            (Pixels(width, height) { _, y in y % 6 * 40 }, Pixels(width, height) { _, y in (y + 3) % 6 * 40 }),
        ]
        for blockSize in [16, 8, 5] {
            var search = BlockSearch()
            (search.blockSize, search.radius, search.method) = (blockSize, radius, .full)
            for (frame, reference) in contents {
                let field = try frame.withPlane { one in
                    try reference.withPlane { search.field(of: one, against: $0) }
                }
                #expect(field.columns == (width + blockSize - 1) / blockSize)
                #expect(field.rows == (height + blockSize - 1) / blockSize)
                #expect(field.mask.allSatisfy { $0 == 1 })
                for (cell, vector) in field.vectors.enumerated() {
                    let best = exhaustive(frame, reference, field, cell, radius)
                    #expect(
                        vector == SIMD2(Int16(best.x * 4), Int16(best.y * 4)), "cell \(cell), blocks of \(blockSize)")
                }
            }
        }
    }

    @Test(
        "fast search finds the shift of a texture",
        arguments: [(1, 0), (0, -3), (5, 4), (-9, 2), (-12, -15), (15, 15)],
        [16, 8])
    func shifted(shift: (x: Int, y: Int), blockSize: Int) throws {
        let (width, height) = (150, 118)
        let reference = Pixels(width, height) { x, y in clouds(x, y) }
        let frame = Pixels(width, height) { x, y in clouds(x + shift.x, y + shift.y) }
        var search = BlockSearch()
        search.blockSize = blockSize
        let field = try frame.withPlane { one in try reference.withPlane { search.field(of: one, against: $0) } }
        var (right, inside) = (0, 0)
        for cell in field.vectors.indices {
            let (left, top) = (cell % field.columns * blockSize, cell / field.columns * blockSize)
            guard left + min(shift.x, 0) >= 0, left + blockSize + max(shift.x, 0) <= width, top + min(shift.y, 0) >= 0,
                top + blockSize + max(shift.y, 0) <= height
            else { continue }
            inside += 1
            if field.vectors[cell] == SIMD2(Int16(shift.x * 4), Int16(shift.y * 4)) { right += 1 }
        }
        #expect(inside >= 30)
        // Small blocks hold less of the texture: a few may look better, or nearly so, elsewhere.
        #expect(right >= inside - (blockSize < 16 ? inside / 50 : 0), "\(right) of \(inside)")
    }

    @Test("fast search is never better than full search and loses little", arguments: 1...6)
    func loss(seed: Int) throws {
        let (width, height) = (180, 122)
        var (fullSum, fastSum, stillSum) = (0, 0, 0)
        var previous: MotionField?
        for time in 1...3 {
            let (reference, frame) = (
                mixture(width, height, time: time - 1, seed), mixture(width, height, time: time, seed)
            )
            try frame.withPlane { one in
                try reference.withPlane { other in
                    var search = BlockSearch()
                    let fast = search.field(of: one, against: other, previous: previous)
                    search.method = .full
                    let full = search.field(of: one, against: other)
                    previous = fast
                    for cell in full.vectors.indices {
                        let (best, found) = (
                            sad(frame, reference, full, cell, whole(full.vectors[cell])),
                            sad(frame, reference, fast, cell, whole(fast.vectors[cell]))
                        )
                        #expect(found >= best)
                        fullSum += best
                        fastSum += found
                        stillSum += sad(frame, reference, full, cell, .zero)
                    }
                    let limit = Int16(search.radius * 4)
                    #expect(fast.vectors.allSatisfy { abs($0.x) <= limit && abs($0.y) <= limit && $0 & 3 == .zero })
                }
            }
        }
        #expect(Double(fastSum) <= 1.15 * Double(fullSum))
        #expect(Double(fastSum) < 0.5 * Double(stillSum))
    }

    @Test("the sum of a field is the sum of its blocks", arguments: [(40, 30), (16, 16), (5, 9)], [16, 4])
    func sum(size: (width: Int, height: Int), cellSize: Int) throws {
        let (frame, reference) = (
            Pixels.noise(size.width, size.height, seed: 5), Pixels.noise(size.width, size.height, seed: 6)
        )
        var random = SplitMix64(seed: 7)
        var field = MotionField(size: Size(width: size.width, height: size.height), cellSize: cellSize)
        for cell in field.vectors.indices {
            field.vectors[cell] = SIMD2(
                Int16.random(in: -60...60, using: &random) * 4, Int16.random(in: -60...60, using: &random) * 4)
        }
        let expected = field.vectors.indices.reduce(0) {
            $0 + sad(frame, reference, field, $1, whole(field.vectors[$1]))
        }
        let found = try frame.withPlane { one in
            try reference.withPlane { BlockSearch.sumOfAbsoluteDifferences(field, of: one, against: $0) }
        }
        #expect(found == expected)
    }

    /// A panning ground with noise of its own, two things that move on their own, and a flat area.
    private func mixture(_ width: Int, _ height: Int, time: Int, _ seed: Int) -> Pixels {
        var noise = SplitMix64(seed: UInt64(seed * 100 + time))
        var random = SplitMix64(seed: UInt64(seed))
        let pan = (Int.random(in: -4...4, using: &random), Int.random(in: -4...4, using: &random))
        let disc = (Int.random(in: -8...8, using: &random), Int.random(in: -8...8, using: &random))
        let square = (Int.random(in: -12...12, using: &random), Int.random(in: -6...6, using: &random))
        return Pixels(width, height) { x, y in
            let grey = Int.random(in: -2...2, using: &noise)
            let (u, v) = (x - 60 - disc.0 * time, y - 60 - disc.1 * time)
            if u * u + v * v < 900 { return grain(u, v, seed: seed + 1) + grey }
            let (s, t) = (x - 120 - square.0 * time, y - 50 - square.1 * time)
            if abs(s) < 24, abs(t) < 24 { return waves(Double(s), Double(t)) + grey }
            if y > height - 24 { return 80 + grey }
            return waves(Double(x - pan.0 * time), Double(y - pan.1 * time)) + grey
        }
    }

    private func whole(_ vector: SIMD2<Int16>) -> SIMD2<Int> { SIMD2(Int(vector.x) / 4, Int(vector.y) / 4) }

    private func sad(
        _ frame: Pixels, _ reference: Pixels, _ field: MotionField, _ cell: Int, _ offset: SIMD2<Int>
    ) -> Int {
        let (left, top) = (cell % field.columns * field.cellSize, cell / field.columns * field.cellSize)
        var sum = 0
        for y in top..<min(top + field.cellSize, frame.height) {
            for x in left..<min(left + field.cellSize, frame.width) {
                sum += abs(frame.at(x, y) - reference.at(x + offset.x, y + offset.y))
            }
        }
        return sum
    }

    private func exhaustive(
        _ frame: Pixels, _ reference: Pixels, _ field: MotionField, _ cell: Int, _ radius: Int
    ) -> SIMD2<Int> {
        var best: (key: [Int], offset: SIMD2<Int>) = ([Int.max], .zero)
        for y in -radius...radius {
            for x in -radius...radius {
                let key = [sad(frame, reference, field, cell, SIMD2(x, y)), x * x + y * y, y, x]
                if key.lexicographicallyPrecedes(best.key) { best = (key, SIMD2(x, y)) }
            }
        }
        return best.offset
    }
}
