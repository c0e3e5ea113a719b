public import Storage

/// The residual block of latent diffusion (Rombach et al. 2022): normalisation and SiLU before each of two 3×3
/// convolutions, the step embedding added between the convolutions, the input added at the end.
///
/// Names of parameters are those of diffusers' `ResnetBlock2D`.
public struct ImageResidualBlock {
    let firstNorm: GroupNorm
    let first: Convolution
    let step: Linear?
    let secondNorm: GroupNorm
    let second: Convolution
    let skip: Convolution?

    /// A block from `inputs` to `outputs` channels.
    ///
    /// - Parameters:
    ///   - step: the width of the step embedding; nil for a block without.
    ///   - groups: of the channels in normalisation.
    ///   - epsilon: what normalisation adds to the variance.
    ///   - scope: the place of its parameters.
    ///   - inputs: channels of the input.
    ///   - outputs: channels of the output.
    public init(
        _ scope: ParameterScope, _ inputs: Int, _ outputs: Int, step: Int? = nil, groups: Int, epsilon: Double
    ) throws(PFrameError) {
        firstNorm = try GroupNorm(scope["norm1"], inputs, groups: groups, epsilon: epsilon)
        first = try Convolution(scope["conv1"], inputs, outputs)
        if let step { self.step = try Linear(scope["time_emb_proj"], step, outputs) } else { self.step = nil }
        secondNorm = try GroupNorm(scope["norm2"], outputs, groups: groups, epsilon: epsilon)
        second = try Convolution(scope["conv2"], outputs, outputs)
        skip = inputs == outputs ? nil : try Convolution(scope["conv_shortcut"], inputs, outputs, kernel: 1)
    }

    /// `(N, H, W, inputs)` to `(N, H, W, outputs)`.
    ///
    /// - Parameters:
    ///   - step: the step embedding after SiLU, `(N, width)`.
    ///   - x: the input.
    public func callAsFunction(_ x: Tensor, step embedding: Tensor? = nil) throws(PFrameError) -> Tensor {
        var h = try first(firstNorm(x, frames: 1))
        if let step, let embedding { h = try h + step(embedding).reshaped([h.shape[0], 1, 1, h.shape[3]]) }
        h = try second(secondNorm(h, frames: 1))
        return try (skip.map { layer throws(PFrameError) in try layer(x) } ?? x) + h
    }
}

/// Softmax attention whose queries, keys and values are maps of their own, among tokens or from tokens to a context.
///
/// Names of parameters are those of diffusers' `Attention`.
public struct TokenAttention {
    let query: Linear
    let key: Linear
    let value: Linear
    let output: Linear
    let heads: Int
    let isUpcast: Bool

    /// Attention over tokens of `width` channels.
    ///
    /// - Parameters:
    ///   - context: channels of the tokens that keys and values are made of.
    ///   - heads: a divisor of `width`.
    ///   - bias: whether queries, keys and values have a bias.
    ///   - isUpcast: whether scores are computed in float32 where the layers compute in bfloat16.
    ///   - scope: the place of its parameters.
    ///   - width: channels of a token.
    public init(
        _ scope: ParameterScope, _ width: Int, context: Int, heads: Int, bias: Bool = false, isUpcast: Bool = false
    ) throws(PFrameError) {
        query = try Linear(scope["to_q"], width, width, bias: bias)
        key = try Linear(scope["to_k"], context, width, bias: bias)
        value = try Linear(scope["to_v"], context, width, bias: bias)
        output = try Linear(scope["to_out"][0], width, width)
        (self.heads, self.isUpcast) = (heads, isUpcast)
    }

    /// `(N, T, width)` to the same shape; of itself where `context`, `(N, S, context)`, is nil.
    public func callAsFunction(_ x: Tensor, context: Tensor? = nil) throws(PFrameError) -> Tensor {
        let source = context ?? x
        var (q, k, v) = (try query(x), try key(source), try value(source))
        if isUpcast { (q, k, v) = (try q.to(.float32), try k.to(.float32), try v.to(.float32)) }
        return try output(q.attention(keys: k, values: v, heads: heads).to(x.type))
    }
}

/// A 3×3 convolution of stride 2, which halves height and width.
public struct ImageDownsampling {
    let convolution: Convolution
    let isLopsided: Bool

    /// Downsampling of `channels` channels.
    ///
    /// - Parameters:
    ///   - isLopsided: whether the padding lies below and to the right only, as in the autoencoder, and not all around.
    ///   - scope: the place of its parameters.
    ///   - channels: of input and output.
    public init(_ scope: ParameterScope, _ channels: Int, isLopsided: Bool) throws(PFrameError) {
        convolution = try Convolution(
            scope["conv"], channels, channels, stride: 2, padding: isLopsided ? 0 : 1)
        self.isLopsided = isLopsided
    }

    /// `(N, H, W, C)` to `(N, ⌈H/2⌉, ⌈W/2⌉, C)`; lopsided to `(N, ⌊H/2⌋, ⌊W/2⌋, C)`.
    public func callAsFunction(_ x: Tensor) throws(PFrameError) -> Tensor {
        guard isLopsided else { return try convolution(x) }
        var padded = x
        for dimension in [1, 2] {
            var edge = padded.shape
            edge[dimension] = 1
            padded = try .concatenated([padded, .zeros(edge, type: x.type, device: x.device)], along: dimension)
        }
        return try convolution(padded)
    }
}

/// Every pixel four times, then a 3×3 convolution.
public struct ImageUpsampling {
    let convolution: Convolution

    /// Upsampling of `channels` channels.
    public init(_ scope: ParameterScope, _ channels: Int) throws(PFrameError) {
        convolution = try Convolution(scope["conv"], channels, channels)
    }

    /// `(N, H, W, C)` to `(N, height, width, C)` with a height of 2H or 2H − 1 and a width of 2W or 2W − 1; twice the
    /// size where none is given.
    public func callAsFunction(_ x: Tensor, height: Int? = nil, width: Int? = nil) throws(PFrameError) -> Tensor {
        var grown = try x.upsampled(2)
        if let height, height < grown.shape[1] { grown = try grown.sliced(0..<height, along: 1) }
        if let width, width < grown.shape[2] { grown = try grown.sliced(0..<width, along: 2) }
        return try convolution(grown)
    }
}

@available(*, unavailable)
extension ImageResidualBlock: Sendable {}

@available(*, unavailable)
extension TokenAttention: Sendable {}

@available(*, unavailable)
extension ImageDownsampling: Sendable {}

@available(*, unavailable)
extension ImageUpsampling: Sendable {}
