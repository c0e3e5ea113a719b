import ArgumentParser
import CMPI
import CollectiveChecks
import Dataset
import Glibc
import Storage
import Train

/// What happens to one rank in one step.
enum Event: String, ExpressibleByArgument, CaseIterable {
    /// It ends, waits for nothing, is suspended, throws.
    case kill, hang, suspend, error
    /// It wants to stop.
    case stop
    /// It takes long: computing, or as one that waits for a disk.
    case compute, disk
}

/// Trains a small model on data that are the same everywhere, alone or as one rank of several, and prints what came out.
struct ExchangeProgram: ParsableCommand {
    @Option(help: "Clips of a rank in a step.") var batch = 4
    @Option(help: "Steps.") var steps = 20
    @Option(help: "Bytes of a bucket.") var bucket = 4096
    @Option(help: "Seconds that a rank may be silent.") var patience = 60.0
    @Flag(help: "Fewer clips in some steps, so that the last ranks have few or none.") var uneven = false
    @Flag(help: "Two micro-batches a step.") var accumulate = false
    @Flag(help: "Run the model in bfloat16.") var bfloat16 = false
    @Option(help: "What happens.") var event: Event?
    @Option(help: "The rank to which it happens.") var rank = 1
    @Option(help: "The step in which it happens.") var step = 5
    @Option(help: "Seconds that it takes.") var seconds = 10.0
    @Option(help: "Train by TrainingLoop on this data set instead; the event happens to its first picture.")
    var dataset: String?
    @Option(help: "The folder of that run.") var output = "run"
    @Option(help: "What the numbers of its model begin with.") var number = 1.0
    @Flag(help: "Print what the ranks do wrong together instead of training.") var checks = false

    func run() throws {
        let communicator = try Communicator.open(patience: .seconds(patience))
        do {
            if checks, let communicator {
                try check(communicator)
            } else if let dataset {
                try trainByLoop(dataset, communicator)
            } else {
                try train(communicator)
            }
            try communicator?.close()
        } catch {
            communicator?.abort("\(error)")
            throw error
        }
    }

    /// Prints what this rank found wrong, and that it looked.
    private func check(_ communicator: Communicator) throws(PFrameError) {
        let problems = try CollectiveChecks.problems(of: communicator)
        print((problems + ["rank \(communicator.rank) looked"]).joined(separator: "\n"))
    }

    private func train(_ communicator: Communicator?) throws {
        let (rank, ranks) = (communicator?.rank ?? 0, communicator?.ranks ?? 1)
        let store = ParameterStore(precision: bfloat16 ? .bfloat16 : .float32, seed: 7)
        let model = try SmallModel(store.root)
        let exchange = try communicator.map {
            try GradientExchange(store.parameters, $0, bucketBytes: bucket)
        }
        var losses: [Double] = []
        for step in 0..<steps {
            communicator?.step = step
            if rank == self.rank, step == self.step { try happen(communicator) }
            let wantsToStop = event == .stop && rank == self.rank && step >= self.step
            if let communicator, try communicator.agreeToStop(wantsToStop) { break }

            let all = clips(step, of: batch * ranks)
            let mine = min(rank * batch, all)..<min((rank + 1) * batch, all)
            let (loss, gradients) = try gradients(model, store, exchange, step, mine)
            let sums = try communicator?.sum([loss * Double(mine.count)]) ?? [loss * Double(mine.count)]
            losses.append(sums[0] / Double(all))
            for (parameter, gradient) in zip(store.parameters, gradients) {
                if let gradient { try parameter.master.accumulate(gradient, scale: -0.05) }
                parameter.tensor.clearGradient()
            }
            try store.mastersChanged()
        }
        try report(store, losses, communicator)
    }

    /// Clips of a step over all ranks.
    private func clips(_ step: Int, of most: Int) -> Int {
        uneven ? [most, most - 1, most / 2, most / 2 - 1][step % 4] : most
    }

    /// The mean loss over the clips and the gradients of all parameters, over all ranks where there are several.
    private func gradients(
        _ model: SmallModel, _ store: ParameterStore, _ exchange: GradientExchange?, _ step: Int, _ clips: Range<Int>
    ) throws -> (Double, [Tensor?]) {
        let middle = accumulate ? clips.lowerBound + (clips.count + 1) / 3 : clips.lowerBound
        let parts = [clips.lowerBound..<middle, middle..<clips.upperBound].filter { !$0.isEmpty }
        var total = 0.0
        for (index, part) in parts.enumerated() {
            if index == parts.count - 1 { try exchange?.begin(weight: Double(clips.count)) }
            let share = try model.loss(step, part) * (Double(part.count) / Double(clips.count))
            try share.backward()
            total += try share.item()
        }
        guard let exchange else { return (total, try store.parameters.map { try $0.tensor.gradient() }) }
        if parts.isEmpty { try exchange.begin(weight: 0) }
        let gradients = try exchange.finish()
        return (total, gradients)
    }

    func happen(_ communicator: Communicator?) throws(PFrameError) {
        switch event {
        case .kill: kill(getpid(), SIGKILL)
        case .hang: while true { sleep(1000) }
        case .suspend: raise(SIGSTOP)
        case .error: throw PFrameError("the disk is full")
        case .compute:
            let start = ContinuousClock.now
            while ContinuousClock.now - start < .seconds(seconds) {
                _ = try Tensor.normal([64, 64], seed: 1).matmul(Tensor.normal([64, 64], seed: 2))
            }
        case .disk: _ = try communicator?.usingStorage { () throws(PFrameError) in usleep(UInt32(seconds * 1e6)) }
        case .stop, nil: break
        }
    }

    private func report(_ store: ParameterStore, _ losses: [Double], _ communicator: Communicator?) throws {
        let values = try store.parameters.map { try $0.master.floats() }
        let bytes = values.flatMap { $0.withUnsafeBytes(Array.init) }
        let isEqual = try communicator.map { try $0.broadcast(bytes) == bytes } ?? true
        let unequal = try communicator?.sum([isEqual ? 0 : 1])[0] ?? 0
        guard communicator?.rank ?? 0 == 0 else { return }
        var isInitialized: Int32 = 0
        MPI_Initialized(&isInitialized)
        let sums = values.map { JSONValue.number($0.reduce(0) { $0 + Double($1) * Double($1) }) }
        let answer: [String: JSONValue] = [
            "losses": .list(losses.map { .number($0) }), "squares": .list(sums),
            "ranksThatDiffer": .integer(Int(unequal)), "usesMPI": .bool(isInitialized != 0),
        ]
        print(JSONValue.object(answer).json())
    }
}

ExchangeProgram.main()
