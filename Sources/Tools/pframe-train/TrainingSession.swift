import Dataset
import EngineOptions
import Shards
import Storage
import SystemPackage
import ToolOptions
import Train

/// One call of `pframe train`: opens the data set, makes or resumes the run, and reports.
struct TrainingSession<Family: ModelFamily> {
    private let command: FamilyCommand<Family>
    private let output: FilePath
    /// The resumed run; nil for a new run.
    private let before: ResumedRun<Family>?
    private let dataset: String
    private let precision: Precision

    /// Finds out what is trained.
    ///
    /// - Throws: `PFrameError` if the folder holds a run that was started with other options.
    init(command: FamilyCommand<Family>, output: FilePath) throws(PFrameError) {
        (self.command, self.output) = (command, output)
        before = try ResumedRun(output, command)
        guard let dataset = command.dataset ?? before?.dataset else {
            throw PFrameError(path: output, "holds no run that names model and data set")
        }
        self.dataset = dataset
        precision = before?.precision ?? command.engine.precision
    }

    func run() throws(PFrameError) {
        let engine = command.engine
        let device = try engine.open(precision: precision) { device in
            guard engine.isFirst else { return }
            let facts = device.facts.map { " (\($0.name), \(Format.bytes($0.memory)))" } ?? ""
            Console.error("\(output): \(Family.name) on \(dataset), \(device)\(facts), \(precision.rawValue)")
        }
        let communicator = try Communicator.open()
        let stopped: Int?
        do throws(PFrameError) {
            stopped = try train(communicator, on: device)
            try communicator?.close()
        } catch {
            communicator?.abort("\(error)") { Console.error("error: \($0)") }
            throw error
        }
        guard let stopped, engine.isFirst else { return }
        throw PFrameError(
            path: output, "stopped at step \(Format.count(stopped)); the same command resumes there")
    }

    /// Trains.
    ///
    /// - Returns: the step at which the user stopped it; nil if all steps were taken.
    private func train(_ communicator: Communicator?, on device: Device) throws(PFrameError) -> Int? {
        let source = try ShardSource(argument: dataset)
        let options = command.training.options(else: before?.training ?? TrainingOptions())
        var setup = try TrainingSetup(source, run: output, bucket: options.bucket, communicator: communicator)
        setup.options = options
        (setup.precision, setup.device, setup.tool) = (precision, device, Program.name)
        setup.note = { Console.error($0) }
        if before == nil, let origin = command.origin { setup.origin = try RunFolder(origin) }
        let shape =
            if let before { before.shape } else {
                try command.shape.options(size: setup.size, frames: setup.frames)
            }
        let (task, run) = try setup.begin(Family.self, shape, command.shape.files(\.absolutePath))
        do throws(PFrameError) {
            let loop = try TrainingLoop(
                task, members: Family.members, source: source, run: run, options: setup.options,
                communicator: communicator)
            let stopped = try follow(loop, run, setup)
            if stopped != nil { run.removeIfUntrained(Family.files) }
            return stopped
        } catch {
            run.removeIfUntrained(Family.files)
            throw error.isOutOfMemory ? try advised(error, shape, options, device) : error
        }
    }

    /// An error of memory that names the batch which would fit.
    private func advised(
        _ error: PFrameError, _ shape: Family.Options, _ options: TrainingOptions, _ device: Device
    ) throws(PFrameError) -> PFrameError {
        let plan = try Family.plan(shape, precision: precision)
        let (batch, accumulation) = (options.batchSize, options.accumulation)
        let smaller = plan.smallerBatch(than: batch, accumulation: accumulation, memory: device.facts?.memory)
        guard let smaller else {
            let other = precision == .float32 ? "--precision bfloat16 or " : ""
            return error.saying(
                "\(error.message). Not even --batch 1 fits: start a new run with \(other)a smaller model")
        }
        let start = before == nil ? "" : ": a run keeps its batch, so start a new run --from \(output)"
        return error.saying(
            "\(error.message). --batch \(smaller.batch) would fit, with --accumulation \(smaller.accumulation) for "
                + "\(Format.quantity(batch * accumulation, "clip")) per step\(start)")
    }

