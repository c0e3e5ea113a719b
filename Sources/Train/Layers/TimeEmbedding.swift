import Glibc

/// The diffusion step as sinusoids (Vaswani et al. 2017) through two linear maps.
public struct TimeEmbedding {
    let first: Linear
    let second: Linear
    let width: Int

    /// An embedding of `4 · width` channels.
    public init(_ scope: ParameterScope, width: Int) throws(TrainError) {
        first = try Linear(scope["first"], width, 4 * width)
        second = try Linear(scope["second"], 4 * width, 4 * width)
        self.width = width
    }

    /// Steps, one a clip, to `(B, 4 · width)`.
    public func callAsFunction(_ steps: [Float]) throws(TrainError) -> Tensor {
        let half = width / 2
        var features: [Float] = []
        for step in steps {
            let angles = (0..<half).map { step * Float(exp(-log(10_000) * Double($0) / Double(half - 1))) }
            features += angles.map { sinf($0) } + angles.map { cosf($0) }
        }
        let input = try Tensor(features, shape: [steps.count, 2 * half], device: first.weight.device)
        return try second(first(input.to(first.weight.type)).gelu())
    }
}

@available(*, unavailable)
extension TimeEmbedding: Sendable {}
