import CKernels
import Codec
import MotionVectors
import Storage
import TestSupport
import Testing

@Suite struct DifferenceKernelTests {
    @Test("SADs of every size", arguments: ["noise", "extremes"])
    func sad(content: String) throws {
        var random = SplitMix64(seed: 1)
        for w in 1...16 {
            for h in 1...16 {
                let blocks = (0..<3).map { index in
                    content == "noise"
                        ? Pixels.noise(w + index, h + 1, seed: random.next())
                        : Pixels(w + index, h + 1) { _, _ in index == 0 ? 255 : 0 }
                }
                try blocks[0].withPlane { block in
                    try blocks[1].withPlane { a in
                        try blocks[2].withPlane { b in
                            let plain = PlainKernels.sad(block.base, block.stride, a.base, a.stride, w, h)
                            let (w32, h32) = (Int32(w), Int32(h))
                            #expect(pframe_sad(block.base, block.stride, a.base, a.stride, w32, h32) == plain)
                            let average = pframe_sad_average(
                                block.base, block.stride, a.base, a.stride, b.base, b.stride, w32, h32)
                            #expect(Int(average) == self.average(blocks, w, h))
                            if content == "extremes" { #expect(Int(plain) == 255 * w * h) }
                        }
                    }
                }
            }
        }
    }

    private func average(_ blocks: [Pixels], _ w: Int, _ h: Int) -> Int {
        (0..<h).reduce(0) { sum, y in
            (0..<w).reduce(sum) {
                $0 + abs(blocks[0].at($1, y) - (blocks[1].at($1, y) + blocks[2].at($1, y) + 1) / 2)
            }
        }
    }

    @Test("subtracting and adding come back, and touch nothing behind", arguments: [0, 1, 7, 8, 15, 16, 31, 33, 1000])
    func roundTrip(count: Int) {
        var random = SplitMix64(seed: UInt64(count))
        let extremes: [UInt8] = [0, 255, 1, 254]
        func row() -> [UInt8] { (0..<count + 4).map { _ in extremes.randomElement(using: &random) ?? 0 } }
        for frame in [row(), row()] {
            let prediction = row()
            var residual = [Int16](repeating: 12_345, count: count + 4)
            pframe_subtract(&residual, frame, prediction, count)
            let plain = (0..<count).map { Int16(frame[$0]) - Int16(prediction[$0]) }
            #expect(residual == plain + [12_345, 12_345, 12_345, 12_345])
            var rebuilt = [UInt8](repeating: 77, count: count + 4)
            pframe_add(&rebuilt, prediction, residual, count)
            #expect(rebuilt == frame.prefix(count) + [77, 77, 77, 77])
            #expect(Int(pframe_sum_magnitude(residual, count)) == plain.reduce(0) { $0 + abs(Int($1)) })
        }
    }

    @Test("sums of magnitudes hold what 16 bits hold, and more of it than 32 bits")
    func magnitude() {
        var values: [Int16] = [.min, .max, -1, 0, 1]
        #expect(pframe_sum_magnitude(values, 5) == 32_768 + 32_767 + 2)
        values = Array(repeating: .min, count: 140_000)
        #expect(pframe_sum_magnitude(values, values.count) == 140_000 << 15)
    }

    @Test("adding wraps modulo 256", arguments: [(250, 10, 4), (0, -1, 255), (3, 512, 3), (9, -32_768, 9)])
    func wrapping(prediction: UInt8, residual: Int16, expected: UInt8) {
        var frame = [UInt8](repeating: 0, count: 40)
        pframe_add(&frame, Array(repeating: prediction, count: 40), Array(repeating: residual, count: 40), 40)
        #expect(frame == Array(repeating: expected, count: 40))
    }
}
