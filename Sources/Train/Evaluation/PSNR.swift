public import Codec
internal import Glibc
public import Storage

/// Peak signal-to-noise ratio of a clip against its reference, in dB.
///
/// `PSNR = 10 · log₁₀(255² / MSE)`, `MSE = Σ (a − b)² / n` over all samples of the frames that count. Frame 0 is given
/// to the model and never counts. There is no cap: equal frames have an infinite PSNR.
public struct PSNR: Sendable, Equatable {
    /// `Σ (a − b)²` of each of frames 1…T−1, exact.
    public let squaredErrors: [UInt64]
    /// Samples a frame: `3 · H · W`.
    public let samples: Int

    /// Measures a clip.
    ///
    /// - Parameters:
    ///   - clip: uint8 RGB `(T, H, W, 3)`, contiguous.
    ///   - reference: the true values, of the same shape.
    ///   - size: W and H in pixels.
    /// - Throws: if the two differ in length, or are not a whole number of frames, at least two.
    public init(_ clip: Span<UInt8>, reference: Span<UInt8>, size: Size) throws(PFrameError) {
        samples = size.width * size.height * 3
        squaredErrors = try Self.forFrames(clip, reference, size) { Self.squaredError($0, $1) }
    }

    /// From the mean squared error pooled over frames 1…T−1, which is not the mean of the frames' values.
    public var clip: Double { decibel(squaredErrors.reduce(0, +), frames: squaredErrors.count) }
    /// Of each of frames 1…T−1.
    public var frames: [Double] { squaredErrors.map { decibel($0, frames: 1) } }
    /// Of frame T−1.
    public var last: Double { decibel(squaredErrors[squaredErrors.count - 1], frames: 1) }

    private func decibel(_ squaredError: UInt64, frames: Int) -> Double {
        10 * log10(255 * 255 * Double(samples * frames) / Double(squaredError))
    }

    /// What `body` makes of each of frames 1…T−1 of two clips.
    static func forFrames<Value>(
        _ clip: Span<UInt8>, _ reference: Span<UInt8>, _ size: Size,
        _ body: (UnsafeBufferPointer<UInt8>, UnsafeBufferPointer<UInt8>) -> Value
    ) throws(PFrameError) -> [Value] {
        let count = try frames(clip, reference, size)
        let samples = size.width * size.height * 3
        return clip.withUnsafeBufferPointer { clip in
            reference.withUnsafeBufferPointer { reference in
                (1..<count).map { frame in
                    let range = frame * samples..<(frame + 1) * samples
                    return body(
                        UnsafeBufferPointer(rebasing: clip[range]), UnsafeBufferPointer(rebasing: reference[range]))
                }
            }
        }
    }

    /// T of two clips that can be compared.
    private static func frames(_ clip: Span<UInt8>, _ reference: Span<UInt8>, _ size: Size) throws(PFrameError) -> Int {
        let samples = size.width * size.height * 3
        guard clip.count == reference.count else {
            throw PFrameError(
                .usage, "a clip of \(clip.count) bytes has a reference of \(reference.count): both need one shape")
        }
        guard size.width > 0, size.height > 0, clip.count % samples == 0, clip.count >= 2 * samples else {
            throw PFrameError(
                .usage, "\(clip.count) bytes are not two or more RGB frames of \(size): frame 0 is given, others count")
        }
        return clip.count / samples
    }

    private static func squaredError(_ one: UnsafeBufferPointer<UInt8>, _ other: UnsafeBufferPointer<UInt8>) -> UInt64 {
        var total: UInt64 = 0
        // 4096 · 255² fits in 32 bits, of which a vector register holds twice as many as of 64.
        for start in stride(from: 0, to: one.count, by: 4096) {
            var sum: UInt32 = 0
            for index in start..<min(start + 4096, one.count) {
                let difference = Int32(one[index]) &- Int32(other[index])
                sum &+= UInt32(truncatingIfNeeded: difference &* difference)
            }
            total += UInt64(sum)
        }
        return total
    }
}
