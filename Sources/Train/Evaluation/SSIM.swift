public import Codec
internal import Glibc
public import Storage

/// Structural similarity of a clip and its reference (Wang, Bovik, Sheikh and Simoncelli, 2004), at most 1.
///
/// Under a Gaussian window of 11×11 pixels, σ 1.5, weights of sum 1, with means `μ`, variances `σ²` and covariance `σxy`
/// (all weighted, divided by nothing else):
///
/// `SSIM = (2 μx μy + C₁)(2 σxy + C₂) / ((μx² + μy² + C₁)(σx² + σy² + C₂))`, `C₁ = (0.01 · 255)²`, `C₂ = (0.03 · 255)²`,
///
/// averaged over the places where the whole window lies inside the picture, of red, green and blue alike. scikit-image's
/// `structural_similarity(gaussian_weights=True, sigma=1.5, use_sample_covariance=False, data_range=255)` mirrors the
/// picture at its borders and then leaves out the 5 pixels that this could touch: the same places, the same values.
/// Frame 0 is given to the model and never counts.
public struct SSIM: Sendable, Equatable {
    /// Of each of frames 1…T−1.
    public let frames: [Double]

    /// Measures a clip.
    ///
    /// - Parameters:
    ///   - clip: uint8 RGB `(T, H, W, 3)`, contiguous.
    ///   - reference: the true values, of the same shape.
    ///   - size: W and H in pixels, each at least 11.
    /// - Throws: if the two differ in length, or are not a whole number of frames, at least two, or too small.
    public init(_ clip: Span<UInt8>, reference: Span<UInt8>, size: Size) throws(PFrameError) {
        let window = try SSIMWindow(size)
        frames = try PSNR.forFrames(clip, reference, size) { window.mean($0, $1) }
    }

    /// The mean of frames 1…T−1.
    public var clip: Double { frames.reduce(0, +) / Double(frames.count) }
    /// Of frame T−1.
    public var last: Double { frames[frames.count - 1] }
}

/// The sliding window over two pictures of one size.
///
/// Filters `s = x + y`, `d = x − y` and their squares, four maps instead of the five of `x`, `y`, `x²`, `y²` and `xy`:
/// `2 μx μy = (μs² − μd²) / 2`, `μx² + μy² = (μs² + μd²) / 2`, and so for the variances. In double, because a variance is
/// the small difference of two squares.
private struct SSIMWindow {
    private typealias Lanes = SIMD8<Double>
    /// The window's weights from its edge to its middle; the other half mirrors them.
    private typealias Weights = (Lanes, Lanes, Lanes, Lanes, Lanes, Lanes)

    private static let side = 11
    private static let maps = 4

    /// Samples a row of a picture.
    private let samples: Int
    /// Samples a row of windows.
    private let places: Int
    private let height: Int
    private let weights: Weights
    /// Bytes from one map's row to the next before, and after, the horizontal filter: whole vectors, read past the end.
    private let (wide, narrow): (Int, Int)

    init(_ size: Size) throws(PFrameError) {
        guard size.width >= Self.side, size.height >= Self.side else {
            throw PFrameError(.usage, "frames of \(size) are too small for SSIM, whose window has 11x11 pixels")
        }
        samples = size.width * 3
        places = samples - (Self.side - 1) * 3
        height = size.height
        let lanes = Lanes.scalarCount
        let padded = (places + lanes - 1) / lanes * lanes
        wide = (padded + (Self.side - 1) * 3) * MemoryLayout<Double>.stride
        narrow = padded * MemoryLayout<Double>.stride
        let half = (0...5).map { exp(-Double((5 - $0) * (5 - $0)) / (2 * 1.5 * 1.5)) }
        let sum = 2 * half[..<5].reduce(0, +) + half[5]
        func weight(_ index: Int) -> Lanes { Lanes(repeating: half[index] / sum) }
        weights = (weight(0), weight(1), weight(2), weight(3), weight(4), weight(5))
    }

