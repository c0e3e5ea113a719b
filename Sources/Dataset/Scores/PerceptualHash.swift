// By hand, because it is one page: the libraries that have it (pHash, OpenCV) bring ImageMagick or all of OpenCV.
package import Codec
import Storage

/// A hash that nearly equal pictures share: the signs of the 64 lowest frequencies, after Zauner, "Implementation and
/// Benchmarking of Perceptual Image Hash Functions" (2010).
///
/// The picture's luma is averaged down to 32×32, transformed by a DCT-II, and bit `8v + u` says whether coefficient (u, v),
/// u and v in 0…7, is above the median of them all. Re-encoding and scaling change a few bits; hashes within a Hamming
/// distance of 4 count as the same picture.
package enum PerceptualHash: Sendable {
    /// The largest distance of hashes of the same picture.
    package static let duplicateDistance = 4
    private static let side = 32

    /// The hash of a picture.
    package static func of(_ image: RGBImage) -> UInt64 {
        let luma = averages(of: image)
        var rows = [Float](repeating: 0, count: side * 8)
        for y in 0..<side {
            for u in 0..<8 {
                rows[y * 8 + u] = (0..<side).reduce(0) { $0 + luma[y * side + $1] * basis[u * side + $1] }
            }
        }
        var coefficients = [Float](repeating: 0, count: 64)
        for v in 0..<8 {
            for u in 0..<8 {
                coefficients[v * 8 + u] = (0..<side).reduce(0) { $0 + rows[$1 * 8 + u] * basis[v * side + $1] }
            }
        }
        let sorted = coefficients.sorted()
        let median = (sorted[31] + sorted[32]) / 2
        return coefficients.enumerated().reduce(0) { $1.element > median ? $0 | 1 << UInt64($1.offset) : $0 }
    }

    /// `cos(π/32 · (x + ½) · u)` at `u · 32 + x`, by the recurrence of Chebyshev polynomials: the same on every machine.
    private static let basis: [Float] = {
        let cosine = 0.9987954562051724  // cos(π/64)
        return (0..<8).flatMap { u -> [Float] in
            (0..<side).map { x in
                let multiple = (2 * x + 1) * u
                // T₀ = 1, T₁ = cos a, T_k = 2 cos a · T_(k−1) − T_(k−2) = cos(k a).
                var (before, now) = (1.0, cosine)
                guard multiple > 0 else { return 1 }
                for _ in 1..<multiple { (before, now) = (now, 2 * cosine * now - before) }
                return Float(now)
            }
        }
    }()

    /// Mean luma (BT.601) of 32×32 areas.
    private static func averages(of image: RGBImage) -> [Float] {
        var result = [Float](repeating: 0, count: side * side)
        for row in 0..<side {
            let top = row * image.height / side
            let bottom = max(top + 1, (row + 1) * image.height / side)
            for column in 0..<side {
                let left = column * image.width / side
                let right = max(left + 1, (column + 1) * image.width / side)
                var sum = 0
                for y in top..<bottom {
                    for x in left..<right {
                        let pixel = (y * image.width + x) * 3
                        sum += 299 * Int(image.pixels[pixel]) + 587 * Int(image.pixels[pixel + 1])
                        sum += 114 * Int(image.pixels[pixel + 2])
                    }
                }
                result[row * side + column] = Float(sum) / Float(1000 * (bottom - top) * (right - left))
            }
        }
        return result
    }
}
