import Codec
public import Storage

/// ED-VDM in two stages: motion first, as tokens of masked diffusion; then latents, in Gaussian noise, under the motion.
///
/// A vector has two tokens, x and y, and a block a third: whether it is coded, as in H.264's coded block pattern. The
/// latent of a block that is not coded is 0: still ground receives no residual. Latents are denoised under clean vectors
/// and under the frames that the vectors alone give, and both are known when clips are sampled.
public final class MotionFirst: VideoModel {
    /// The shape.
    public let options: DiffusionOptions<EDVDM>
    /// The parameters of both networks: `motion` and `latents`, with the encoders that they share.
    public let store: ParameterStore
    /// The noise of latents.
    public let process: DiffusionProcess
    private let radius: Int
    private let tokens: TokenDiffusion
    private let motion: TokenNetwork
    private let latents: LatentNetwork
    private let encoder: ConditionEncoder
    private let levels: ScheduleTable

    /// A model with fresh parameters.
    ///
    /// - Parameters:
    ///   - options: with a radius of motion.
    ///   - textEntries: the number of words or labels, or the width of features, by the options' text.
    ///   - precision: the type to compute in.
    ///   - device: where it computes.
    ///   - seed: what random values follow from.
    public init(
        _ options: DiffusionOptions<EDVDM>, textEntries: Int, precision: Precision = .float32, device: Device = .cpu,
        seed: UInt64 = 0
    ) throws(PFrameError) {
        guard let radius = options.motionRadius else {
            throw PFrameError(.usage, "motion that comes first has a largest length: the options have no motion radius")
        }
        (self.options, self.radius) = (options, radius)
        guard options.target != .noise else {
            throw PFrameError(.usage, "residuals that follow the motion are predicted as v or x0, not as eps")
        }
        process = try options.process()
        levels = try ScheduleTable(process, device: device)
        tokens = TokenDiffusion(classes: [2 * radius + 1, 2 * radius + 1, 2])
        store = ParameterStore(precision: precision, device: device, seed: seed)
        motion = try TokenNetwork(store.root["motion"], options.unet, classes: tokens.classes)
        latents = try LatentNetwork(
            store.root["latents"], options.unet, latent: options.latentChannels, radius: radius)
        encoder = try ConditionEncoder(options, textEntries: textEntries, in: store)
    }

    /// The loss of each stage.
    public var metrics: [String] { ["motion_loss", "latent_loss"] }

    /// As the sampler checks them, and a temperature above 0.
    public func check(_ options: SamplerOptions) throws(PFrameError) {
        if let temperature = options.temperature, !(temperature > 0 && temperature.isFinite) {
            throw PFrameError(.usage, "a temperature is above 0, not \(temperature)")
        }
        guard (options.residualSteps ?? 1) > 1 || options.kind == .dpm && options.eta == 0 else {
            throw PFrameError(
                .usage,
                "the sampler draws residuals in several steps, and one step is asked for: ask for more, such as 20")
        }
        _ = try Sampler(process, residual(options))
    }

    /// How latents are sampled. A network that knows little about residuals draws noise; their mean mends what it knows.
    private func residual(_ options: SamplerOptions) -> SamplerOptions {
        var options = options
        options.steps = options.residualSteps ?? 1
        options.clipping = options.clipping ?? EDVDM.clipping
        return options
    }

    /// Clips, first frames, what is drawn of each clip, and captions.
    public func inputs(
        clean: Tensor, first: Tensor, captions: CaptionTokens?, seeds: [RandomSeed]
    ) throws(PFrameError) -> [Tensor] {
        let shares = seeds.map { TokenDiffusion.share($0.mixed("share").unit) }
        // What is drawn of each clip goes to the device in one copy.
        let draws = try Tensor(
            seeds.map { Int64(bitPattern: $0.mixed("noise").value) }
                + seeds.map { Int64(process.step($0.mixed("step"))) }
                + seeds.map { $0.mixed("caption").unit >= options.captionDrop ? 1 : 0 }
                + seeds.map { Int64(bitPattern: $0.mixed("hidden").value) }
                + shares.map { Int64(Self.step($0)) },
            shape: [5, seeds.count], device: store.device)
        let tokens = try encoder.tensor(captions)
        return [clean, first, draws] + (tokens.map { [$0] } ?? [])
    }

