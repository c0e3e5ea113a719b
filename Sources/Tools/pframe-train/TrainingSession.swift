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
            communicator?.abort("\(error)") { Console.error("error: \($0)") }
            throw error
        }
        try communicator?.close()
    }

    private func train(_ communicator: Communicator?) throws(TrainError) {
        let isMain = (communicator?.rank ?? 0) == 0
        let source = try reading { () throws(DatasetError) in try ShardSource(argument: dataset) }
        var setup = try TrainingSetup(source, run: output, communicator: communicator)
        (setup.options, setup.tool) = (command.training.options, Program.name)
        (setup.precision, setup.device) = (command.engine.precision, command.engine.device)
        setup.note = { Console.error($0) }
        let (trainee, run) = try begin(setup)
        let peak = isMain ? try GEMMPeak.measure(command.engine.precision, device: command.engine.device) : 0
        let loop = try TrainingLoop(
            trainee, source: source, run: run, options: setup.options, peak: peak, communicator: communicator)
        let progress = TrainingProgress(
            steps: setup.options.steps, start: loop.start, peak: peak, isShown: isMain, folder: output)
        progress.begin(run, samples: setup.samples)
        let isDone = try loop.run(shouldStop: { Interruption.stopsAfterPiece() }, report: progress.update)
        guard isMain else { return }
        guard isDone else {
            throw TrainError(
                path: output,
                "stopped at step \(progress.last?.step ?? loop.start); the same command goes on from there")
        }
        try progress.finish(json: command.report.json)
    }

    private func begin(_ setup: TrainingSetup) throws(TrainError) -> (any Trainee, RunFolder) {
        let shape = command.shape
        let size = shape.size ?? setup.size
        if command.model == .autoencoder { return try setup.begin(shape.autoencoder(size: size)) }
        let captions = shape.text == .clip ? try shape.clipCaptions() : try setup.captions(shape.text)
        return try setup.begin(
            shape.diffusion(command.model, size: size, frames: shape.frames ?? setup.frames), captions: captions,
            autoencoder: command.autoencoder)
    }
}
