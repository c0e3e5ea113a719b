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
    /// - Parameter condition: the width of the embedding; nil for a block without.
    public init(_ scope: ParameterScope, _ inputs: Int, _ outputs: Int, condition: Int?) throws(TrainError) {
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
    /// - Parameter embedding: `(B, condition)` after SiLU.
    public func callAsFunction(_ x: Tensor, frames: Int, embedding: Tensor? = nil) throws(TrainError) -> Tensor {
        var scaleShift: Tensor?
        if let modulation, let embedding { scaleShift = try modulation(embedding) }
        let h = try firstNorm(first(x), frames: frames, modulation: scaleShift)
        let y = try secondNorm(second(h), frames: frames)
        return try y + (skip.map { layer throws(TrainError) in try layer(x) } ?? x)
    }
}

@available(*, unavailable)
extension ResidualBlock: Sendable {}
