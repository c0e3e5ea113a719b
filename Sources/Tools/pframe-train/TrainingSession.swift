import Dataset
import EngineOptions
import SystemPackage
import ToolOptions
import Train

/// One call of `pframe train`: opens the data set, makes or goes on with the run, and reports.
struct TrainingSession {
    let command: TrainCommand
    let dataset: String
    let output: FilePath

    func run() throws(TrainError) {
        let communicator = try Communicator.open()
        do throws(TrainError) {
            try train(communicator)
        } catch {
            communicator?.abort("error: \(error)")
            throw error
        }
        try communicator?.close()
    }

    private func train(_ communicator: Communicator?) throws(TrainError) {
        let isMain = (communicator?.rank ?? 0) == 0
        let source = try opening { () throws(DatasetError) in try ShardSource(dataset) }
        let facts = try DatasetFacts(source)
        let options = command.training.options
        let (trainee, run) = try prepare(source, facts, options, communicator)
        let peak = isMain ? try GEMMPeak.measure(command.engine.precision, device: command.engine.device) : 0
        let loop = try TrainingLoop(
            trainee, source: source, run: run, options: options, peak: peak, communicator: communicator)
        let progress = TrainingProgress(
            steps: options.steps, start: loop.start, peak: peak, isShown: isMain, folder: output)
        progress.begin(run, samples: facts.samples)
        let isDone = try loop.run(shouldStop: { Interruption.isRequested }, report: progress.update)
        guard isMain else { return }
        progress.close()
        guard isDone else {
            throw TrainError(
                path: output,
                "stopped at step \(progress.last?.step ?? loop.start); the same command goes on from there")
        }
        try progress.finish(json: command.report.json)
    }

    private func prepare(
        _ source: ShardSource, _ facts: DatasetFacts, _ options: TrainingOptions, _ communicator: Communicator?
    ) throws(TrainError) -> (any Trainee, RunFolder) {
        let engine = command.engine
        var size = command.shape.size
        if size == nil, let found = facts.size { size = FrameSize(width: found.width, height: found.height) }
        if command.model == .autoencoder {
            let shape = try command.shape.autoencoder(size: size)
            let plan = try ModelPlan(shape, precision: engine.precision)
            let run = try make(configuration(shape.json, plan, options), communicator)
            let model = try ResidualAutoencoder(
                shape, precision: engine.precision, device: engine.device, seed: options.seed)
            let trainee = AutoencoderTrainee(model)
            if fileSize(output.appending(Checkpoint.fileName)) == nil {
                Console.error("finding the principal components of the residuals")
                let components = try trainee.begin(with: source)
                // What `pframe evaluate --reconstruction` compares the autoencoder with.
                if (communicator?.rank ?? 0) == 0 { try components.write(run: output) }
            }
            return (trainee, run)
        }
        let shape = try command.shape.diffusion(
            command.model, size: size, frames: command.shape.frames ?? facts.frames)
        let plan = try ModelPlan(shape, precision: engine.precision)
        var members = configuration(shape.json, plan, options)
        let captions = try command.shape.captions { () throws(TrainError) in try facts.rows(source) }
        members["captions"] = captions?.json
        var (statistics, autoencoder): (ClipStatistics?, FilePath?) = (nil, nil)
        if command.model == .edVDM {
            autoencoder = try facts.autoencoder(or: command.autoencoder)
            let found = try ClipStatistics(of: source, options: shape, radius: facts.radius)
            members["statistics"] = found.json
            statistics = found
        }
        let run = try make(members, communicator)
        var decoder: ResidualAutoencoder?
        if let autoencoder {
            if (communicator?.rank ?? 0) == 0 { try run.adopt(autoencoder: autoencoder) }
            try communicator?.barrier()
            decoder = try ResidualAutoencoder(
                run: output.appending(TrainedDiffusion.autoencoderFolder), precision: engine.precision,
                device: engine.device)
        }
        let model = try VideoDiffusion(
            shape, textEntries: captions?.entries ?? 0, precision: engine.precision, device: engine.device,
            seed: options.seed)
        let coder = ClipCoder(shape, statistics: statistics, autoencoder: decoder)
        return (DiffusionTrainee(model, coder: coder, captions: captions), run)
    }

    /// The first rank makes the folder, the others find it.
    private func make(_ members: [String: JSONValue], _ communicator: Communicator?) throws(TrainError) -> RunFolder {
        if let communicator, communicator.rank > 0 {
            try communicator.barrier()
            return try RunFolder(output)
        }
        let run = try RunFolder(making: output, .object(members))
        try communicator?.barrier()
        return run
    }

    private func configuration(
        _ shape: JSONValue, _ plan: ModelPlan, _ options: TrainingOptions
    ) -> [String: JSONValue] {
        [
            "tool": .text(Program.name), "model": .text(command.model.rawValue),
            "preset": .text(command.shape.preset.rawValue), "dataset": .text(dataset),
            "steps": .integer(options.steps), "parameters": .integer(plan.parameters),
            "gflop_per_clip": .number(plan.trainingGFLOP), "options": shape, "training": options.json,
            "precision": .text(command.engine.precision.rawValue),
        ]
    }
}
