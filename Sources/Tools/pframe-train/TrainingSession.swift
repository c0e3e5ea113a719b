import Dataset
import EngineOptions
import SystemPackage
import ToolOptions
import Train

/// One call of `pframe train`: opens the data set, makes or goes on with the run, and reports.
struct TrainingSession {
    private let command: TrainCommand
    private let output: FilePath
    /// The run that goes on; nil for a new one.
    private let before: ResumedRun?
    private let model: ModelKind
    private let dataset: String
    private let precision: Precision

    /// Finds out what is trained.
    ///
    /// - Throws: `TrainError` where the folder holds a run that was begun with other options.
    init(command: TrainCommand, output: FilePath) throws(TrainError) {
        (self.command, self.output) = (command, output)
        before = try ResumedRun(output)
        try before?.check(command)
        guard let model = command.model ?? before?.run.kind, let dataset = command.dataset ?? before?.dataset else {
            throw TrainError(path: output, "holds no run that says model and data set")
        }
        (self.model, self.dataset) = (model, dataset)
        precision = before?.precision ?? command.engine.precision
    }

    func run() throws(TrainError) {
        let engine = command.engine
        if engine.isFirst {
            Console.error(
                "\(output): \(model.rawValue) on \(dataset), \(engine.device.rawValue), \(precision.rawValue)")
        }
        try engine.open(precision: precision)
        let communicator = try Communicator.open()
        let stopped: Int?
        do throws(TrainError) {
            stopped = try train(communicator)
            try communicator?.close()
        } catch {
            communicator?.abort("\(error)") { Console.error("error: \($0)") }
            throw error
        }
        guard let stopped, engine.isFirst else { return }
        throw TrainError(
            path: output, "stopped at step \(Format.count(stopped)); the same command goes on from there")
    }

    /// Trains.
    ///
    /// - Returns: the step at which the user stopped it; nil where all steps were taken.
    private func train(_ communicator: Communicator?) throws(TrainError) -> Int? {
        let source = try reading { () throws(DatasetError) in try ShardSource(argument: dataset) }
        var setup = try TrainingSetup(source, run: output, communicator: communicator)
        setup.options = command.training.options(else: before?.training ?? TrainingOptions())
        (setup.precision, setup.device, setup.tool) = (precision, command.engine.device, Program.name)
        setup.note = { Console.error($0) }
        let (trainee, run) = try begin(setup)
        do throws(TrainError) {
            let loop = try TrainingLoop(
                trainee, source: source, run: run, options: setup.options, communicator: communicator)
            let stopped = try follow(loop, run, setup, isMain: (communicator?.rank ?? 0) == 0)
            if stopped != nil { run.removeIfUntrained() }
            return stopped
        } catch {
            run.removeIfUntrained()
            throw error
        }
    }

    private func follow(
        _ loop: TrainingLoop, _ run: RunFolder, _ setup: TrainingSetup, isMain: Bool
    ) throws(TrainError) -> Int? {
        let progress = TrainingProgress(
            steps: setup.options.steps, start: loop.start, isShown: isMain, folder: output)
        progress.begin(run, samples: setup.samples)
        var peak = 0.0
        if isMain, loop.start < setup.options.steps {
            peak = try GEMMPeak.measure(precision, device: setup.device) { Interruption.isRequested }
        }
        let isDone = try loop.run(
            peak: peak, shouldStop: { Interruption.stopsAfterPiece() }, report: progress.update)
        guard isDone else {
            return progress.last?.step ?? loop.start
        }
        if isMain { try progress.finish(json: command.report.json) }
        return nil
    }

    private func begin(_ setup: TrainingSetup) throws(TrainError) -> (any Trainee, RunFolder) {
        let shape = command.shape
        let size = shape.size ?? setup.size
        if model == .autoencoder {
            guard case .autoencoder(let own) = before?.shape else {
                return try setup.begin(shape.autoencoder(size: size))
            }
            return try setup.begin(own)
        }
        guard case .diffusion(let own) = before?.shape else {
            let options = try shape.diffusion(model, size: size, frames: shape.frames ?? setup.frames)
            let captions = options.text == .clip ? try shape.clipCaptions() : try setup.captions(options.text)
            return try setup.begin(options, captions: captions, autoencoder: command.autoencoder)
        }
        var captions = own.text == .clip ? try shape.clipCaptions() : try setup.captions(own.text)
        if captions == nil { captions = try before?.run.captions() }
        return try setup.begin(own, captions: captions, autoencoder: command.autoencoder)
    }
}