    /// The cross-entropy of hidden tokens plus the squared error of the latents of coded blocks.
    public func batchLoss(_ inputs: [Tensor]) throws(PFrameError) -> BatchLoss {
        let (clean, first, draws, captions) = (inputs[0], inputs[1], inputs[2], inputs.dropFirst(3).first)
        let (frames, clips) = (options.diffusedFrames, draws.shape[1])
        func row(_ index: Int) throws(PFrameError) -> Tensor {
            try draws.sliced(index..<index + 1, along: 0).reshaped([clips])
        }
        let condition = try encoder(first: first, captions: captions, isGiven: row(2))
        let (vectors, latent, coded) = try parts(clean)

        let truth = try tokenised(vectors, coded: coded)
        let times = try Tensor.uniform([frames] + truth[0].shape.dropFirst(), seeds: row(3))
        // A share is a whole number of thousandths, the step that the network is told.
        let share = try row(4).to(.float32).affine(1 / Double(Self.steps), 0).reshaped([clips, 1])
        let hidden = try (times.reshaped([clips, -1]) .< share).to(.float32).reshaped(times.shape)
        let logits = try motion(tokens.masked(truth, hidden: hidden), steps: row(4), condition: condition)
        let motionLoss = try tokens.loss(logits, tokens: truth, hidden: hidden)

        let levels = try levels(row(1))
        let noise = try Tensor.normal([frames] + latent.shape.dropFirst(), seeds: row(0)) * coded
        let noisy = try process.noised(latent, noise: noise, at: levels, frames: frames)
        let guide = try latents.guide(first: first, motion: vectors, coded: coded)
        let prediction = try latents(noisy, guide: guide, steps: row(1), condition: condition).to(.float32) * coded
        let target = try process.target(latent, noise: noise, at: levels, frames: frames)
        let latentLoss = try DiffusionLoss(prediction, target: target, weights: levels.weights, frames: frames).mean
        return BatchLoss(try motionLoss + latentLoss, metrics: [try motionLoss.detached(), try latentLoss.detached()])
    }

    /// Motion in `options.steps` rounds, then latents in `options.residualSteps`. Guidance moves the logits of motion;
    /// latents follow the motion. Progress is that of motion.
    public func sample(
        first: Tensor, captions: CaptionTokens?, seeds: [RandomSeed], options: SamplerOptions, guidance: Double,
        progress: (Int) throws(PFrameError) -> Void = { _ in }
    ) throws(PFrameError) -> Tensor {
        try withoutGradients { () throws(PFrameError) in
            let clips = seeds.count
            let first = try first.to(store.device)
            let shape = self.options.clipShape(of: Size(width: first.shape[2], height: first.shape[1]))
            let guides = guidance != 1 && captions != nil
            let condition = try encoder.sampled(first: first, captions: captions, isGuided: guides)
            func told(_ step: Int, _ count: Int) throws(PFrameError) -> Tensor {
                try Tensor.full([count], Double(step), type: .int64, device: store.device)
            }
            let drawn = try tokens.sample(
                Array(shape.dropLast()), rounds: options.steps, temperature: options.temperature ?? Self.temperature,
                seeds: seeds, on: store.device,
                progress: progress
            ) { tokens, share throws(PFrameError) in
                let step = Self.step(share)
                guard guides else { return try motion(tokens, steps: told(step, clips), condition: condition) }
                var both: [Tensor] = []
                for kind in tokens { both.append(try .concatenated([kind, kind], along: 0)) }
                let half = clips * shape[0]
                var logits: [Tensor] = []
                for kind in try motion(both, steps: told(step, 2 * clips), condition: condition) {
                    logits.append(
                        try guided(
                            conditional: kind.sliced(0..<half, along: 0),
                            unconditional: kind.sliced(half..<2 * half, along: 0), scale: guidance))
                }
                return logits
            }
            let (vectors, coded) = try blocks(of: drawn)
            let guide = try latents.guide(first: first, motion: vectors, coded: coded)
            let given = guides ? try encoder.sampled(first: first, captions: captions, isGuided: false) : condition
            let noise = try Tensor.normal(
                shape.dropLast() + [self.options.latentChannels],
                seeds: seeds.map { $0.mixed("noise") }.tensor(on: store.device))
            let latent = try Sampler(process, residual(options)).sample(noise: noise, seeds: seeds) {
                x, step throws(PFrameError) in
                try latents(x * coded, guide: guide, steps: told(step, clips), condition: given).to(.float32)
            }
            return try .concatenated([vectors, latent * coded], along: 3)
        }
    }

