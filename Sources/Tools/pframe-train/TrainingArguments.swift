import ArgumentParser
import Dataset
import Train

/// How it is trained.
struct TrainingArguments: ParsableArguments {
    @Option(help: "Steps in all.")
    var steps = 10_000

    @Option(help: "Clips of a step on each rank.")
    var batch = 8

    @Option(help: "Batches whose gradients make one step.")
    var accumulation = 1

    @Option(help: "The highest learning rate.")
    var learningRate = 2e-4

    @Option(help: "Steps until the highest learning rate.")
    var warmUp = 100

    @Option(help: "After the warm-up: constant, or cosine down to a hundredth.")
    var course = LearningRate.Course.cosine

    @Option(help: "Weight decay.")
    var weightDecay = 0.01

    @Option(help: "Largest norm of the gradients; 0 for no clipping.")
    var gradientNorm = 1.0

    @Option(help: "Decay of the moving average of weights, which sampling uses.")
    var averageDecay = 0.999

    @Option(help: "Steps between checkpoints.")
    var checkpointEvery = 500

    @Option(help: "Steps between pictures in samples/; 0 for none.")
    var pictureEvery = 1000

    @Option(help: "The seed that everything follows from.")
    var seed: UInt64 = 0

    @Flag(help: "Leave damaged samples out instead of ending.")
    var skipDamaged = false

    /// The library's options for these.
    var options: TrainingOptions {
        var options = TrainingOptions()
        (options.steps, options.batchSize, options.accumulation) = (steps, batch, accumulation)
        (options.learningRate, options.warmUp, options.course) = (learningRate, warmUp, course)
        options.optimiser.weightDecay = weightDecay
        options.optimiser.largestNorm = gradientNorm > 0 ? gradientNorm : nil
        options.optimiser.averageDecay = averageDecay
        (options.checkpointEvery, options.pictureEvery, options.seed) = (checkpointEvery, pictureEvery, seed)
        options.damage = skipDamaged ? .skip : .fail
        return options
    }
}
