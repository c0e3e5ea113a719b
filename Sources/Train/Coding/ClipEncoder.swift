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
    private let search: ColourSearch

    /// An encoder that searches motion within ±`radius` pixels.
    public init(_ coder: any ResidualCoder, radius: Int) {
        self.coder = coder
        var search = ColourSearch()
        search.radius = radius
        self.search = search
    }

    /// Codes clips in the closed loop, all of them frame by frame together: `(T, H, W, 3)` each, of one length.
    ///
    /// `mvₙ` is given, or searched against `x̂ₙ₋₁`; `pₙ = P(x̂ₙ₋₁, mvₙ)`; `zₙ = E(vₙ − pₙ, pₙ)`;
    /// `x̂ₙ = clamp(pₙ + round(D(zₙ, pₙ)))`.
    public func closed(_ clips: [[RGBImage]], motion: [[MotionField]]? = nil) throws(PFrameError) -> [CodedClip] {
        try code(clips, motion) { rebuilt, _ in rebuilt }
    }

    /// Codes clips in the open loop: with the motion given, or searched between source frames. What is decoded is
    /// added to the prediction from the rebuilt frame all the same.
    public func open(_ clips: [[RGBImage]], motion: [[MotionField]]? = nil) throws(PFrameError) -> [CodedClip] {
        try code(clips, motion) { _, source in source }
    }

    /// Codes frame after frame; `reference` chooses what encoding predicts from, of (the rebuilt frame before, the
    /// source frame before).
    private func code(
        _ clips: [[RGBImage]], _ given: [[MotionField]]?, _ reference: (RGBImage, RGBImage) -> RGBImage
    ) throws(PFrameError) -> [CodedClip] {
        guard let length = clips.first?.count else { return [] }
        precondition(clips.allSatisfy { $0.count == length }, "clips of different length")
        var rebuilt = clips.map { [$0[0]] }
        var motion = clips.map { _ in [MotionField]() }
        var latents = clips.map { _ in [Float16]() }
        for frame in 1..<length {
            // What encoding predicts, and what decoding will.
            var (encoding, decoding) = ([RGBImage](), [RGBImage]())
            for clip in clips.indices {
                let before = reference(rebuilt[clip][frame - 1], clips[clip][frame - 1])
                let field =
                    given.map { $0[clip][frame - 1] }
                    ?? search.field(of: clips[clip][frame], against: before, previous: motion[clip].last)
                motion[clip].append(field)
                encoding.append(WholePixelCompensation.predict(from: before, field))
                decoding.append(WholePixelCompensation.predict(from: rebuilt[clip][frame - 1], field))
            }
            let predicted = try Tensor(pixels: encoding)
            let residual = try Tensor(pixels: clips.map { $0[frame] }) - predicted
            // What is decoded is what is stored.
            let stored = try coder.encode(residual, beside: predicted).to(.float16)
            let bytes = try stored.bytes()
            for clip in clips.indices {
                let count = bytes.count / clips.count / 2
                bytes.withUnsafeBytes {
                    latents[clip] += $0.bindMemory(to: Float16.self)[(clip * count)..<((clip + 1) * count)]
                }
            }
            let residuals = try coder.residuals(of: stored.to(.float32), beside: decoding)
            for clip in clips.indices {
                rebuilt[clip].append(WholePixelCompensation.rebuild(decoding[clip], residuals[clip]))
            }
        }
        return clips.indices.map { CodedClip(latents: latents[$0], motion: motion[$0], frames: rebuilt[$0]) }
    }
}

extension ResidualCoder {
    /// The residuals of latents `(N, H/16, W/16, channels)` as they are stored: whole numbers in −255…255, one
    /// `(H, W, 3)` for each of N predictions.
    func residuals(of latents: Tensor, beside predictions: [RGBImage]) throws(PFrameError) -> [[Int16]] {
        let decoded = try withoutGradients { () throws(PFrameError) in
            try decode(latents, beside: Tensor(pixels: predictions)).to(.cpu)
        }
        let bytes = try decoded.rounded().clamped(-255, 255).to(.int16).bytes()
        return bytes.withUnsafeBytes { Clip.residuals($0, predictions.count) }
    }
}

extension Tensor {
    /// Pictures of one size, `(N, H, W, 3)` float32, 0…255.
    convenience init(pixels pictures: [RGBImage], device: Device = .cpu) throws(PFrameError) {
        let shape = [pictures.count, pictures[0].height, pictures[0].width, 3]
        let values = pictures.flatMap(\.pixels).map { Float($0) }
        try self.init(values, shape: shape, device: device)
    }
}

@available(*, unavailable)
extension ClipEncoder: Sendable {}

@available(*, unavailable)
extension CodedClip: Sendable {}