    /// The mean over all windows and channels of one picture.
    func mean(_ x: UnsafeBufferPointer<UInt8>, _ y: UnsafeBufferPointer<UInt8>) -> Double {
        var row = [Double](repeating: 0, count: Self.maps * wide / MemoryLayout<Double>.stride)
        // The last 11 filtered rows of each map; row y in slot y mod 11.
        var ring = [UInt8](repeating: 0, count: Self.maps * Self.side * narrow)
        return row.withUnsafeMutableBufferPointer { row in
            ring.withUnsafeMutableBytes { ring in
                var sum = 0.0
                for line in 0..<height {
                    let range = line * samples..<(line + 1) * samples
                    fill(row, UnsafeBufferPointer(rebasing: x[range]), UnsafeBufferPointer(rebasing: y[range]))
                    let slot = line % Self.side * Self.maps * narrow
                    filter(UnsafeRawBufferPointer(row), into: UnsafeMutableRawBufferPointer(rebasing: ring[slot...]))
                    if line >= Self.side - 1 { sum += similarity(UnsafeRawBufferPointer(ring), first: line + 1) }
                }
                return sum / Double(places * (height - Self.side + 1))
            }
        }
    }

    private func fill(
        _ row: UnsafeMutableBufferPointer<Double>, _ x: UnsafeBufferPointer<UInt8>, _ y: UnsafeBufferPointer<UInt8>
    ) {
        let map = wide / MemoryLayout<Double>.stride
        for index in 0..<samples {
            let (x, y) = (Int32(x[index]), Int32(y[index]))
            let (sum, difference) = (Double(x &+ y), Double(x &- y))
            row[index] = sum
            row[map + index] = difference
            row[2 * map + index] = sum * sum
            row[3 * map + index] = difference * difference
        }
    }

    /// Filters one row of each map horizontally; neighbours of one channel stand 3 samples apart.
    private func filter(_ row: UnsafeRawBufferPointer, into slot: UnsafeMutableRawBufferPointer) {
        let step = 3 * MemoryLayout<Double>.stride
        for map in 0..<Self.maps {
            for place in stride(from: 0, to: narrow, by: MemoryLayout<Lanes>.stride) {
                let start = map * wide + place
                let value = weighted { row.loadUnaligned(fromByteOffset: start + $0 * step, as: Lanes.self) }
                slot.storeBytes(of: value, toByteOffset: map * narrow + place, as: Lanes.self)
            }
        }
    }

    /// The sum over a row of windows; `first` is the number of their first row, or as well of 11 rows later.
    private func similarity(_ ring: UnsafeRawBufferPointer, first: Int) -> Double {
        let (c1, c2) = (Lanes(repeating: 2 * 2.55 * 2.55), Lanes(repeating: 2 * 7.65 * 7.65))
        let slot = Self.maps * narrow
        func offset(_ line: Int) -> Int { (first + line) % Self.side * slot }
        let offsets = InlineArray<11, Int> { offset($0) }
        func mean(_ place: Int) -> Lanes {
            weighted { ring.loadUnaligned(fromByteOffset: offsets[$0] + place, as: Lanes.self) }
        }
        var sum = Lanes.zero
        var tail = 0.0
        let whole = places / Lanes.scalarCount * MemoryLayout<Lanes>.stride
        for place in stride(from: 0, to: narrow, by: MemoryLayout<Lanes>.stride) {
            let (meanS, meanD) = (mean(place), mean(narrow + place))
            let (squareS, squareD) = (meanS * meanS, meanD * meanD)
            let varianceS = mean(2 * narrow + place) - squareS
            let varianceD = mean(3 * narrow + place) - squareD
            let value =
                (squareS - squareD + c1) * (varianceS - varianceD + c2)
                / ((squareS + squareD + c1) * (varianceS + varianceD + c2))
            if place < whole {
                sum += value
            } else {
                for lane in 0..<places % Lanes.scalarCount { tail += value[lane] }
            }
        }
        return sum.sum() + tail
    }

    @inline(__always) private func weighted(_ value: (Int) -> Lanes) -> Lanes {
        var sum = weights.5 * value(5)
        sum += weights.4 * (value(4) + value(6))
        sum += weights.3 * (value(3) + value(7))
        sum += weights.2 * (value(2) + value(8))
        sum += weights.1 * (value(1) + value(9))
        sum += weights.0 * (value(0) + value(10))
        return sum
    }
}
