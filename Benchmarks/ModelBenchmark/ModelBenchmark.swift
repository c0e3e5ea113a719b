import ArgumentParser
import EngineOptions
import Glibc
import Storage
import ToolOptions
import Train

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
    @Option(help: "Where to compute: cpu or cuda.") var device = Device.cpu
    @Option var threads = 2
    @Option(help: "Counted steps, after one to warm up.") var runs = 5
    @Option(help: "Seconds for measuring the best matrix product.") var peakSeconds = 15.0
    @Flag(help: "Time evaluations of the network instead of training steps.") var sampling = false

    private struct Result: Encodable {
        let seconds: [Double]
        let gflop: Double
        let peak: Double
        let memoryBytes: Int
        let deviceBytes: Int
        let parameters: Int
    }

    /// A model on random clips: what trains it, and what is timed.
    private struct Subject {
        let store: ParameterStore
        let loss: () throws(PFrameError) -> Tensor
        let evaluate: () throws(PFrameError) -> Void
    }

    func run() throws {
        Device.threads = threads
        try device.open()
        let subject = try subject()
        let optimiser = sampling ? nil : try AdamW(subject.store)
        var (seconds, gflop): ([Double], Double) = ([], 0)
        for run in 0...runs {
            let before = FlopCount.now
            let clock = ProgressClock()
            if let optimiser {
                try subject.loss().backward()
                let norm = try optimiser.step(optimiser.gradients(), rate: 1e-4)
                guard norm.isFinite else { throw PFrameError("the norm of the gradients is \(norm): no step") }
                gflop = (FlopCount.now.training - before.training) / 1e9
            } else {
                try withoutGradients(subject.evaluate)
                gflop = (FlopCount.now.forward - before.forward) / 1e9
            }
            try device.synchronize()
            if run > 0 { seconds.append(clock.elapsed) }
        }
        let peak = try GEMMPeak.measure(precision, device: device, seconds: peakSeconds) / 1e9
        try Console.json(
            Result(
                seconds: seconds, gflop: gflop, peak: peak, memoryBytes: Self.highestMemory(),
                deviceBytes: device.highestMemory, parameters: subject.store.count))
    }

    private func subject() throws -> Subject {
        let family = ModelRegistry.family(named: model)
        if let diffusion = family as? any VideoDiffusionFamily.Type { return try self.diffusion(diffusion) }
        guard family is ResidualVAE.Type else {
            let names = ModelRegistry.families.map { $0.name }.joined(separator: ", ")
            throw ValidationError("\(model) is none of the models that are timed: \(names)")
        }
        return try autoencoder()
    }

    private func diffusion<Family: VideoDiffusionFamily>(_ family: Family.Type) throws -> Subject {
        var options = try DiffusionOptions<Family>(
            preset: preset, frames: frames, height: size, width: size, unetWidth: width,
            multiples: multiples)
        options.text = .none
        let network = try VideoDiffusion(options, textEntries: 0, precision: precision, device: device)
        let shape = options.clipShape
        let clips = try Tensor.normal([batch * shape[0]] + shape.dropFirst(), seed: 1).to(device)
        let first = try Tensor.zeros([batch, options.height, options.width, 3], type: .uint8, device: device)
        let seeds = (0..<batch).map { RandomSeed(UInt64($0)) }
        return Subject(store: network.store) { () throws(PFrameError) in
            try network.loss(clean: clips, first: first, captions: nil, seeds: seeds)
        } evaluate: { () throws(PFrameError) in
            let condition = Condition(firstFrame: try network.features(first: first))
            _ = try network.predict(clips, steps: [Int](repeating: 500, count: batch), condition: condition)
        }
    }

    /// The autoencoder: a training step takes a few residuals of a clip, sampling decodes the latents of all its frames.
    private func autoencoder() throws -> Subject {
        let options = try AutoencoderOptions(preset: preset, height: size, width: size)
        let network = try ResidualAutoencoder(options, precision: precision, device: device)
        let count = batch * options.residualsPerClip
        let residuals = try Tensor.uniform([count, options.height, options.width, 3], seed: 1).affine(64, -32).to(
            device)
        let latents = try Tensor.normal(
            [batch * (frames - 1), options.height / 16, options.width / 16, options.latentChannels], seed: 2
        ).to(device)
        let seeds = (0..<count).map { RandomSeed(UInt64($0)) }
        return Subject(store: network.store) { () throws(PFrameError) in
            try network.loss(residuals, seeds: seeds).loss
        } evaluate: { () throws(PFrameError) in
            _ = try network.decode(latents)
        }
    }

    /// The most memory that the process ever held, in bytes.
    private static func highestMemory() -> Int {
        var usage = rusage()
        getrusage(__rusage_who_t(RUSAGE_SELF.rawValue), &usage)
        return usage.ru_maxrss * 1024
    }
}
