import Codec
import Dataset
import Foundation
import TestSupport
import Testing

/// The perceptual hash against the transform written out, and against what it is for.
@Suite struct PerceptualHashTests {
    private func image(_ side: Int, seed: Int, _ change: (Int) -> Int = { $0 }) -> RGBImage {
        var image = RGBImage(width: side, height: side)
        for y in 0..<side {
            for x in 0..<side {
                let value = change(clouds(x * 128 / side + seed * 1000, y * 128 / side))
                for channel in 0..<3 { image.pixels[(y * side + x) * 3 + channel] = UInt8(min(max(value, 0), 255)) }
            }
        }
        return image
    }

    @Test(arguments: 1...6) func equalsTheTransformWrittenOut(_ seed: Int) {
        let image = image(64, seed: seed)
        var small = [[Double]](repeating: [Double](repeating: 0, count: 32), count: 32)
        for y in 0..<64 { for x in 0..<64 { small[y / 2][x / 2] += Double(image.pixels[(y * 64 + x) * 3]) / 4 } }
        var coefficients: [Double] = []
        for v in 0..<8 {
            for u in 0..<8 {
                var sum = 0.0
                for y in 0..<32 {
                    for x in 0..<32 {
                        sum +=
                            small[y][x] * cos(.pi / 32 * (Double(x) + 0.5) * Double(u))
                            * cos(.pi / 32 * (Double(y) + 0.5) * Double(v))
                    }
                }
                coefficients.append(sum)
            }
        }
        let sorted = coefficients.sorted()
        let median = (sorted[31] + sorted[32]) / 2
        let hash = PerceptualHash.of(image)
        for (bit, value) in coefficients.enumerated() where abs(value - median) > 0.5 {
            #expect((hash >> UInt64(bit) & 1 == 1) == (value > median), "bit \(bit)")
        }
    }

    @Test func isSharedByNearlyEqualPicturesAlone() throws {
        let first = PerceptualHash.of(image(128, seed: 1))
        func distance(_ other: RGBImage) -> Int { (first ^ PerceptualHash.of(other)).nonzeroBitCount }
        #expect(distance(image(128, seed: 1) { $0 + ($0 % 3) - 1 }) <= PerceptualHash.duplicateDistance)
        #expect(distance(image(128, seed: 1) { $0 * 9 / 10 + 10 }) <= PerceptualHash.duplicateDistance)
        #expect(distance(image(96, seed: 1)) <= PerceptualHash.duplicateDistance)
        #expect(try distance(RGBImage(jpeg: image(128, seed: 1).jpeg(quality: 60))) <= PerceptualHash.duplicateDistance)
        for seed in 2...20 { #expect(distance(image(128, seed: seed)) > PerceptualHash.duplicateDistance, "\(seed)") }
    }
}
