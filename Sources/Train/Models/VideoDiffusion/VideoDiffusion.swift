import Codec
public import Storage

/// A video diffusion model: the U-Net with its first-frame and text encoders, and its noise.
public final class VideoDiffusion<Family: VideoDiffusionFamily>: VideoModel {
    /// The shape.
    public let options: DiffusionOptions<Family>
    /// Its parameters.
    public let store: ParameterStore
    /// Its noise, target and weights.
    public let process: DiffusionProcess
    private let unet: UNet3D
    private let encoder: ConditionEncoder
    private let channelRoots: Tensor?
    private let levels: ScheduleTable
    /// What records steps of sampling; nil for steps that are computed each time.
    package var recorder: WorkRecorder?

    /// A model with fresh parameters.
    ///
    /// - Parameters:
    ///   - textEntries: the number of words or labels, or the width of features, by the options' text.
    ///   - device: where it computes.
    ///   - precision: the type to compute in.
    ///   - options: the sizes of the model.
    ///   - seed: what random values follow from.
    public init(
        _ options: DiffusionOptions<Family>, textEntries: Int, precision: Precision = .float32, device: Device = .cpu,
        seed: UInt64 = 0
    ) throws(PFrameError) {
        self.options = options
        process = try options.process()
        levels = try ScheduleTable(process, device: device)
        recorder = WorkRecorder(device)
        channelRoots = try Family.channelWeights(options).map { weights throws(PFrameError) in
            try Tensor(weights.map { Float($0.squareRoot()) }, device: device)
        }
        store = ParameterStore(precision: precision, device: device, seed: seed)
        unet = try UNet3D(store.root["unet"], options.unet)
        encoder = try ConditionEncoder(options, textEntries: textEntries, in: store)
    }

    /// What the given frames say: `(B, h, w, c)`.
    ///
    /// - Parameter first: uint8 `(B, H, W, 3)`.
    public func features(first: Tensor) throws(PFrameError) -> Tensor { try encoder.features(first: first) }

    /// None.
    public var metrics: [String] { [] }

    /// As the sampler checks them; motion does not come first.
    public func check(_ options: SamplerOptions) throws(PFrameError) {
        guard options.temperature == nil, options.residualSteps == nil else {
            throw PFrameError(
                .usage, "a temperature and steps of residuals are for motion that comes first, and this model has none")
        }
        _ = try Sampler(process, options)
    }

    /// The loss alone.
    public func batchLoss(_ inputs: [Tensor]) throws(PFrameError) -> BatchLoss { BatchLoss(try loss(inputs)) }

    /// Asks the network about a clip.
    public func evaluate() throws(PFrameError) {
        let type = store.precision.type
        let first = try Tensor.zeros([1, options.height, options.width, 3], type: .uint8, device: store.device)
        var condition = Condition(firstFrame: try features(first: first))
        if options.text != .none {
            condition.text = try Tensor.zeros([1, options.textWidth], type: type, device: store.device)
        }
        let clip = try Tensor.zeros(options.clipShape, type: type, device: store.device)
        let steps = try Tensor.zeros([1], type: .int64, device: store.device)
        _ = try predict(clip, steps: steps, condition: condition)
    }

    /// The network's prediction, `(B·T, h, w, channels)`, at the steps of the clips, int64 `(B)`.
    public func predict(_ x: Tensor, steps: Tensor, condition: Condition) throws(PFrameError) -> Tensor {
        try unet(x.to(store.precision.type), frame: condition.firstFrame, steps: steps, text: condition.text)
    }

    /// What the loss of clips follows from, on the model's device.
    ///
    /// - Parameters:
    ///   - clean: float32 `(B·T, h, w, channels)`.
    ///   - first: uint8 `(B, H, W, 3)`.
    ///   - seeds: one per clip: step, noise and left-out captions follow from it.
    ///   - captions: nil for a model without text.
    public func inputs(
        clean: Tensor, first: Tensor, captions: CaptionTokens?, seeds: [RandomSeed]
    ) throws(PFrameError) -> [Tensor] {
        // What is drawn of each clip goes to the device in one copy.
        let draws = try Tensor(
            seeds.map { Int64(bitPattern: $0.mixed("noise").value) }
                + seeds.map { Int64(process.step($0.mixed("step"))) }
                + seeds.map { $0.mixed("caption").unit >= options.captionDrop ? 1 : 0 },
            shape: [3, seeds.count], device: store.device)
        let tokens = try encoder.tensor(captions)
        return [clean, first, draws] + (tokens.map { [$0] } ?? [])
    }