    private func follow(_ loop: TrainingLoop, _ run: RunFolder, _ setup: TrainingSetup) throws(PFrameError) -> Int? {
        let progress = TrainingProgress(
            steps: setup.options.steps, start: loop.start, device: setup.device, isShown: setup.isFirst, folder: output)
        progress.begin(run, samples: setup.samples)
        var peak = 0.0
        if setup.isFirst, loop.start < setup.options.steps {
            peak = try GEMMPeak.measure(precision, device: setup.device) { Interruption.isRequested }
        }
        let isDone = try loop.run(
            peak: peak, shouldStop: { Interruption.stopsAfterPiece() }, report: progress.update)
        guard isDone else {
            return progress.last?.step ?? loop.start
        }
        if setup.isFirst { try progress.finish(json: command.report.json) }
        return nil
    }
}

/// A resumed run: its own options replace every option that the command omits.
private struct ResumedRun<Family: ModelFamily> {
    let shape: Family.Options
    let training: TrainingOptions
    let precision: Precision
    /// The data set, as the run names it.
    let dataset: String

    /// The run in a folder; nil if there is none, or one without a checkpoint, which starts over.
    ///
    /// - Throws: `PFrameError` if the run is damaged, and if the command has options that are not the run's: it names
    ///   each with both values.
    init?(_ path: FilePath, _ command: FamilyCommand<Family>) throws(PFrameError) {
        guard RunFolder.hasCheckpoint(path) else { return nil }
        let run = try RunFolder(path)
        let step = try Checkpoint(run: path, model: run.model).step
        training = try run.training()
        precision = try run.precision()
        dataset = try run.dataset()
        var options: [FixedOption] = []
        if let given = command.dataset { options += try Self.difference(given, dataset, path) }
        let from = command.origin.map { RunFolder.identity(of: .folder($0)) }
        options.append(FixedOption("--from", from, run.configuration["from"]?["run"]?.string ?? "none"))
        let ofTraining =
            command.training.fixed(of: training) + [
                FixedOption("--precision", command.engine.givenPrecision?.rawValue, precision.rawValue)
            ]
        guard run.model == Family.name else {
            throw Self.refusal(path, [FixedOption("the model", Family.name, run.model)] + options + ofTraining)
        }
        shape = try Family.options(of: run)
        options += command.shape.fixed(of: shape) + ofTraining
        guard options.allSatisfy({ $0.difference == nil }) else { throw Self.refusal(path, options) }
        if let steps = command.training.steps, steps < step {
            throw PFrameError(
                path: path, "has taken \(Format.quantity(step, "step")): --steps takes \(step) or more, not \(steps)")
        }
    }

    private static func refusal(_ path: FilePath, _ options: [FixedOption]) -> PFrameError {
        let differences = options.compactMap(\.difference)
        return PFrameError(
            path: path,
            "holds a run with other options: \(differences.joined(separator: ", ")). To resume the run, omit "
                + "\(differences.count == 1 ? "this option" : "these options"); for a new run, choose another --output")
    }

    /// The data set as an option, where another one is given than the run's.
    private static func difference(
        _ given: String, _ dataset: String, _ run: FilePath
    ) throws(PFrameError) -> [FixedOption] {
        let source = try ShardSource(argument: given)
        let own = try ShardSource(dataset)
        if case .folder(let path) = own, !isFolder(path) {
            throw PFrameError(
                path: run,
                "was started on \(dataset), which is missing now: move the data set back, or link it there: "
                    + "ln -s \(given) \(dataset)")
        }
        guard RunFolder.identity(of: source) != RunFolder.identity(of: own) else { return [] }
        return [FixedOption("the data set", given, dataset)]
    }
}
