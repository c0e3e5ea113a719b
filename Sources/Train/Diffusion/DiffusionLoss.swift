/// The squared error of a prediction, in float32 whatever the types.
public struct DiffusionLoss {
    /// What training lowers: the mean over all elements of w_b (p − t)², one number.
    public let mean: Tensor
    /// The mean of (p − t)² of every clip, unweighted and unrecorded: `(B)`.
    public let clips: Tensor

    /// Compares what the network gave with what it should have given.
    ///
    /// - Parameters:
    ///   - prediction: Clips `(B·T, H, W, C)`.
    ///   - target: As many.
    ///   - weights: The weight of every clip, B in all.
    ///   - frames: The frames T of a clip.
    /// - Throws: `TrainError` where the shapes do not fit.
    public init(_ prediction: Tensor, target: Tensor, weights: [Double], frames: Int) throws(TrainError) {
        let shape = prediction.shape
        guard target.shape == shape, shape.first == weights.count * frames else {
            throw TrainError(
                "a prediction \(shape) for \(target.shape): \(weights.count) clips of \(frames) frames were expected")
        }
        let errors = try (prediction.to(.float32) - target.to(.float32)).reshaped([weights.count, -1])
        let each = try errors.squared().mean([1])
        let weights = try Tensor(weights.map(Float.init), device: prediction.device)
        mean = try (each * weights).mean()
        clips = try each.detached()
    }
}

@available(*, unavailable)
extension DiffusionLoss: Sendable {}
