public import Storage

/// What a feed-forward layer applies between its two maps; the raw values are Hugging Face's names.
package enum TransformerActivation: String, Sendable, CaseIterable {
    /// x · Φ(x) (Hendrycks & Gimpel 2016).
    case gelu
    /// x · sigmoid(1.702 x), which OpenAI's CLIP was trained with.
    case quickGELU = "quick_gelu"
}

/// A layer of a pre-norm transformer (Vaswani et al. 2017; Xiong et al. 2020), with weights that were trained elsewhere.
///
/// `x ← x + attention(norm₁(x))`, then `x ← x + down(activation(up(norm₂(x))))`, with biases everywhere and LayerNorm's ε 1e-5.
package struct TransformerBlock {
    /// A weight and a bias.
    private struct Pair {
        let weight: Tensor
        let bias: Tensor

        init(_ name: String, _ tensor: (String) throws(PFrameError) -> Tensor) throws(PFrameError) {
            (weight, bias) = (try tensor(name + ".weight"), try tensor(name + ".bias"))
        }

        func mapped(_ x: Tensor) throws(PFrameError) -> Tensor { try x.linear(weight, bias) }
        func normalised(_ x: Tensor) throws(PFrameError) -> Tensor { try x.layerNorm(weight, bias) }
    }

    private let firstNorm: Pair
    private let attention: Pair
    private let output: Pair
    private let secondNorm: Pair
    private let up: Pair
    private let down: Pair
    private let heads: Int
    private let activation: TransformerActivation

    /// A layer of given weights.
    ///
    /// - Parameter tensor: gives a weight by its name: `norm1`, `norm2` `(W)`, `attention` `(3W, W)` of queries, keys and
    ///   values one below the other, `output` `(W, W)`, `up` `(hidden, W)`, `down` `(W, hidden)`, each with `.weight` and
    ///   `.bias` behind it.
    package init(
        heads: Int, activation: TransformerActivation, _ tensor: (String) throws(PFrameError) -> Tensor
    ) throws(PFrameError) {
        (firstNorm, secondNorm) = (try Pair("norm1", tensor), try Pair("norm2", tensor))
        (attention, output) = (try Pair("attention", tensor), try Pair("output", tensor))
        (up, down) = (try Pair("up", tensor), try Pair("down", tensor))
        (self.heads, self.activation) = (heads, activation)
    }

    /// `(B, T, W)` to the same shape.
    ///
    /// - Parameter bias: `(heads, T, T)`, added to the scores of query i and key j.
    package func callAsFunction(_ x: Tensor, bias: Tensor? = nil) throws(PFrameError) -> Tensor {
        let shape = x.shape
        let qkv = try attention.mapped(firstNorm.normalised(x)).reshaped([shape[0], shape[1], 1, 3 * shape[2]])
        let attended = try qkv.sequenceAttention(heads: heads, bias: bias).reshaped(shape)
        let middle = try x + output.mapped(attended)
        let hidden = try up.mapped(secondNorm.normalised(middle))
        let activated =
            switch activation {
            case .gelu: try hidden.gelu()
            case .quickGELU: try hidden.quickGELU()
            }
        return try middle + down.mapped(activated)
    }
}

@available(*, unavailable)
extension TransformerBlock: Sendable {}

/// Two 3×3 convolutions, each with group normalisation and SiLU, around which the input is added (He et al. 2016); the
/// time and text embedding scales and shifts what the first gives (Dhariwal & Nichol 2021).
public struct ResidualBlock {
    let first: Convolution
    let second: Convolution
    let firstNorm: GroupNorm
    let secondNorm: GroupNorm
    let modulation: Linear?
    let skip: Convolution?

    /// A block from `inputs` to `outputs` channels.
    ///
    /// - Parameters:
    ///   - condition: the width of the embedding; nil for a block without.
    ///   - outputs: channels of the output.
    ///   - scope: the place of its parameters.
    ///   - inputs: channels of the input.
    public init(_ scope: ParameterScope, _ inputs: Int, _ outputs: Int, condition: Int?) throws(PFrameError) {
        if let condition {
            modulation = try Linear(scope["modulation"], condition, 2 * outputs)
        } else {
            modulation = nil
        }
        first = try Convolution(scope["first"], inputs, outputs)
        firstNorm = try GroupNorm(scope["first_norm"], outputs)
        second = try Convolution(scope["second"], outputs, outputs)
        secondNorm = try GroupNorm(scope["second_norm"], outputs)
        skip = inputs == outputs ? nil : try Convolution(scope["skip"], inputs, outputs, kernel: 1)
    }

    /// `(B·T, H, W, inputs)` to `(B·T, H, W, outputs)`.
    ///
    /// - Parameters:
    ///   - embedding: `(B, condition)` after SiLU.
    ///   - x: the input.
    ///   - frames: frames of a clip, the given one included.
    public func callAsFunction(_ x: Tensor, frames: Int, embedding: Tensor? = nil) throws(PFrameError) -> Tensor {
        var scaleShift: Tensor?
        if let modulation, let embedding { scaleShift = try modulation(embedding) }
        let h = try firstNorm(first(x), frames: frames, modulation: scaleShift)
        let y = try secondNorm(second(h), frames: frames)
        return try y + (skip.map { layer throws(PFrameError) in try layer(x) } ?? x)
    }
}

@available(*, unavailable)
extension ResidualBlock: Sendable {}