    /// Asks both networks about a clip.
    public func evaluate() throws(PFrameError) {
        let device = store.device
        let first = try Tensor.zeros([1, options.height, options.width, 3], type: .uint8, device: device)
        var condition = Condition(firstFrame: try encoder.features(first: first))
        if options.text != .none {
            condition.text = try Tensor.zeros([1, options.textWidth], type: store.precision.type, device: device)
        }
        let (vectors, latent, coded) = try parts(Tensor.zeros(options.clipShape, device: device))
        let steps = try Tensor.zeros([1], type: .int64, device: device)
        _ = try motion(tokenised(vectors, coded: coded), steps: steps, condition: condition)
        let guide = try latents.guide(first: first, motion: vectors, coded: coded)
        _ = try latents(latent, guide: guide, steps: steps, condition: condition)
    }

    /// At 1 unlikely vectors tear shapes.
    private static let temperature = 0.5
    /// Steps that a share of hidden places is told in.
    private static let steps = 1000
    /// A share as a step: in thousandths, of which there is no thousandth one.
    private static func step(_ share: Double) -> Int { min(Int((share * Double(steps)).rounded()), steps - 1) }

    /// A clip `(B·T, h, w, 2 + latent)` as whole vectors `(…, 2)`, latents, and which blocks are coded, `(…, 1)`: those
    /// whose latent is not 0.
    private func parts(_ x: Tensor) throws(PFrameError) -> (vectors: Tensor, latent: Tensor, coded: Tensor) {
        let vectors = try x.sliced(0..<EDVDM.motion, along: 3).rounded().clamped(-Double(radius), Double(radius))
        let latent = try x.sliced(EDVDM.motion..<options.channels, along: 3)
        let nothing = try Tensor.zeros([1], device: x.device)
        return (vectors, latent, try (nothing .< latent.squared().sum([3], keep: true)).to(.float32))
    }

    /// The tokens of vectors and of which blocks are coded.
    private func tokenised(_ vectors: Tensor, coded: Tensor) throws(PFrameError) -> [Tensor] {
        let shape = Array(vectors.shape.dropLast())
        func kind(_ index: Int) throws(PFrameError) -> Tensor {
            try (vectors.sliced(index..<index + 1, along: 3) + Double(radius)).to(.int64).reshaped(shape)
        }
        return [try kind(0), try kind(1), try coded.to(.int64).reshaped(shape)]
    }

    /// The vectors that tokens stand for, and which blocks are coded.
    private func blocks(of tokens: [Tensor]) throws(PFrameError) -> (vectors: Tensor, coded: Tensor) {
        let shape = tokens[0].shape + [1]
        func component(_ index: Int) throws(PFrameError) -> Tensor {
            try tokens[index].to(.float32).reshaped(shape) + -Double(radius)
        }
        return (
            try .concatenated([component(0), component(1)], along: 3), try tokens[2].to(.float32).reshaped(shape)
        )
    }
}

@available(*, unavailable)
extension MotionFirst: Sendable {}
