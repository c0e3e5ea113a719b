public import ArgumentParser
import Glibc
import ToolOptions
public import Train

extension Precision: ExpressibleByArgument {}

/// Starts the benchmark.
@main enum Main {
    static func main() {
        ThreadWaiting.restartShortened()
        ModelBenchmark.main()
    }
}

/// Times training steps and sampling steps of a diffusion model on random clips: one line of JSON.
struct ModelBenchmark: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Time training and sampling steps of a model on random clips.")

    @Argument var model: String
    @Option var preset = Preset.compact
    @Option var width: Int?
    @Option(transform: { $0.split(separator: ",").compactMap { Int($0) } }) var multiples: [Int]?
    @Option(help: "Pixels of a frame.") var size: Int?
    @Option var frames = 16
    @Option var batch = 8
    @Option var precision = Precision.float32
    @Option var threads = 2
    @Option(help: "Counted steps, after one to warm up.") var runs = 5
    @Option(help: "Seconds for measuring the best matrix product.") var peakSeconds = 15.0
    @Flag(help: "Time evaluations of the network instead of training steps.") var sampling = false

    private struct Result: Encodable {
        let seconds: [Double]
        let gflop: Double
        let peak: Double
        let memoryBytes: Int
        let parameters: Int
    }

    func run() throws {
        Device.threads = threads
        try Device.cpu.open()
        guard let family = ModelRegistry.family(named: model) as? any VideoDiffusionFamily.Type else {
            throw ValidationError("\(model) is no video diffusion model")
        }
        try measure(family)
    }

    private func measure<Family: VideoDiffusionFamily>(_ family: Family.Type) throws {
        var options = try DiffusionOptions<Family>(
            preset: preset, frames: frames, height: size, width: size, unetWidth: width,
            multiples: multiples)
        options.text = .none
        let network = try VideoDiffusion(options, textEntries: 0, precision: precision)
        let shape = options.clipShape
        let clips = try Tensor.normal([batch * shape[0]] + shape.dropFirst(), seed: 1)
        let first = try Tensor.zeros([batch, options.height, options.width, 3], type: .uint8)
        let seeds = (0..<batch).map { RandomSeed(UInt64($0)) }
        let optimiser = sampling ? nil : try AdamW(network.store)
        var (seconds, gflop): ([Double], Double) = ([], 0)
        for run in 0...runs {
            let before = FlopCount.now
            let clock = ProgressClock()
            if let optimiser {
                try network.loss(clean: clips, first: first, captions: nil, seeds: seeds).backward()
                let norm = try optimiser.step(optimiser.gradients(), rate: 1e-4)
                guard norm.isFinite else { throw TrainError("the norm of the gradients is \(norm): no step was taken") }
                gflop = (FlopCount.now.training - before.training) / 1e9
            } else {
                try withoutGradients { () throws(TrainError) in
                    let condition = Condition(firstFrame: try network.features(first: first))
                    _ = try network.predict(clips, steps: [Int](repeating: 500, count: batch), condition: condition)
                }
                gflop = (FlopCount.now.forward - before.forward) / 1e9
            }
            if run > 0 { seconds.append(clock.elapsed) }
        }
        let peak = try GEMMPeak.measure(precision, device: .cpu, seconds: peakSeconds) / 1e9
        try Console.json(
            Result(
                seconds: seconds, gflop: gflop, peak: peak, memoryBytes: Self.highestMemory(),
                parameters: network.store.count))
    }

    /// The most memory that the process ever held, in bytes.
    private static func highestMemory() -> Int {
        var usage = rusage()
        getrusage(__rusage_who_t(RUSAGE_SELF.rawValue), &usage)
        return usage.ru_maxrss * 1024
    }
}
