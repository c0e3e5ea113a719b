import Codec
import Dataset
import Glibc
public import Shards
public import Storage
import SystemPackage

/// What is known after a step.
public struct TrainingStep: Sendable {
    /// The step, from 1.
    public var step: Int
    /// The mean loss of the step over all ranks.
    public var loss: Double
    /// The task's metrics by name.
    public var metrics: [(name: String, value: Double)]
    /// The norm of the gradients before clipping.
    public var norm: Double
    /// The learning rate.
    public var rate: Double
    /// Records per second over all ranks, over the last steps.
    public var samplesPerSecond: Double
    /// Floating-point operations per second of this rank's convolutions and products.
    public var flopsPerSecond: Double
    /// The share of the machine's best matrix product that this is, at most 1; nil if that was not measured.
    public var shareOfPeak: Double?
}

/// Trains a model into a run's folder; a run that was stopped or killed resumes at its last checkpoint, and gives the
/// same losses as an uninterrupted run.
public final class TrainingLoop {
    private let task: any TrainingTask
    private let options: TrainingOptions
    private let run: RunFolder
    private let optimiser: AdamW
    private let exchange: GradientExchange?
    private let communicator: Communicator?
    /// What sums over the ranks: the communicator, or their GPUs.
    private let collective: (any Collective)?
    private let loader: Loader
    private let rate: LearningRate
    /// Whether a step is read after the next has begun, so that a GPU need not wait for its next work. The CPU has taken a
    /// step when it has been given one.
    private let readsLate: Bool
    /// Of a process alone whose batches are whole steps.
    private let graph: LossGraph?
    /// The step that it begins after.
    public let start: Int
    // The process holds it as long as it trains.
    private let lock: KernelLock?

    /// Prepares a run, from its checkpoint where it has one.
    ///
    /// - Parameters:
    ///   - members: the array members of a record that the task reads.
    ///   - communicator: the other ranks; nil for one process alone.
    ///   - options: steps, batch and rates of training.
    ///   - task: the model that trains.
    ///   - source: the data set to read.
    ///   - run: the run.
    /// - Throws: `PFrameError` if the data set or the run cannot be read, or another process trains into the folder.
    public convenience init(
        _ task: any TrainingTask, members: [String], source: ShardSource, run: RunFolder, options: TrainingOptions,
        communicator: Communicator? = nil
    ) throws(PFrameError) {
        try self.init(
            task, members: members, source: source, run: run, options: options, communicator: communicator,
            readsLate: task.store.device != .cpu, recorder: WorkRecorder(task.store.device))
    }

    /// As a GPU does, where `readsLate` and with a recorder of steps, or as the CPU.
    package init(
        _ task: any TrainingTask, members: [String], source: ShardSource, run: RunFolder, options: TrainingOptions,
        communicator: Communicator? = nil, readsLate: Bool, recorder: WorkRecorder? = nil,
        tell: @escaping (String) -> Void = Communicator.printError
    ) throws(PFrameError) {
        try options.validate()
        self.readsLate = readsLate
        (self.task, self.options, self.run, self.communicator) = (task, options, run, communicator)
        let isMain = (communicator?.rank ?? 0) == 0
        if isMain {
            if let own = run.lock { lock = own } else { lock = try RunFolder.lock(run.path) }
        } else {
            lock = nil
        }
        optimiser = try AdamW(task.store, options.optimiser)
        let isWhole = communicator == nil && options.accumulation == 1
        graph = isWhole ? LossGraph(optimiser, recorder, tell: tell, task.loss) : nil
        var position = LoaderPosition()
        if fileSize(run.path.appending(Checkpoint.fileName)) != nil {
            position = try communicator.usingStorage { [optimiser] () throws(PFrameError) in
                let checkpoint = try Checkpoint(run: run.path, model: run.model)
                try checkpoint.restore(optimiser)
                return checkpoint.position
            }
        }
        start = optimiser.steps
        try communicator?.agreeOnStart(of: optimiser, at: position, in: run.path)
        collective = try communicator?.collective(on: task.store.device)
        exchange = try collective.map { collective throws(PFrameError) in
            try GradientExchange(task.store.parameters, collective)
        }
        var reading = LoaderOptions()
        reading.members = members
        (reading.batchSize, reading.seed, reading.start) = (options.batchSize, options.seed, position)
        (reading.rank, reading.ranks) = (communicator?.rank ?? 0, communicator?.ranks ?? 1)
        (reading.damage, reading.threads, reading.bucket) = (options.damage, 1, options.bucket)
        loader = try Loader(source, options: reading)
        guard loader.dataset.samples > 0 else { throw PFrameError("the data set holds no records") }
        rate = LearningRate(
            highest: options.learningRate, warmUp: options.warmUp, course: options.course, steps: options.steps)
    }

