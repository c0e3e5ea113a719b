import Codec
import Shards
import Storage
import SystemPackage
import TestSupport
import Testing
import Train

/// The loop with steps that are read at once, as on the CPU, and late, as on a GPU.
@Suite struct TrainingLoopTests {
    /// A number that becomes small, whose loss or gradient is no number in one step.
    final class OneNumber: TrainingTask {
        enum Failure: CaseIterable { case loss, gradient }

        let store = ParameterStore()
        let metrics = ["twice"]
        private let number: Tensor
        private let failure: (kind: Failure, step: Int)?
        private var steps = 0

        init(_ failure: (Failure, Int)?) throws {
            number = try store.root.parameter("number", [1], .constant(1))
            self.failure = failure
        }

        func inputs(_ batch: Batch, seeds: [RandomSeed]) throws(PFrameError) -> [Tensor] { [] }

        func loss(_ inputs: [Tensor]) throws(PFrameError) -> BatchLoss {
            steps += 1
            var loss = try number.squared().sum()
            if let failure, failure.step == steps {
                switch failure.kind {
                case .loss: loss = try loss + Double.nan
                // √x has no finite slope at 0.
                case .gradient: loss = try loss + (number * 0).squareRoot().sum()
                }
            }
            return BatchLoss(loss, metrics: [try loss.detached() * 2])
        }

        func picture(_ batch: Batch, seed: RandomSeed) throws(PFrameError) -> RGBImage {
            RGBImage(width: 1, height: 1, pixels: [0, 0, 0])
        }
    }

    private static func loop(
        _ folder: FilePath, _ failure: (OneNumber.Failure, Int)? = nil, steps: Int = 10, readsLate: Bool
    ) throws -> (loop: TrainingLoop, run: FilePath) {
        let (set, run) = (folder.appending("set"), folder.appending("run"))
        try EvaluationSet(
            folder: set, size: Size(width: 16, height: 16), frames: 3, count: 4, pixel: { _, _, _, _, _ in 0 },
            motion: { _ in 0 }
        ).write(["frames.npy"])
        var options = TrainingOptions()
        (options.steps, options.batchSize, options.checkpointEvery, options.pictureEvery) = (steps, 2, 4, 0)
        let loop = try TrainingLoop(
            OneNumber(failure), members: ["frames.npy"], source: .folder(set),
            run: RunFolder(making: run, .object(["model": .text("one-number")])), options: options,
            readsLate: readsLate)
        return (loop, run)
    }

    /// The error names the step; what was written is of the steps before.
    @Test(arguments: OneNumber.Failure.allCases, [false, true])
    func aDivergedStepIsNeverWritten(failure: OneNumber.Failure, readsLate: Bool) throws {
        for step in [6, 8, 10] {
            try withTemporaryFolder { folder in
                let (loop, run) = try Self.loop(folder, (failure, step), readsLate: readsLate)
                var reported: [TrainingStep] = []
                let error = #expect(throws: PFrameError.self) { try loop.run(report: { reported.append($0) }) }
                let cause = failure == .loss ? "the loss is nan" : "the norm of the gradients is"
                let message = error?.message ?? ""
                #expect(message.contains("diverged at step \(step): \(cause)"), "\(message)")
                #expect(reported.map(\.step) == Array(1..<step))
                #expect(reported.allSatisfy { $0.loss.isFinite && $0.metrics[0].value == 2 * $0.loss })
                let checkpoint = try Checkpoint(run: run, model: "one-number")
                #expect(checkpoint.step == (step - 1) / 4 * 4)
                let lines = try contents(of: run.appending("metrics.jsonl")).split(separator: UInt8(ascii: "\n"))
                #expect(lines.count == step - 1)
            }
        }
    }

    /// A run that is told to stop after a step ends there, or where steps are read late after the next one; its checkpoint
    /// holds as many steps as its metrics.
    @Test(arguments: [false, true]) func stopsWhereItsMetricsEnd(readsLate: Bool) throws {
        try withTemporaryFolder { folder in
            let (loop, run) = try Self.loop(folder, readsLate: readsLate)
            var reported: [Int] = []
            let isDone = try loop.run(shouldStop: { reported.count >= 5 }, report: { reported.append($0.step) })
            let last = readsLate ? 6 : 5
            #expect(!isDone && reported == Array(1...last))
            #expect(try Checkpoint(run: run, model: "one-number").step == last)
        }
    }

    /// Between two reports a step is taken, and one is read.
    @Test func aStepWaitsForNothing() throws {
        try withTemporaryFolder { folder in
            let (loop, _) = try Self.loop(folder, steps: 4, readsLate: true)
            var counts: [HostCopies] = []
            _ = try loop.run(report: { _ in counts.append(.now) })
            for (before, after) in zip(counts, counts.dropFirst()).prefix(2) {
                #expect(after - before == HostCopies(waits: 0, uploads: 0, readings: 1))
            }
        }
    }
}