    /// The loss of clips.
    ///
    /// - Parameter inputs: what ``inputs(clean:first:captions:seeds:)`` made.
    public func loss(_ inputs: [Tensor]) throws(PFrameError) -> Tensor {
        let (clean, first, draws, captions) = (inputs[0], inputs[1], inputs[2], inputs.dropFirst(3).first)
        let frames = options.diffusedFrames
        func row(_ index: Int) throws(PFrameError) -> Tensor {
            try draws.sliced(index..<index + 1, along: 0).reshaped([draws.shape[1]])
        }
        let steps = try row(1)
        let noise = try Tensor.normal([frames] + clean.shape.dropFirst(), seeds: row(0))
        let levels = try levels(steps)
        let noisy = try process.noised(clean, noise: noise, at: levels, frames: frames)
        let condition = try encoder(first: first, captions: captions, isGiven: row(2))
        let prediction = try predict(noisy, steps: steps, condition: condition)
        let target = try process.target(clean, noise: noise, at: levels, frames: frames)
        return try DiffusionLoss(
            weighted(prediction), target: weighted(target), weights: levels.weights, frames: frames
        ).mean
    }

    /// The loss of clips, with the parameters of ``inputs(clean:first:captions:seeds:)``.
    public func loss(
        clean: Tensor, first: Tensor, captions: CaptionTokens?, seeds: [RandomSeed]
    ) throws(PFrameError) -> Tensor {
        try loss(inputs(clean: clean, first: first, captions: captions, seeds: seeds))
    }

    /// Multiplies channels by the roots of their weights.
    private func weighted(_ x: Tensor) throws(PFrameError) -> Tensor {
        guard let roots = channelRoots else { return x }
        return try x * roots.to(x.type)
    }

    /// Diffused clips drawn from the model.
    ///
    /// - Parameters:
    ///   - first: the given frames, uint8 `(B, H, W, 3)`.
    ///   - captions: nil for a model without text.
    ///   - seeds: one per clip; the same seeds give the same bytes.
    ///   - guidance: the scale w of ε = ε_u + w (ε_c − ε_u); 1 for none (Ho & Salimans 2021).
    ///   - progress: called after each step with the number of finished steps; what it throws ends sampling.
    ///   - options: steps and kind of the sampler.
    /// - Returns: float32 `(B·T, h, w, channels)`.
    /// - Throws: `PFrameError`, NaN from the network included.
    public func sample(
        first: Tensor, captions: CaptionTokens?, seeds: [RandomSeed], options: SamplerOptions, guidance: Double,
        progress: (Int) throws(PFrameError) -> Void = { _ in }
    ) throws(PFrameError) -> Tensor {
        try withoutGradients { () throws(PFrameError) in
            let clips = seeds.count
            let size = Size(width: first.shape[2], height: first.shape[1])
            let shape = self.options.clipShape(of: size)
            let noise = try Tensor.normal(shape, seeds: seeds.map { $0.mixed("noise") }.tensor(on: store.device))
            let guides = guidance != 1 && captions != nil
            let condition = try encoder.sampled(first: first, captions: captions, isGuided: guides)
            var options = options
            options.clipping = options.clipping ?? Family.clipping
            let sampler = try Sampler(process, options)
            // A network that could not be recorded once is not tried again, and it is said once.
            let network = StepGraph(
                recorder,
                tell: { [self] line in
                    recorder = nil
                    Communicator.printError(line)
                }
            ) { [self] inputs throws(PFrameError) in
                [try predict(inputs[0], steps: inputs[1], condition: condition).to(.float32)]
            }
            return try sampler.sample(noise: noise, seeds: seeds, progress: progress) { x, step throws(PFrameError) in
                let steps = try Tensor.full(
                    [guides ? 2 * clips : clips], Double(step), type: .int64, device: self.store.device)
                let input = guides ? try Tensor.concatenated([x, x], along: 0) : x
                let both = try network([input, steps])[0]
                // The next step may overwrite the prediction.
                guard guides else { return try both.copy() }
                let half = clips * shape[0]
                return try guided(
                    conditional: both.sliced(0..<half, along: 0),
                    unconditional: both.sliced(half..<(2 * half), along: 0), scale: guidance)
            }
        }
    }
}

@available(*, unavailable)
extension VideoDiffusion: Sendable {}
