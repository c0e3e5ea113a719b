import CKernels
import Codec
import MotionVectors
import Storage
import TestSupport
import Testing

@Suite struct ColourSearchTests {
    @Test(
        "without coherence it finds what trying everything finds, ties included",
        arguments: [(48, 32), (35, 37), (7, 5), (1, 1)], [0, 3, 15])
    func full(size: (width: Int, height: Int), radius: Int) {
        let (width, height) = size
        for (blockSize, top) in [(16, 255), (16, 1), (5, 255)] {
            let (frame, reference) = (noise(width, height, top, seed: 1), noise(width, height, top, seed: 2))
            var search = ColourSearch()
            (search.blockSize, search.radius, search.coherence) = (blockSize, radius, 0)
            let field = search.field(of: frame, against: reference)
            #expect(field.mask.allSatisfy { $0 == 1 })
            for cell in field.vectors.indices {
                var best = (error: Int.max, x: 0, y: 0)
                for y in -radius...radius {
                    for x in -radius...radius {
                        let error = error(frame, reference, field, cell, x, y)
                        let found = (error, x * x + y * y, y, x)
                        if found < (best.error, best.x * best.x + best.y * best.y, best.y, best.x) {
                            best = (error, x, y)
                        }
                    }
                }
                #expect(field.vectors[cell] == SIMD2(Int16(best.x * 4), Int16(best.y * 4)), "cell \(cell)")
            }
        }
    }

    @Test("coherence costs no block more than it says, and leaves noise without vectors", arguments: [1, 25, 400])
    func coherence(allowance: Double) {
        let (width, height) = (120, 96)
        let (one, other) = (noise(width, height, 31, seed: 8), noise(width, height, 31, seed: 9))
        // The left half moves, the right half is covered again: nothing there matches.
        let frame = image(width, height) { x, y, c in x < 64 ? texture(x + 5, y, c) : one.at(x, y, c) }
        let reference = image(width, height) { x, y, c in x < 80 ? texture(x, y, c) : other.at(x, y, c) }
        var search = ColourSearch()
        search.coherence = 0
        let full = search.field(of: frame, against: reference)
        search.coherence = allowance
        let field = search.field(of: frame, against: reference)
        for cell in field.vectors.indices {
            let best = error(frame, reference, full, cell, vector(full, cell))
            let found = error(frame, reference, field, cell, vector(field, cell))
            #expect(found >= best && Double(found) <= Double(best) + allowance * 768, "cell \(cell)")
        }
        let moving = field.vectors.indices.filter { $0 % field.columns < 3 }
        #expect(moving.allSatisfy { field.vectors[$0] == SIMD2(20, 0) })
        func distinct(_ field: MotionField) -> Int { Set(field.vectors).count }
        if allowance == 400 { #expect(distinct(field) < distinct(full) / 2, "\(distinct(field))") }
    }

    /// Ground of little contrast, and a shape of much that moves on and leaves the block: the squared error follows it.
    @Test("the block that a shape leaves moves with it")
    func trail() throws {
        let ground = noise(48, 16, 20, seed: 3)
        func frame(_ edge: Int) -> RGBImage {
            image(48, 16) { x, y, c in x < edge ? ground.at(x, y, c) : 200 + ground.at(x - edge, y, c) }
        }
        let (before, after) = (frame(26), frame(29))
        let field = ColourSearch().field(of: after, against: before)
        #expect(field.vectors[1] == SIMD2(-12, 0))
    }

    @Test("squared errors of every width and height")
    func kernel() {
        for w in [1, 2, 15, 16, 17, 31, 47, 48] {
            for h in 1...16 {
                let noises = (Pixels.noise(w, h, seed: 1), Pixels.noise(w, h, seed: 2))
                for (a, b) in [noises, (extreme(w, h, 255), extreme(w, h, 0))] {
                    let expected = (0..<h).reduce(0) { sum, y in
                        (0..<w).reduce(sum) { $0 + (a.at($1, y) - b.at($1, y)) * (a.at($1, y) - b.at($1, y)) }
                    }
                    let found = try? a.withPlane { a in
                        try b.withPlane { b in
                            pframe_sse(a.base, a.stride, b.base, b.stride, Int32(w), Int32(h))
                        }
                    }
                    #expect(found.map(Int.init) == expected, "\(w)x\(h)")
                }
            }
        }
    }

    private func extreme(_ width: Int, _ height: Int, _ value: Int) -> Pixels {
        Pixels(width, height) { _, _ in value }
    }

    private func texture(_ x: Int, _ y: Int, _ channel: Int) -> Int {
        (x * x * 7 + y * y * 13 + x * y * 5 + channel * 37) % 97 + (x / 3 + y / 5) % 40
    }

    private func image(_ width: Int, _ height: Int, _ value: (Int, Int, Int) -> Int) -> RGBImage {
        let values = (0..<height).flatMap { y in
            (0..<width).flatMap { x in (0..<3).map { UInt8(clamping: value(x, y, $0)) } }
        }
        return RGBImage(width: width, height: height, pixels: values)
    }

    private func noise(_ width: Int, _ height: Int, _ top: Int, seed: UInt64) -> RGBImage {
        var random = SplitMix64(seed: seed)
        return image(width, height) { _, _, _ in Int.random(in: 0...top, using: &random) }
    }

    private func vector(_ field: MotionField, _ cell: Int) -> SIMD2<Int> {
        SIMD2(Int(field.vectors[cell].x) / 4, Int(field.vectors[cell].y) / 4)
    }

    private func error(
        _ frame: RGBImage, _ reference: RGBImage, _ field: MotionField, _ cell: Int, _ offset: SIMD2<Int>
    ) -> Int { error(frame, reference, field, cell, offset.x, offset.y) }

    /// Straight from the definition.
    private func error(
        _ frame: RGBImage, _ reference: RGBImage, _ field: MotionField, _ cell: Int, _ dx: Int, _ dy: Int
    ) -> Int {
        let (left, top) = (cell % field.columns * field.cellSize, cell / field.columns * field.cellSize)
        var sum = 0
        for y in top..<min(top + field.cellSize, frame.height) {
            for x in left..<min(left + field.cellSize, frame.width) {
                for channel in 0..<3 {
                    let (fromX, fromY) = (
                        min(max(x + dx, 0), frame.width - 1), min(max(y + dy, 0), frame.height - 1)
                    )
                    let difference = frame.at(x, y, channel) - reference.at(fromX, fromY, channel)
                    sum += difference * difference
                }
            }
        }
        return sum
    }
}

extension RGBImage {
    fileprivate func at(_ x: Int, _ y: Int, _ channel: Int) -> Int { Int(pixels[(y * width + x) * 3 + channel]) }
}
