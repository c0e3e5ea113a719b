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
        abstract: "Time training and sampling steps of a model on random clips, or the noise of the clips.")

    @Argument var model: String
    @Option var preset = Preset.compact
    @Option var width: Int?
    @Option(transform: { $0.split(separator: ",").compactMap { Int($0) } }) var multiples: [Int]?
    @Option(help: "Pixels of a frame.") var size: Int?
    @Option var frames = 16
    @Option var batch = 8
    @Option var precision = Precision.float32
    @Option(name: .customLong("device"), help: "Where to compute: cpu, cuda or cuda:N.") var choice = DeviceChoice.cpu
    @Option var threads = 2
    @Option(help: "Counted steps, after those to warm up.") var runs = 5
    @Option(help: "Seconds for measuring the best matrix product.") var peakSeconds = 15.0
    @Flag(help: "What to time.") var work = Work.training

    /// What is timed.
    enum Work: String, EnumerableFlag {
        case training, sampling, noise

        static func help(for value: Work) -> ArgumentHelp? {
            switch value {
            case .training: "Training steps."
            case .sampling: "Evaluations of the network."
            case .noise: "Drawing the noise of a batch of clips."
            }
        }
    }

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
        /// What the loss of a batch follows from.
        let inputs: () throws(PFrameError) -> [Tensor]
        let loss: ([Tensor]) throws(PFrameError) -> Tensor
        /// What the network is evaluated on.
        let evaluated: () -> [Tensor]
        let evaluate: ([Tensor]) throws(PFrameError) -> Tensor
        let noise: () throws(PFrameError) -> Void
    }

    func run() throws {
        Device.threads = threads
        let device = try choice.device()
        try device.open()
        let subject = try subject(device)
        let optimiser = work == .training ? try AdamW(subject.store) : nil
        let recorder = WorkRecorder(device)
        let training = optimiser.map {
            LossGraph($0, recorder, tell: { Console.error($0) }) { inputs throws(PFrameError) in
                BatchLoss(try subject.loss(inputs))
            }
        }
        let sampling = StepGraph(recorder, tell: { Console.error($0) }) { inputs throws(PFrameError) in
            [try subject.evaluate(inputs)]
        }
        var (seconds, gflop): ([Double], Double) = ([], 0)
        var norm: Tensor?
        // A step is recorded after the first ones.
        let warmUp = recorder == nil ? 1 : StepGraph.warmUp + 2
        for run in 0..<(warmUp + runs) {
            let clock = ProgressClock()
            if let optimiser, let training {
                let (numbers, gradients) = try training(subject.inputs())
                norm = try optimiser.step(gradients, rate: 1e-4, loss: numbers[0])
                gflop = training.operations / 1e9
            } else if work == .sampling {
                _ = try withoutGradients { () throws(PFrameError) in try sampling(subject.evaluated()) }
                gflop = sampling.operations / 1e9
            } else {
                try withoutGradients(subject.noise)
            }
            try device.synchronize()
            if run >= warmUp { seconds.append(clock.elapsed) }
        }
        if let norm = try norm?.item(), !norm.isFinite {
            throw PFrameError("the norm of the gradients is \(norm): no step")
        }
        let peak = try GEMMPeak.measure(precision, device: device, seconds: peakSeconds) / 1e9
        try Console.json(
            Result(
                seconds: seconds, gflop: gflop, peak: peak, memoryBytes: Self.highestMemory(),
                deviceBytes: device.highestMemory, parameters: subject.store.count))
    }

    private func subject(_ device: Device) throws -> Subject {
        let family = ModelRegistry.family(named: model)
        if let diffusion = family as? any VideoDiffusionFamily.Type { return try self.diffusion(diffusion, device) }
        guard family is ResidualVAE.Type else {
            let names = ModelRegistry.families.map { $0.name }.joined(separator: ", ")
            throw ValidationError("\(model) is none of the models that are timed: \(names)")
        }
        return try autoencoder(device)
    }

    private func diffusion<Family: VideoDiffusionFamily>(_ family: Family.Type, _ device: Device) throws -> Subject {
        var options = try DiffusionOptions<Family>(
            preset: preset, frames: frames, height: size, width: size, unetWidth: width,
            multiples: multiples)
        options.text = .none
        let network = try VideoDiffusion(options, textEntries: 0, precision: precision, device: device)
        let shape = options.clipShape
        let clips = try Tensor.normal([batch * shape[0]] + shape.dropFirst(), seed: 1).to(device)
        let first = try Tensor.zeros([batch, options.height, options.width, 3], type: .uint8, device: device)
        let seeds = (0..<batch).map { RandomSeed(UInt64($0)) }
        let steps = try Tensor.full([batch], 500, type: .int64, device: device)
        return Subject(store: network.store) { () throws(PFrameError) in
            try network.inputs(clean: clips, first: first, captions: nil, seeds: seeds)
        } loss: { inputs throws(PFrameError) in
            try network.loss(inputs)
        } evaluated: {
            [clips, steps]
        } evaluate: { inputs throws(PFrameError) in
            let condition = Condition(firstFrame: try network.features(first: first))
            return try network.predict(inputs[0], steps: inputs[1], condition: condition)
        } noise: { () throws(PFrameError) in
            _ = try Tensor.normal(shape, seeds: seeds.tensor(on: device))
        }
    }

    /// The autoencoder: a training step takes a few residuals of a clip, sampling decodes the latents of all its frames.
    private func autoencoder(_ device: Device) throws -> Subject {
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
            [residuals, try seeds.tensor(on: device)]
        } loss: { inputs throws(PFrameError) in
            try network.loss(inputs[0], seeds: inputs[1]).loss
        } evaluated: {
            [latents]
        } evaluate: { inputs throws(PFrameError) in
            try network.decode(inputs[0])
        } noise: { () throws(PFrameError) in
            _ = try Tensor.normal([1] + latents.shape.dropFirst(), seeds: seeds.tensor(on: device))
        }
    }

    /// The most memory that the process ever held, in bytes.
    private static func highestMemory() -> Int {
        var usage = rusage()
        getrusage(__rusage_who_t(RUSAGE_SELF.rawValue), &usage)
        return usage.ru_maxrss * 1024
    }
}