    /// Trains to the last step, or until `shouldStop` returns true.
    ///
    /// - Parameters:
    ///   - peak: operations per second of the machine's best matrix product, as `GEMMPeak` measures it; 0 for
    ///     unknown.
    ///   - shouldStop: called before the first step, and once per step: by a process alone when the step is known, by one
    ///     of several ranks when its gradients are computed. The step after which training stops gets a checkpoint.
    ///   - report: called after each step.
    /// - Returns: whether all steps were taken.
    /// - Throws: `PFrameError`; the last checkpoint stays whole.
    public func run(
        peak: Double = 0, shouldStop: () -> Bool = { false }, report: (TrainingStep) -> Void = { _ in }
    ) throws(PFrameError) -> Bool {
        guard start < options.steps else { return true }
        let isMain = (communicator?.rank ?? 0) == 0
        let log = isMain ? try MetricsLog(run: run.path, resumingAt: start == 0 ? nil : start) : nil
        let events = isMain ? try TensorBoardEvents(folder: run.path, resumingAt: start == 0 ? nil : start) : nil
        if try communicator?.agreeToStop(shouldStop()) ?? shouldStop() { return false }
        var pace = Pace()
        var shown: Batch?
        var isStopped = false
        func tell(_ taken: TakenStep) throws(PFrameError) {
            var done = try finish(taken)
            pace.add(samples: done.samples, flops: taken.flops)
            (done.step.samplesPerSecond, done.step.flopsPerSecond) = (pace.samples, pace.flops)
            if peak > 0 { done.step.shareOfPeak = min(1, pace.flops / peak) }
            report(done.step)
            if let log, let events {
                try write(done.step, log, events)
            }
            isStopped = isStopped || done.isStopped || (communicator == nil && shouldStop())
        }
        var pending: TakenStep?
        for step in (start + 1)...options.steps {
            let taken = try take(step, keeping: &shown, shouldStop)
            if let pending { try tell(pending) }
            pending = taken
            let isLast = step == options.steps
            // What is kept of a step wants to know that it is a good one.
            if !readsLate || isLast || isStopped || isKept(step) || isPictured(step) {
                try tell(taken)
                pending = nil
            }
            if isMain { try keep(step, isEnd: isLast || isStopped, shown) }
            if isStopped, !isLast { return false }
        }
        return true
    }

    private func isKept(_ step: Int) -> Bool { step % options.checkpointEvery == 0 }

    private func isPictured(_ step: Int) -> Bool {
        options.pictureEvery > 0 && (step % options.pictureEvery == 0 || step == options.steps)
    }

    /// What the first rank does alone while the others continue or wait: checkpoint, picture, page.
    private func keep(_ step: Int, isEnd: Bool, _ shown: Batch?) throws(PFrameError) {
        let isWritten = isEnd || isKept(step)
        if isWritten {
            try communicator.usingStorage { () throws(PFrameError) in
                try Checkpoint.write(
                    run: run.path, model: run.model, optimiser: optimiser, position: loader.position)
            }
        }
        if isPictured(step), let shown { try picture(shown, step) }
        if isWritten {
            try communicator.usingStorage { () throws(PFrameError) in try TrainingReport.write(run: run.path) }
        }
    }

    /// Gives the device a step to take, and waits for nothing.
    private func take(
        _ step: Int, keeping shown: inout Batch?, _ shouldStop: () -> Bool
    ) throws(PFrameError) -> TakenStep {
        let before = FlopCount.now.training
        var batches: [Batch] = []
        for _ in 0..<options.accumulation { batches.append(try communicator.usingStorage(nextBatch)) }
        let own = batches.reduce(0) { $0 + $1.count }
        var gradients = [Tensor?](repeating: nil, count: task.store.parameters.count)
        // The loss and the metrics of the task, summed over samples.
        var sums = try Tensor.zeros([1 + task.metrics.count], type: .float64, device: task.store.device)
        for (index, batch) in batches.enumerated() {
            let isLast = index == batches.count - 1
            if isLast { try exchange?.begin(weight: Double(own)) }
            guard batch.count > 0 else { continue }
            if shown == nil { shown = batch }
            let seeds = batch.positions.map {
                RandomSeed(options.seed).mixed("train").mixed(batch.epoch).mixed($0)
            }
            let inputs = try task.inputs(batch, seeds: seeds)
            let numbers: [Tensor]
            if let graph {
                (numbers, gradients) = try graph(inputs)
            } else {
                let result = try task.loss(inputs)
                // The share of this batch in the mean over all samples of this rank.
                try (result.loss * (Double(batch.count) / Double(own))).backward()
                numbers = try result.numbers()
            }
            precondition(numbers.count == 1 + task.metrics.count, "a value for each metric of the task")
            try sums.accumulate(.concatenated(numbers, along: 0), scale: Double(batch.count))
        }
        if let exchange, let collective, let communicator {
            communicator.step = step
            gradients = try exchange.finish()
            let own = try Tensor(
                elements: [Double(own), shouldStop() ? 1 : 0], type: .float64, shape: [2], device: collective.device)
            let shared = try Tensor.concatenated([sums.to(collective.device), own], along: 0)
            try collective.allReduce(shared).wait()
            sums = try shared.to(task.store.device)
            // MPI notices a rank that hangs, a GPU does not: ranks meet before they wait for their GPUs.
            if collective !== communicator { try communicator.barrier() }
        } else if graph == nil {
            gradients = try optimiser.gradients()
        }
        let rate = rate[step]
        let norm = try optimiser.step(gradients, rate: rate, loss: sums.sliced(0..<1, along: 0).sum())
        return TakenStep(
            step: step, rate: rate, samples: own,
            flops: graph?.operations ?? FlopCount.now.training - before,
            reading: try Reading(.concatenated([norm.reshaped([1]), sums], along: 0)))
    }

