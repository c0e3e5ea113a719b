public import Storage

/// What attention layers share: heads of 32 channels, normalisation before, the input added after.
public enum AttentionAxis: Sendable {
    /// Among the frames of a clip, at each position.
    case time
    /// Among the positions of a frame.
    case space
}

/// Softmax attention (Vaswani et al. 2017) among the frames of a clip or the positions of a frame.
public struct Attention {
    static let headWidth = 32
    let norm: ChannelNorm
    let projection: Linear
    let output: Linear
    let heads: Int
    let axis: AttentionAxis

    /// Attention over images of `channels` channels.
    public init(_ scope: ParameterScope, _ channels: Int, axis: AttentionAxis, heads: Int = 8) throws(PFrameError) {
        norm = try ChannelNorm(scope["norm"], channels)
        projection = try Linear(scope["qkv"], channels, 3 * heads * Self.headWidth, bias: false)
        output = try Linear(scope["output"], heads * Self.headWidth, channels, bias: false)
        (self.heads, self.axis) = (heads, axis)
    }

    /// `(B·T, H, W, C)` to the same shape.
    ///
    /// - Parameters:
    ///   - bias: `(heads, T, T)`, added to the scores.
    ///   - x: the input.
    ///   - frames: frames of a clip, the given one included.
    public func callAsFunction(_ x: Tensor, frames: Int, bias: Tensor? = nil) throws(PFrameError) -> Tensor {
        let width = 3 * heads * Self.headWidth
        return try inParts(x, of: axis == .time ? frames : 1, width: width) { x throws(PFrameError) in
            let shape = x.shape
            let (positions, images) = (shape[1] * shape[2], shape[0])
            let qkv = try projection(norm(x))
            let sequences =
                switch axis {
                case .time: try qkv.reshaped([images / frames, frames, positions, width])
                case .space: try qkv.reshaped([images, positions, 1, width])
                }
            let attended = try sequences.sequenceAttention(heads: heads, bias: bias)
            return try x + output(attended.reshaped([images, shape[1], shape[2], width / 3]))
        }
    }
}

/// Linear attention among the positions of a frame, whose cost does not grow with their square.
public struct LinearAttention {
    let norm: ChannelNorm
    let projection: Linear
    let output: Linear
    let heads: Int

    /// Attention over images of `channels` channels.
    public init(_ scope: ParameterScope, _ channels: Int, heads: Int = 8) throws(PFrameError) {
        norm = try ChannelNorm(scope["norm"], channels)
        projection = try Linear(scope["qkv"], channels, 3 * heads * Attention.headWidth, bias: false)
        output = try Linear(scope["output"], heads * Attention.headWidth, channels)
        self.heads = heads
    }

    /// `(N, H, W, C)` to the same shape.
    public func callAsFunction(_ x: Tensor) throws(PFrameError) -> Tensor {
        let width = 3 * heads * Attention.headWidth
        return try inParts(x, of: 1, width: width) { x throws(PFrameError) in
            let shape = x.shape
            let qkv = try projection(norm(x)).reshaped([shape[0], shape[1] * shape[2], width])
            let attended = try qkv.linearAttention(heads: heads)
            return try x + output(attended.reshaped([shape[0], shape[1], shape[2], width / 3]))
        }
    }
}

/// Applies attention to images `(N, H, W, C)` in parts of a multiple of `unit` images, so that queries, keys and values of
/// `width` channels take 256 MB and not what eight clips of the paper's pixels would: 6 GB. A single part where gradients
/// are recorded, which keep all of it anyway.
private func inParts(
    _ x: Tensor, of unit: Int, width: Int, _ attention: (Tensor) throws(PFrameError) -> Tensor
) throws(PFrameError) -> Tensor {
    let shape = x.shape
    let together = max(1, (256 << 20) / (4 * unit * shape[1] * shape[2] * width)) * unit
    if x.requiresGradient || together >= shape[0] { return try attention(x) }
    var parts: [Tensor] = []
    for start in stride(from: 0, to: shape[0], by: together) {
        parts.append(try attention(x.sliced(start..<min(start + together, shape[0]), along: 0)))
    }
    return try .concatenated(parts, along: 0)
}

/// A learned bias for every distance between two frames, one for each head, shared by all layers.
public struct RelativePositionBias {
    /// `(2 · frames − 1, heads)`: row `i − j + frames − 1` is of query i and key j.
    public let table: Tensor
    let frames: Int
    let indices: Tensor

    /// Biases for clips of up to `frames` frames.
    public init(_ scope: ParameterScope, frames: Int, heads: Int = 8) throws(PFrameError) {
        table = try scope.parameter("table", [2 * frames - 1, heads], .normal(0.02), keepsFloat: true)
        self.frames = frames
        let distances = (0..<frames).flatMap { i in (0..<frames).map { Int64(i - $0 + frames - 1) } }
        indices = try Tensor(distances, device: scope.device)
    }

    /// `(heads, frames, frames)`.
    public func callAsFunction() throws(PFrameError) -> Tensor {
        try table.selected(indices).reshaped([frames, frames, -1]).permuted([2, 0, 1]).contiguous()
    }
}

@available(*, unavailable)
extension Attention: Sendable {}

@available(*, unavailable)
extension LinearAttention: Sendable {}

@available(*, unavailable)
extension RelativePositionBias: Sendable {}
