public import Storage

/// The shape of a ``SpatialTransformer``.
public struct SpatialTransformerOptions: Sendable, Equatable {
    /// Heads of attention, a divisor of the channels.
    public var heads = 8
    /// Channels of a token of the text.
    public var context = 768
    /// Transformer blocks.
    public var layers = 1
    /// Groups of the channels in normalisation.
    public var groups = 32
    /// Whether the maps into and out of the blocks are stored as linear maps, `(C, C)`, and not as 1×1 convolutions.
    public var isLinear = false
    /// Whether attention computes in float32 where the layers compute in bfloat16.
    public var isUpcast = false

    /// A shape with its defaults.
    public init() {}
}

/// Transformer blocks over the positions of an image, each with attention among positions, attention from positions to
/// the tokens of a text, and a feed-forward layer (Rombach et al. 2022, section 3.3 and table 15).
///
/// Names of parameters are those of diffusers' `Transformer2DModel`.
public struct SpatialTransformer {
    private struct Block {
        let firstNorm: LayerNorm
        let own: TokenAttention
        let secondNorm: LayerNorm
        let cross: TokenAttention
        let thirdNorm: LayerNorm
        let gated: Linear
        let output: Linear

        init(_ scope: ParameterScope, _ width: Int, _ options: SpatialTransformerOptions) throws(PFrameError) {
            func attention(_ name: String, context: Int) throws(PFrameError) -> TokenAttention {
                try TokenAttention(
                    scope[name], width, context: context, heads: options.heads, isUpcast: options.isUpcast)
            }
            firstNorm = try LayerNorm(scope["norm1"], width)
            own = try attention("attn1", context: width)
            secondNorm = try LayerNorm(scope["norm2"], width)
            cross = try attention("attn2", context: options.context)
            thirdNorm = try LayerNorm(scope["norm3"], width)
            gated = try Linear(scope["ff"]["net"][0]["proj"], width, 8 * width)
            output = try Linear(scope["ff"]["net"][2], 4 * width, width)
        }

        func callAsFunction(_ x: Tensor, context: Tensor) throws(PFrameError) -> Tensor {
            var h = try x + own(firstNorm(x))
            h = try h + cross(secondNorm(h), context: context)
            // GEGLU (Shazeer 2020): one half times the GELU of the other half.
            let both = try gated(thirdNorm(h))
            let half = both.shape[2] / 2
            let inner = try both.sliced(0..<half, along: 2) * both.sliced(half..<2 * half, along: 2).gelu()
            return try h + output(inner)
        }
    }

    private let norm: GroupNorm
    private let input: PointwiseMap
    private let blocks: [Block]
    private let output: PointwiseMap

    /// A transformer over images of `channels` channels.
    public init(
        _ scope: ParameterScope, _ channels: Int, _ options: SpatialTransformerOptions
    ) throws(PFrameError) {
        norm = try GroupNorm(scope["norm"], channels, groups: options.groups, epsilon: 1e-6)
        input = try PointwiseMap(scope["proj_in"], channels, isLinear: options.isLinear)
        var blocks: [Block] = []
        for layer in 0..<options.layers {
            blocks.append(try Block(scope["transformer_blocks"][layer], channels, options))
        }
        self.blocks = blocks
        output = try PointwiseMap(scope["proj_out"], channels, isLinear: options.isLinear)
    }

    /// `(N, H, W, C)` to the same shape, with the texts `(N, S, context)`.
    public func callAsFunction(_ x: Tensor, context: Tensor) throws(PFrameError) -> Tensor {
        let shape = x.shape
        var h = try input(norm(x, frames: 1, silu: false)).reshaped([shape[0], shape[1] * shape[2], shape[3]])
        for block in blocks { h = try block(h, context: context) }
        return try x + output(h).reshaped(shape)
    }
}

/// A map of the channels at each position, stored as a linear map or as a 1×1 convolution.
private struct PointwiseMap {
    let weight: Tensor
    let bias: Tensor

    init(_ scope: ParameterScope, _ channels: Int, isLinear: Bool) throws(PFrameError) {
        let shape = [channels, channels] + (isLinear ? [] : [1, 1])
        weight = try scope.parameter("weight", shape, .fan(channels))
        bias = try scope.parameter("bias", [channels], .fan(channels))
    }

    func callAsFunction(_ x: Tensor) throws(PFrameError) -> Tensor {
        try x.linear(weight.reshaped([bias.count, bias.count]), bias)
    }
}

@available(*, unavailable)
extension SpatialTransformer: Sendable {}
