import ArgumentParser
import Codec
import Dataset
import Foundation
import MotionVectors
import Shards
import Storage
import SystemPackage
import TestSupport
import Testing
import Train

/// A family that the library does not know trains, resumes, samples, plans and is checked as those that it knows.
@Suite struct ModelFamilyTests {
    private static let colour = [40.0, 120, 200]

    /// Four clips of one colour.
    private static func set(_ folder: FilePath) throws -> ShardSource {
        let set = EvaluationSet(
            folder: folder, size: Size(width: 16, height: 16), frames: 3, count: 4,
            pixel: { _, _, _, _, channel in Int(colour[channel]) }, motion: { _ in 0 })
        try set.write(["frames.npy"])
        return .folder(folder)
    }

    private static func options(steps: Int) -> TrainingOptions {
        var options = TrainingOptions()
        (options.steps, options.batchSize, options.warmUp, options.course) = (steps, 2, 3, .constant)
        (options.learningRate, options.checkpointEvery, options.pictureEvery) = (0.05, 4, 4)
        return options
    }

    /// Trains into a folder.
    private static func train(
        _ source: ShardSource, _ run: FilePath, steps: Int, columns: Int = 1, from origin: FilePath? = nil,
        readsLate: Bool = false, report: (TrainingStep) -> Void = { _ in }
    ) throws {
        var setup = try TrainingSetup(source, run: run)
        setup.options = options(steps: steps)
        setup.origin = try origin.map { try RunFolder($0) }
        let arguments = try MeanColour.Arguments.parse(["--columns", "\(columns)"])
        let shape = try arguments.options(size: setup.size, frames: setup.frames)
        let (task, folder) = try setup.begin(MeanColour.self, shape, NoFiles())
        let loop = try TrainingLoop(
            task, members: MeanColour.members, source: source, run: folder, options: setup.options,
            readsLate: readsLate)
        #expect(try loop.run(report: report))
    }

    private static func metrics(_ run: FilePath, _ name: String) throws -> [Double] {
        try contents(of: run.appending("metrics.jsonl")).split(separator: UInt8(ascii: "\n")).map {
            try #require(try JSONValue(Array($0), path: nil)[name]?.double)
        }
    }

    /// AdamW by its formula on the three numbers, in float64.
    private static func expected(steps: Int) -> (losses: [Double], average: [Double]) {
        let options = options(steps: steps)
        let (b1, b2) = (options.optimiser.beta1, options.optimiser.beta2)
        let target = colour.map { $0 / 255 }
        var weight = [0.5, 0.5, 0.5]
        var (average, first, second) = (weight, [0.0, 0, 0], [0.0, 0, 0])
        var losses: [Double] = []
        for step in 1...steps {
            let errors = zip(weight, target).map { $0 - $1 }
            losses.append(errors.reduce(0) { $0 + $1 * $1 } / 3)
            let rate = options.learningRate * min(1, Double(step) / 3)
            let gradients = errors.map { 2 * $0 / 3 }
            let norm = gradients.reduce(0) { $0 + $1 * $1 }.squareRoot()
            for index in 0..<3 {
                let gradient = gradients[index] * min(1, 1 / norm)
                first[index] = b1 * first[index] + (1 - b1) * gradient
                second[index] = b2 * second[index] + (1 - b2) * gradient * gradient
                let mean = first[index] / (1 - pow(b1, Double(step)))
                let square = second[index] / (1 - pow(b2, Double(step)))
                weight[index] *= 1 - rate * options.optimiser.weightDecay
                weight[index] -= rate * mean / (square.squareRoot() + 1e-8)
                let decay = min(options.optimiser.averageDecay, Double(1 + step) / Double(10 + step))
                average[index] += (1 - decay) * (weight[index] - average[index])
            }
        }
        return (losses, average)
    }

