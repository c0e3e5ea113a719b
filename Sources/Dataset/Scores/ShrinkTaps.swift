import Storage

/// Which two samples of a line make each sample of a shorter one, and their weights: one axis of OpenCV's
/// `INTER_LINEAR` for bytes.
///
/// Centres of pixels map to centres of pixels; there are two taps however much the line shrinks (no antialiasing), places
/// are single precision, weights are rounded to 2⁻¹¹ one by one, and edges repeat.
struct ShrinkTaps: Sendable, Equatable {
    /// The weights of both samples add up to this.
    static let unit: Float = 2048
    /// The sample of each pair that weighs more, or as much.
    private(set) var first: [Int32] = []
    /// The other, next to it.
    private(set) var second: [Int32] = []
    /// Weights of the second samples, 0…1024; the first have the rest.
    private(set) var weights: [Int16] = []

    /// The taps of a line of `length` samples shrunk to `count`, which is then read backwards where `isMirrored`.
    ///
    /// A mirrored line is one that somebody turns before shrinking: sample k counts from its other end.
    init(length: Int, count: Int, isMirrored: Bool = false) {
        let scale = Double(length) / Double(count)
        for index in 0..<count {
            let place = Float((Double(index) + 0.5) * scale - 0.5)
            let floor = place.rounded(.down)
            var (sample, fraction) = (Int(floor), place - floor)
            if sample < 0 { (sample, fraction) = (0, 0) }
            if sample >= length - 1 { (sample, fraction) = (length - 1, 0) }
            let weight = Int16((fraction * Self.unit).rounded(.toNearestOrEven))
            let other = Int16(((1 - fraction) * Self.unit).rounded(.toNearestOrEven))
            // OpenCV rounds both; halves go to the even one of each, so that they add up all the same.
            precondition(weight + other == Int16(Self.unit), "weights \(weight) and \(other) at \(place)")
            var pair = (sample, min(sample + 1, length - 1))
            if isMirrored { pair = (length - 1 - pair.0, length - 1 - pair.1) }
            if weight > other { pair = (pair.1, pair.0) }
            first.append(Int32(pair.0))
            second.append(Int32(pair.1))
            weights.append(min(weight, other))
        }
    }

    /// Samples of the shorter line.
    var count: Int { first.count }
    /// Whether every sample is one of the line's, as when it shrinks by an odd whole factor.
    var isWhole: Bool { weights.allSatisfy { $0 == 0 } }
}
