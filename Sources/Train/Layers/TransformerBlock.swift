/// What a feed-forward layer applies between its two maps; the raw values are Hugging Face's names.
public enum TransformerActivation: String, Sendable, CaseIterable {
    /// x · Φ(x) (Hendrycks & Gimpel 2016).
    case gelu
    /// x · sigmoid(1.702 x), which OpenAI's CLIP was trained with.
    case quickGELU = "quick_gelu"
}

/// A layer of a pre-norm transformer (Vaswani et al. 2017; Xiong et al. 2020), with weights that were trained elsewhere.
///
/// `x ← x + attention(norm₁(x))`, then `x ← x + down(activation(up(norm₂(x))))`, with biases everywhere and LayerNorm's ε 1e-5.
public struct TransformerBlock {
    /// A weight and a bias.
    private struct Pair {
        let weight: Tensor
        let bias: Tensor

        init(_ name: String, _ tensor: (String) throws(TrainError) -> Tensor) throws(TrainError) {
            (weight, bias) = (try tensor(name + ".weight"), try tensor(name + ".bias"))
        }

        func mapped(_ x: Tensor) throws(TrainError) -> Tensor { try x.linear(weight, bias) }
        func normalised(_ x: Tensor) throws(TrainError) -> Tensor { try x.layerNorm(weight, bias) }
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
    public init(
        heads: Int, activation: TransformerActivation, _ tensor: (String) throws(TrainError) -> Tensor
    ) throws(TrainError) {
        (firstNorm, secondNorm) = (try Pair("norm1", tensor), try Pair("norm2", tensor))
        (attention, output) = (try Pair("attention", tensor), try Pair("output", tensor))
        (up, down) = (try Pair("up", tensor), try Pair("down", tensor))
        (self.heads, self.activation) = (heads, activation)
    }

    /// `(B, T, W)` to the same shape.
    ///
    /// - Parameter bias: `(heads, T, T)`, added to the scores of query i and key j.
    public func callAsFunction(_ x: Tensor, bias: Tensor? = nil) throws(TrainError) -> Tensor {
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
