import ArgumentParser
public import Codec
import Dataset
public import Shards
public import Storage

/// A family of models: everything that planning, training, sampling and checking need to know about one.
///
/// A family is a type without values. The commands know the families of ``ModelRegistry``; what takes a family as a
/// parameter works with any other one, too.
public protocol ModelFamily: Sendable {
    /// What says how one of its models is built. `config.json` records it.
    associatedtype Options: ModelOptions
    /// The family's own options of `pframe train`.
    associatedtype Arguments: ModelArguments where Arguments.Options == Options

    /// The name on the command line, in `config.json` and in checkpoints.
    static var name: String { get }
    /// What it is, in one line.
    static var abstract: String { get }
    /// Command lines of `pframe train`, without `pframe train` and the name.
    static var examples: [String] { get }
    /// The array members of a record that it trains on.
    static var members: [String] { get }
    /// The files that it adds to a run, relative to the run's folder.
    static var files: [String] { get }

    /// Prepares training: the model and what it needs of the data set and of other runs.
    ///
    /// The run may be new or resumed (`setup.goesOn`); weights of a resumed run are restored afterwards.
    ///
    /// - Parameters:
    ///   - files: the files that the command line names beside the options.
    ///   - options: the sizes of the model.
    ///   - setup: the data set and the options of training.
    /// - Throws: `PFrameError` if the data set is not what the model reads.
    static func prepare(
        _ options: Options, _ files: Arguments.Files, _ setup: TrainingSetup
    ) throws(PFrameError) -> PreparedModel

    /// What a model takes.
    static func plan(_ options: Options, precision: Precision) throws(PFrameError) -> ModelPlan

    /// The parameters of a run's model, without memory (`Device.meta`).
    static func parameters(of run: RunFolder) throws(PFrameError) -> ParameterStore

    /// Looks at what a run of this family holds beside configuration and checkpoint.
    ///
    /// - Throws: `PFrameError` naming what is missing or damaged.
    static func check(_ run: RunFolder) throws(PFrameError)

    /// What makes clips with a run's model; nil for a family that makes none.
    ///
    /// - Throws: `PFrameError` if a part of the run is missing or damaged.
    static func generator(
        of run: RunFolder, _ checkpoint: Checkpoint, precision: Precision, device: Device
    ) throws(PFrameError) -> (any Generator)?
}

extension ModelFamily {
    /// None.
    public static var examples: [String] { [] }
    /// None.
    public static var files: [String] { [] }

    /// Looks at nothing.
    public static func check(_ run: RunFolder) throws(PFrameError) {}

    /// Makes no clips.
    public static func generator(
        of run: RunFolder, _ checkpoint: Checkpoint, precision: Precision, device: Device
    ) throws(PFrameError) -> (any Generator)? { nil }

    /// The options that a run was started with.
    ///
    /// - Throws: `PFrameError` if the run is of another family or its configuration is damaged.
    public static func options(of run: RunFolder) throws(PFrameError) -> Options {
        guard run.model == name else {
            throw PFrameError(.conflict, path: run.path, "holds a model \(run.model), but a \(name) is needed")
        }
        return try run.parsed("options") { json throws(PFrameError) in
            let options = try json.decoded(as: Options.self)
            try options.validate()
            return options
        }
    }
}

/// Options of a model, as `config.json` records them: a member for each property.
public protocol ModelOptions: Codable, Sendable, Equatable {
    /// Checks the options.
    ///
    /// - Throws: `PFrameError`.
    func validate() throws(PFrameError)

    /// The options of a model that trains on a data set.
    ///
    /// - Throws: `PFrameError` if the model does not take the shapes of all its buckets.
    func taking(_ set: DatasetDescription) throws(PFrameError) -> Self
}

extension ModelOptions {
    /// Takes clips of one shape.
    public func taking(_ set: DatasetDescription) throws(PFrameError) -> Self {
        guard set.buckets.count > 1 else { return self }
        throw TrainingSetup.refusal(of: set.buckets, "the model takes clips of one shape")
    }
}

extension TrainingSetup {
    /// An error about buckets that a model does not take together.
    static func refusal(of buckets: [Bucket], _ why: String) -> PFrameError {
        let names = buckets.map(\.description).joined(separator: ", ")
        return PFrameError(
            .conflict,
            "\(why), but the data set has the buckets \(names): train on one bucket, or on a set of one: filter "
                + "where \(buckets[0].condition)")
    }
}

/// A model that is ready to train.
public struct PreparedModel {
    /// How it trains.
    public var task: any TrainingTask
    /// Further members of `config.json`.
    public var recorded: [String: JSONValue]
    /// Writes the family's own files into the run's folder.
    public var fill: (RunFolder) throws(PFrameError) -> Void

    /// A model that records `recorded` and writes what `fill` writes.
    public init(
        _ task: any TrainingTask, recorded: [String: JSONValue] = [:],
        fill: @escaping (RunFolder) throws(PFrameError) -> Void = { _ in }
    ) {
        (self.task, self.recorded, self.fill) = (task, recorded, fill)
    }
}

@available(*, unavailable)
extension PreparedModel: Sendable {}

/// A model as the training loop sees it.
public protocol TrainingTask: AnyObject {
    /// Its parameters.
    var store: ParameterStore { get }
    /// The names of further numbers that the loss of a batch comes with.
    var metrics: [String] { get }

    /// What the loss of a batch of at least one record follows from, on the device of the parameters.
    ///
    /// - Parameters:
    ///   - seeds: one for each record; everything random follows from them.
    ///   - batch: the records.
    func inputs(_ batch: Batch, seeds: [RandomSeed]) throws(PFrameError) -> [Tensor]

    /// The loss, a mean over records.
    ///
    /// It depends on the inputs and the parameters alone, and waits for no element of a tensor: a GPU may repeat the
    /// operations of one loss on the inputs of another batch.
    func loss(_ inputs: [Tensor]) throws(PFrameError) -> BatchLoss

    /// A picture of what the model makes of the first records of a batch, with the weights that it has now.
    func picture(_ batch: Batch, seed: RandomSeed) throws(PFrameError) -> RGBImage
}

extension TrainingTask {
    /// None.
    public var metrics: [String] { [] }
}

/// The loss of a batch.
public struct BatchLoss {
    /// What training lowers: one number.
    public var loss: Tensor
    /// The task's metrics in their order: one number each.
    public var metrics: [Tensor]

    /// A loss with its metrics.
    public init(_ loss: Tensor, metrics: [Tensor] = []) { (self.loss, self.metrics) = (loss, metrics) }
}

@available(*, unavailable)
extension BatchLoss: Sendable {}
