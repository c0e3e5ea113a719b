import Codec
import Dataset
import Shards
import Storage
import SystemPackage
import Train

extension ExchangeProgram {
    /// Trains four numbers by ``TrainingLoop``, with a picture and a checkpoint after every second step.
    func trainByLoop(_ dataset: String, _ communicator: Communicator?) throws {
        var options = TrainingOptions()
        (options.steps, options.batchSize, options.warmUp) = (steps, 1, 1)
        (options.pictureEvery, options.checkpointEvery) = (2, 2)
        let task = try FourNumbers(number) { () throws(PFrameError) in try happen(communicator) }
        let run = try communicator?.rank ?? 0 == 0 ? makeRun() : nil
        try communicator?.barrier()
        let loop = try TrainingLoop(
            task, members: ["frames.npy"], source: ShardSource(dataset), run: run ?? makeRun(),
            options: options, communicator: communicator)
        let isDone = try loop.run()
        if communicator?.rank ?? 0 == 0 { print(isDone ? "trained" : "stopped") }
    }

    private func makeRun() throws -> RunFolder {
        if isFolder(FilePath(output)) { return try RunFolder(FilePath(output)) }
        return try RunFolder(making: FilePath(output), .object(["model": .text("four-numbers")]))
    }
}

/// A model of four numbers that become small, whose first picture takes its time.
private final class FourNumbers: TrainingTask {
    let store = ParameterStore(precision: .float32, seed: 1)
    private let numbers: Tensor
    private let beforePicture: () throws(PFrameError) -> Void
    private var pictures = 0

    init(_ number: Double, beforePicture: @escaping () throws(PFrameError) -> Void) throws(PFrameError) {
        numbers = try store.root.parameter("numbers", [4], .constant(number))
        self.beforePicture = beforePicture
    }

    func inputs(_ batch: Batch, seeds: [RandomSeed]) throws(PFrameError) -> [Tensor] { [] }

    func loss(_ inputs: [Tensor]) throws(PFrameError) -> BatchLoss {
        BatchLoss(try numbers.squared().mean())
    }

    func picture(_ batch: Batch, seed: RandomSeed) throws(PFrameError) -> RGBImage {
        if pictures == 0 { try beforePicture() }
        pictures += 1
        return RGBImage(width: 1, height: 1, pixels: [0, 0, 0])
    }
}