    @Test("it learns by the formula, and a killed run goes on to the same losses", arguments: [false, true])
    func trainsAndResumes(readsLate: Bool) throws {
        try withTemporaryFolder { folder in
            let (whole, killed) = (folder.appending("whole"), folder.appending("killed"))
            let source = try Self.set(folder.appending("set"))
            try Self.train(source, whole, steps: 12, readsLate: readsLate) { step in
                // What a kill in the seventh step leaves.
                if step.step == 7 { try? FileManager.default.copyItem(atPath: whole.string, toPath: killed.string) }
            }
            let expected = Self.expected(steps: 12)
            let losses = try Self.metrics(whole, "loss")
            #expect(losses.count == 12 && zip(losses, expected.losses).allSatisfy { abs($0 - $1) < 1e-6 }, "\(losses)")
            #expect(try abs(Self.metrics(whole, "red")[0] - 0.5) < 1e-6)
            try Self.train(source, killed, steps: 12, readsLate: readsLate)
            #expect(try Self.metrics(killed, "loss") == losses)
            let name = "checkpoint.safetensors"
            #expect(try contents(of: killed.appending(name)) == contents(of: whole.appending(name)))
            let error = #expect(throws: PFrameError.self) { try Self.train(source, killed, steps: 12, columns: 2) }
            #expect(error?.message.contains("options.columns (1, now 2)") == true, "\(error?.message ?? "")")
        }
    }

    @Test(
        "its samples are the average of its weights; the check finds nothing, and names a family that it is not given")
    func samplesAndIsChecked() throws {
        try withTemporaryFolder { folder in
            let run = folder.appending("run")
            try Self.train(Self.set(folder.appending("set")), run, steps: 8)
            let model = try TrainedModel(RunFolder(run), of: MeanColour.self)
            let first = RGBImage(width: 16, height: 16, pixels: Array(repeating: 9, count: 768))
            let sampler = try VideoSampler(model, options: SamplerOptions(steps: 1))
            var made: [Clip] = []
            let requests = [SampleRequest(name: "a", first: first, caption: "", seed: 0)]
            #expect(try sampler.sample(requests) { _, clip in made.append(clip) })
            let colour = Self.expected(steps: 8).average.map { UInt8(($0 * 255).rounded()) }
            let image = RGBImage(width: 16, height: 16, pixels: (0..<256).flatMap { _ in colour })
            #expect(made.count == 1 && made[0].frames.map(\.pixels) == [first, image, image].map(\.pixels))
            var samples = try SampleFolder(folder.appending("samples"), of: sampler, framesPerSecond: 8)
            #expect(try samples.begin(requests, batchSize: 1).count == 1)
            try samples.write(made[0], of: requests[0])
            #expect(try samples.begin(requests, batchSize: 1).isEmpty)

            let check = RunCheck(run: run, families: [MeanColour.self])
            #expect(check.findings.isEmpty && check.step == 8 && check.model == "mean-colour", "\(check.findings)")
            let others = RunCheck(run: run, families: ModelRegistry.families)
            #expect(others.findings.map(\.message) == ["names no model that this PFrame knows"])
            #expect(throws: PFrameError.self) { try TrainedModel(run: run) }
        }
    }

    @Test func plans() throws {
        let options = try MeanColour.Arguments.parse(["--columns", "5"]).options(size: nil, frames: nil)
        let plan = try MeanColour.plan(options, precision: .float32)
        // Two operations a multiply-add; weight, gradient, two moments, average.
        #expect(plan.parameters == 15 && plan.stateBytes == 15 * 20)
        #expect(abs(plan.forwardGFLOP - 30e-9) < 1e-12)
    }

    @Test("a run begins with the average of another one's weights, and goes on without it")
    func beginsFromAnotherRun() throws {
        try withTemporaryFolder { folder in
            let (first, second) = (folder.appending("first"), folder.appending("second"))
            let source = try Self.set(folder.appending("set"))
            try Self.train(source, first, steps: 8)
            try Self.train(source, second, steps: 4, from: first)
            let average = Self.expected(steps: 8).average
            let loss = zip(average, Self.colour).reduce(0) { $0 + ($1.0 - $1.1 / 255) * ($1.0 - $1.1 / 255) } / 3
            let found = try Self.metrics(second, "loss")[0]
            #expect(abs(found - loss) < 1e-6, "\(found), expected \(loss)")
            let recorded = try #require(try RunFolder(second).configuration["from"])
            #expect(recorded["run"]?.string == first.string && recorded["step"]?.int == 8)
            let other = #expect(throws: PFrameError.self) {
                try Self.train(source, folder.appending("third"), steps: 4, columns: 2, from: first)
            }
            let words = "average.colour is F32 [3, 1], but the new run wants F32 [3, 2]"
            #expect(other?.message.contains(words) == true, "\(other?.message ?? "")")
            #expect(!FileManager.default.fileExists(atPath: folder.appending("third").string))
            try FileManager.default.removeItem(atPath: first.string)
            try Self.train(source, second, steps: 6)
            #expect(try Self.metrics(second, "loss").count == 6)
            #expect(try RunFolder(second).configuration["from"] == recorded)
        }
    }
}
