public import ArgumentParser
import Dataset
import Shards
import ToolOptions
public import Train

extension LearningRate.Course: ExpressibleByArgument {}

/// The options of training. An omitted option is the run's if the run resumes, else the default.
struct TrainingArguments: ParsableArguments {
    private static let defaults = TrainingOptions()

    @Option(help: "Total steps; default: \(TrainingArguments.defaults.steps).")
    var steps: Int?

    @Option(help: "Clips per step and rank; default: \(TrainingArguments.defaults.batchSize).")
    var batch: Int?

    @Option(help: ArgumentHelp("Train on the clips of this bucket of the data set alone.", valueName: "320x192x16"))
    var bucket: Bucket?

    @Option(help: "Batches whose gradients are summed per step; default: \(TrainingArguments.defaults.accumulation).")
    var accumulation: Int?

    @Option(help: "The highest learning rate; default: \(TrainingArguments.defaults.learningRate).")
    var learningRate: Double?

    @Option(help: "Steps until the highest learning rate; default: \(TrainingArguments.defaults.warmUp).")
    var warmUp: Int?

    @Option(help: "Learning rate after the warm-up: cosine, down to a hundredth (default), or constant.")
    var course: LearningRate.Course?

    @Option(help: "Weight decay; default: \(TrainingArguments.defaults.optimiser.weightDecay).")
    var weightDecay: Double?

    @Option(help: "Largest norm of the gradients, 0 for no clipping; default: 1.")
    var gradientNorm: Double?

    @Option(
        help: """
            Decay of the moving average of the weights; sampling uses the average; default: \
            \(TrainingArguments.defaults.optimiser.averageDecay).
            """)
    var averageDecay: Double?

    @Option(help: "Steps between checkpoints; default: \(TrainingArguments.defaults.checkpointEvery).")
    var checkpointEvery: Int?

    @Option(
        help: "Steps between pictures in samples/, 0 for none; default: \(TrainingArguments.defaults.pictureEvery).")
    var pictureEvery: Int?

    @Option(help: "The seed of everything random; default: 0.")
    var seed: UInt64?

    @Flag(help: "Skip damaged records instead of ending with an error.")
    var skipDamaged = false

    func validate() throws {
        for (flag, value, least) in [
            ("--steps", steps, 1), ("--batch", batch, 1), ("--accumulation", accumulation, 1), ("--warm-up", warmUp, 0),
            ("--checkpoint-every", checkpointEvery, 1), ("--picture-every", pictureEvery, 0),
        ] {
            if let value, value < least { throw ValidationError("\(flag) takes \(least) or more, not \(value)") }
        }
        if let learningRate, !(learningRate > 0 && learningRate.isFinite) {
            throw ValidationError("--learning-rate takes a number above 0, not \(learningRate)")
        }
        for (flag, value) in [("--weight-decay", weightDecay), ("--gradient-norm", gradientNorm)] {
            if let value, !(value >= 0 && value.isFinite) {
                throw ValidationError("\(flag) takes 0 or more, not \(value)")
            }
        }
        if let averageDecay, !(averageDecay >= 0 && averageDecay < 1) {
            throw ValidationError("--average-decay takes 0 or more and less than 1, not \(averageDecay)")
        }
    }

    /// The library's options: those given, and else those of `base`.
    func options(else base: TrainingOptions = TrainingOptions()) -> TrainingOptions {
        var options = base
        if let steps { options.steps = steps }
        if let batch { options.batchSize = batch }
        if let bucket { options.bucket = bucket }
        if let accumulation { options.accumulation = accumulation }
        if let learningRate { options.learningRate = learningRate }
        if let warmUp { options.warmUp = warmUp }
        if let course { options.course = course }
        if let weightDecay { options.optimiser.weightDecay = weightDecay }
        if let gradientNorm { options.optimiser.largestNorm = gradientNorm > 0 ? gradientNorm : nil }
        if let averageDecay { options.optimiser.averageDecay = averageDecay }
        if let checkpointEvery { options.checkpointEvery = checkpointEvery }
        if let pictureEvery { options.pictureEvery = pictureEvery }
        if let seed { options.seed = seed }
        if skipDamaged { options.damage = .skip }
        return options
    }

    /// Options that a run keeps to its end: each with the value given, nil for none, and the run's own.
    func fixed(of run: TrainingOptions) -> [FixedOption] {
        let optimiser = run.optimiser
        return [
            FixedOption("--batch", batch, run.batchSize), FixedOption("--accumulation", accumulation, run.accumulation),
            FixedOption("--bucket", bucket, run.bucket.map(\.description) ?? "none"),
            FixedOption("--learning-rate", learningRate, run.learningRate),
            FixedOption("--warm-up", warmUp, run.warmUp),
            FixedOption("--course", course?.rawValue, run.course.rawValue),
            FixedOption("--weight-decay", weightDecay, optimiser.weightDecay),
            FixedOption("--gradient-norm", gradientNorm, optimiser.largestNorm ?? 0),
            FixedOption("--average-decay", averageDecay, optimiser.averageDecay), FixedOption("--seed", seed, run.seed),
        ]
    }
}

/// Options under the names that other programs give them, each refused with the name that it has here; and those of
/// other models.
struct OtherNames: ParsableArguments {
    @Option(help: .private) var lr: String?
    @Option(help: .private) var batchSize: String?
    @Option(help: .private) var epochs: String?
    @Option(help: .private) var maxSteps: String?
    @Option(help: .private) var gradientAccumulationSteps: String?
    @Option(help: .private) var resolution: String?
    /// Says what option the model does not read: ``TrainWords`` puts it there.
    @Option(help: .private) var notRead: String?

    func validate() throws {
        let given = [
            ("--lr", lr, "--learning-rate"), ("--batch-size", batchSize, "--batch"),
            ("--max-steps", maxSteps, "--steps"), ("--resolution", resolution, "--size"),
            ("--gradient-accumulation-steps", gradientAccumulationSteps, "--accumulation"),
        ]
        for case (let name, let value?, let own) in given {
            throw ValidationError("no option \(name): did you mean \(own) \(value)?")
        }
        if let notRead { throw ValidationError(notRead) }
        if epochs != nil { throw ValidationError("no option --epochs: training counts steps (--steps)") }
    }
}
