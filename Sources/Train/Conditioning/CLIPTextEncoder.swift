/// CLIP's text encoder (Radford et al. 2021), frozen, in float32: a transformer in which a token sees those before it.
public struct CLIPTextEncoder {
    /// What it makes of B texts, W wide, projected to P features.
    public struct Output {
        /// `(B, P)`: the end-of-text token, normalised and projected; not of unit length.
        public let features: Tensor
        /// `(B, context, W)`: all tokens, normalised.
        public let sequence: Tensor
    }

    /// Tokens of a text: 77.
    public let contextLength: Int
    /// W, channels of the sequence.
    public let width: Int
    /// P, features of a text.
    public let projection: Int
    private let vocabulary: Int
    private let device: Device
    private let tokens: Tensor
    private let positions: Tensor
    private let norm: (weight: Tensor, bias: Tensor)
    private let projector: Tensor
    private let blocks: [TransformerBlock]
    private let causal: Tensor

    /// The encoder of a model.
    ///
    /// - Throws: `TrainError` where its weights cannot be read, or do not fit in memory.
    public init(_ weights: CLIPWeights, device: Device = .cpu) throws(TrainError) {
        (contextLength, width, projection) = (weights.contextLength, weights.text.width, weights.projection)
        (vocabulary, self.device) = (weights.vocabulary, device)
        tokens = try weights.tensor("text.tokens").to(device)
        positions = try weights.tensor("text.positions").to(device)
        norm = (try weights.tensor("text.norm.weight").to(device), try weights.tensor("text.norm.bias").to(device))
        projector = try weights.tensor("text.projection").to(device)
        blocks = try weights.blocks(of: "text", weights.text, device: device)
        let length = contextLength
        // Enough for softmax to give nothing; infinity would make NaN of its own difference.
        let mask = (0..<length).flatMap { i in (0..<length).map { $0 > i ? Float(-1e9) : 0 } }
        causal = try Tensor(mask, shape: [1, length, length], device: device)
            .expanded([weights.text.heads, length, length])
    }

    /// Encodes texts.
    ///
    /// - Parameter texts: rows of `contextLength` numbers, as `BPETokenizer` makes them with either padding. The first of
    ///   the highest number of a row is taken as its end: CLIP's end-of-text token is the last of its vocabulary.
    /// - Throws: `TrainError` where a row has another length, or a number is not in the vocabulary.
    public func callAsFunction(_ texts: [[Int32]]) throws(TrainError) -> Output {
        for (index, text) in texts.enumerated() {
            guard text.count == contextLength else {
                throw TrainError("text \(index) has \(text.count) tokens; this CLIP model takes \(contextLength)")
            }
            if let alien = text.first(where: { !(0..<vocabulary).contains(Int($0)) }) {
                let remedy = "take the merges and vocabulary that belong to the model"
                throw TrainError("text \(index) has token \(alien) of a vocabulary of \(vocabulary): \(remedy)")
            }
        }
        return try withoutGradients { () throws(TrainError) in
            let indices = try Tensor(
                texts.flatMap { $0.map(Int64.init) }, shape: [texts.count, contextLength], device: device)
            var x = try tokens.embedded(indices) + positions
            for block in blocks { x = try block(x, bias: causal) }
            let sequence = try x.layerNorm(norm.weight, norm.bias)
            let ends = texts.enumerated().map { Int64($0 * contextLength + Self.end(of: $1)) }
            let pooled = try sequence.reshaped([texts.count * contextLength, width])
                .selected(Tensor(ends, device: device))
            return try Output(features: pooled.linear(projector, nil), sequence: sequence)
        }
    }

    /// Where the highest number first stands.
    private static func end(of text: [Int32]) -> Int {
        text.indices.reduce(0) { text[$1] > text[$0] ? $1 : $0 }
    }
}

@available(*, unavailable)
extension CLIPTextEncoder: Sendable {}

@available(*, unavailable)
extension CLIPTextEncoder.Output: Sendable {}