    /// Reads what a step has come to.
    ///
    /// - Throws: `PFrameError` if its loss or its gradients are no finite numbers.
    private func finish(
        _ taken: TakenStep
    ) throws(PFrameError) -> (step: TrainingStep, samples: Int, isStopped: Bool) {
        let values = try taken.reading.values()
        let count = 1 + task.metrics.count
        let (norm, sums, ofRanks) = (values[0], values[1...count], values[(count + 1)...])
        let samples = ofRanks.first ?? Double(taken.samples)
        let means = sums.map { $0 / samples }
        guard means[0].isFinite else { throw diverged(taken.step, "the loss is \(means[0])") }
        guard norm.isFinite else { throw diverged(taken.step, "the norm of the gradients is \(norm)") }
        let step = TrainingStep(
            step: taken.step, loss: means[0], metrics: zip(task.metrics, means.dropFirst()).map { ($0, $1) },
            norm: norm, rate: taken.rate, samplesPerSecond: 0, flopsPerSecond: 0, shareOfPeak: nil)
        return (step, Int(samples), (ofRanks.last ?? 0) > 0)
    }

    private func diverged(_ step: Int, _ what: String) -> PFrameError {
        PFrameError(
            path: run.path,
            "training diverged at step \(step): \(what). Start a new run with a lower learning rate, or in float32; the "
                + "last checkpoint is kept")
    }

    private func nextBatch() throws(PFrameError) -> Batch {
        for _ in 0..<2 {
            if let batch = try loader.next() { return batch }
            try loader.startEpoch(loader.position.epoch + 1)
        }
        throw PFrameError(path: nil, "the data set gave no record in a whole epoch")
    }

    private func write(_ step: TrainingStep, _ log: MetricsLog, _ events: TensorBoardEvents) throws(PFrameError) {
        var values = [(name: "loss", value: step.loss)] + step.metrics
        values += [
            ("learning_rate", step.rate), ("gradient_norm", step.norm), ("samples_per_second", step.samplesPerSecond),
        ]
        if let share = step.shareOfPeak { values.append(("share_of_peak", share)) }
        try log.append(step: step.step, values)
        try events.append(step: step.step, values.map { (tag: $0.name, value: $0.value) })
    }

    private func picture(_ batch: Batch, _ step: Int) throws(PFrameError) {
        let image = try withoutGradients { () throws(PFrameError) in
            try task.picture(batch, seed: RandomSeed(options.seed).mixed("picture"))
        }
        let name = step.zeroPadded(7) + ".png"
        try image.write(to: run.path.appending("samples").appending(name))
    }
}

@available(*, unavailable)
extension TrainingLoop: Sendable {}

/// A step that the device has been given.
private struct TakenStep {
    let step: Int
    let rate: Double
    /// Those of this rank.
    let samples: Int
    let flops: Double
    /// The norm of the gradients; the sums over samples of the loss and of each metric; of several ranks, whose sums they
    /// are, also the samples and how many ranks want to stop.
    let reading: Reading
}

/// How fast the last steps were.
private struct Pace {
    private var times: [(time: Double, samples: Int, flops: Double)] = []
    private var last = Pace.clock()
    private(set) var samples = 0.0
    private(set) var flops = 0.0

    mutating func add(samples count: Int, flops operations: Double) {
        let now = Pace.clock()
        times.append((now - last, count, operations))
        last = now
        if times.count > 20 { times.removeFirst() }
        let time = max(times.reduce(0) { $0 + $1.time }, 1e-9)
        samples = Double(times.reduce(0) { $0 + $1.samples }) / time
        flops = times.reduce(0) { $0 + $1.flops } / time
    }

    private static func clock() -> Double {
        var time = timespec()
        clock_gettime(CLOCK_MONOTONIC, &time)
        return Double(time.tv_sec) + Double(time.tv_nsec) * 1e-9
    }
}
