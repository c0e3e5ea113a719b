public import Codec
public import Dataset

/// A model as the training loop sees it.
public protocol Trainee: AnyObject {
    /// Which model it is.
    var kind: ModelKind { get }
    /// Its parameters.
    var store: ParameterStore { get }
    /// Further numbers that ``loss(_:seeds:)`` gives.
    var notes: Int { get }

    /// The loss of a batch of at least one sample, a mean over samples.
    ///
    /// - Parameter seeds: one for each sample; everything random follows from them.
    /// - Returns: the loss, and further numbers for the log, each with its name.
    func loss(
        _ batch: Batch, seeds: [RandomSeed]
    ) throws(TrainError) -> (loss: Tensor, notes: [(name: String, value: Tensor)])

    /// A picture of what the model makes of the first samples of a batch, with the weights that it has now.
    func picture(_ batch: Batch, seed: RandomSeed) throws(TrainError) -> RGBImage
}
