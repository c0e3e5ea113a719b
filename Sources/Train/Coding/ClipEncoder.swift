public import Codec
public import MotionVectors
public import Storage

/// A clip as motion and latents, and the video that those give.
public struct CodedClip {
    /// Float16 `(T−1, H/16, W/16, channels)` in C order.
    public let latents: [Float16]
    /// The motion of frames 1…: whole pixels in quarter-pel units.
    public let motion: [MotionField]
    /// All frames as they are rebuilt; the first is the given one.
    public let frames: [RGBImage]
}

/// Whether frames are predicted from rebuilt frames or from the source's.
public enum CodingLoop: String, Sendable, CaseIterable {
    /// From rebuilt frames: motion and latents are those that decoding meets.
    case closed
    /// From the source's frames: the data set's own motion and residuals.
    case open

    /// The motion that the loop has unless another is asked for.
    var usualMotion: CodingMotion { self == .closed ? .search : .keep }
}

/// Where the motion of coded clips comes from.
public enum CodingMotion: String, Sendable, CaseIterable {
    /// The data set's own motion.
    case keep
    /// Searched in the frames that are predicted from.
    case search
}

/// Codes clips.
///
/// In the closed loop every frame is predicted from the rebuilt previous frame, so each frame corrects the errors of
/// the previous frame. In the open loop motion and residual come from the source frames, and errors add up.
public struct ClipEncoder {
    private let coder: any ResidualCoder
    private let size: Size
    private let search: ColourSearch

    /// An encoder for frames of one size.
    public init(_ coder: any ResidualCoder, size: Size, radius: Int) {
        (self.coder, self.size) = (coder, size)
        var search = ColourSearch()
        search.radius = radius
        self.search = search
    }

    /// Codes clips in the closed loop, all of them frame by frame together: `(T, H, W, 3)` each, of one length.
    ///
    /// `mvₙ` is given, or searched against `x̂ₙ₋₁`; `zₙ = E(vₙ − P(x̂ₙ₋₁, mvₙ))`;
    /// `x̂ₙ = clamp(P(x̂ₙ₋₁, mvₙ) + round(D(zₙ)))`.
    public func closed(_ clips: [[RGBImage]], motion: [[MotionField]]? = nil) throws(PFrameError) -> [CodedClip] {
        try code(clips) { (source, rebuilt, before, clip, frame) throws(PFrameError) in
            let field =
                motion.map { $0[clip][frame - 1] } ?? search.field(of: source, against: rebuilt, previous: before)
            return (
                field,
                WholePixelCompensation.residual(
                    of: source, from: WholePixelCompensation.predict(from: rebuilt, field))
            )
        }
    }

    /// Codes clips in the open loop: with the motion given, or searched between source frames.
    public func open(_ clips: [[RGBImage]], motion: [[MotionField]]? = nil) throws(PFrameError) -> [CodedClip] {
        try code(clips) { (source, _, before, clip, frame) throws(PFrameError) in
            let previous = clips[clip][frame - 1]
            let field =
                motion.map { $0[clip][frame - 1] } ?? search.field(of: source, against: previous, previous: before)
            return (
                field,
                WholePixelCompensation.residual(
                    of: source, from: WholePixelCompensation.predict(from: previous, field))
            )
        }
    }

    /// Codes frame after frame; `step` gives motion and residual of (source frame, rebuilt frame before, field before,
    /// clip, frame).
    private func code(
        _ clips: [[RGBImage]],
        _ step: (RGBImage, RGBImage, MotionField?, Int, Int) throws(PFrameError) -> (MotionField, [Int16])
    ) throws(PFrameError) -> [CodedClip] {
        guard let length = clips.first?.count else { return [] }
        precondition(clips.allSatisfy { $0.count == length }, "clips of different length")
        var rebuilt = clips.map { [$0[0]] }
        var motion = clips.map { _ in [MotionField]() }
        var latents = clips.map { _ in [Float16]() }
        let values = size.width * size.height * 3
        for frame in 1..<length {
            var residuals: [Int16] = []
            residuals.reserveCapacity(values * clips.count)
            for clip in clips.indices {
                let (field, residual) = try step(
                    clips[clip][frame], rebuilt[clip][frame - 1], motion[clip].last, clip, frame)
                motion[clip].append(field)
                residuals += residual
            }
            let shape = [clips.count, size.height, size.width, 3]
            let input = try Tensor(elements: residuals, type: .int16, shape: shape).to(.float32)
            // What is decoded is what is stored.
            let stored = try coder.encode(input).to(.float16)
            let decoded = try coder.decode(stored.to(.float32)).to(.cpu).rounded().clamped(-255, 255).to(.int16).bytes()
            let bytes = try stored.bytes()
            for clip in clips.indices {
                let count = bytes.count / clips.count / 2
                bytes.withUnsafeBytes {
                    latents[clip] += $0.bindMemory(to: Float16.self)[(clip * count)..<((clip + 1) * count)]
                }
                let residual = decoded.withUnsafeBytes {
                    Array($0.bindMemory(to: Int16.self)[(clip * values)..<((clip + 1) * values)])
                }
                let prediction = WholePixelCompensation.predict(
                    from: rebuilt[clip][frame - 1], motion[clip][frame - 1])
                rebuilt[clip].append(WholePixelCompensation.rebuild(prediction, residual))
            }
        }
        return clips.indices.map { CodedClip(latents: latents[$0], motion: motion[$0], frames: rebuilt[$0]) }
    }
}

@available(*, unavailable)
extension ClipEncoder: Sendable {}

@available(*, unavailable)
extension CodedClip: Sendable {}
