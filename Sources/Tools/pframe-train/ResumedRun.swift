import Dataset
import EngineOptions
import SystemPackage
import ToolOptions
import Train

/// A run that goes on: what it was begun with stands for every option that is left out.
struct ResumedRun {
    /// The shape of its model.
    enum Shape {
        case autoencoder(AutoencoderOptions)
        case diffusion(DiffusionOptions)
    }

    let run: RunFolder
    let shape: Shape
    let training: TrainingOptions
    let precision: Precision
    /// The data set, as the run names it.
    let dataset: String
    /// Steps that it has taken.
    let step: Int

    /// The run in a folder; nil where there is none, or one without a checkpoint, which is begun anew.
    ///
    /// - Throws: `TrainError` where the run is damaged.
    init?(_ path: FilePath) throws(TrainError) {
        guard RunFolder.hasCheckpoint(path) else { return nil }
        run = try RunFolder(path)
        step = try Checkpoint(run: path, kind: run.kind).step
        training = try run.training()
        precision = try run.precision()
        dataset = try run.dataset()
        if run.kind == .autoencoder {
            shape = .autoencoder(try run.autoencoderOptions())
        } else {
            shape = .diffusion(try run.diffusionOptions())
        }
    }

    /// Refuses options that are given and are not the run's.
    ///
    /// - Throws: `TrainError` that names each with both values.
    func check(_ command: TrainCommand) throws(TrainError) {
        var options = [FixedOption("the model", command.model?.rawValue, run.kind.rawValue)]
        if let given = command.dataset {
            let source = try reading { () throws(DatasetError) in try ShardSource(argument: given) }
            let own = try reading { () throws(DatasetError) in try ShardSource(dataset) }
            if case .folder(let path) = own, !isFolder(path) {
                throw TrainError(
                    path: run.path,
                    "was begun on \(dataset), which is not there any more: move the data set back, or link it there: "
                        + "ln -s \(given) \(dataset)")
            }
            if RunFolder.identity(of: source) != RunFolder.identity(of: own) {
                options.append(FixedOption("the data set", given, dataset))
            }
        }
        switch shape {
        case .autoencoder(let shape): options += command.shape.fixed(of: shape)
        case .diffusion(let shape): options += command.shape.fixed(of: shape)
        }
        options += command.training.fixed(of: training)
        options.append(FixedOption("--precision", command.engine.givenPrecision?.rawValue, precision.rawValue))
        let differences = options.compactMap(\.difference)
        guard differences.isEmpty else {
            throw TrainError(
                path: run.path,
                "holds a run that was begun otherwise: \(differences.joined(separator: ", ")). To go on with it leave "
                    + "\(differences.count == 1 ? "that" : "those") out; for another run take another --output")
        }
        if let steps = command.training.steps, steps < step {
            throw TrainError(
                path: run.path, "has taken \(Format.quantity(step, "step")): --steps takes that or more, not \(steps)")
        }
    }
}
