/// A video diffusion model: the U-Net with its first-frame and text encoders, and its noise.
public final class VideoDiffusion {
    /// The shape.
    public let options: DiffusionOptions
    /// Its parameters.
    public let store: ParameterStore
    /// Its noise, target and weights.
    public let process: DiffusionProcess
    private let unet: UNet3D
    private let firstFrame: FirstFrameEncoder?
    private let text: TextEncoder?
    private let channelRoots: Tensor?

    /// A model with fresh parameters.
    ///
    /// - Parameter textEntries: words, labels, or the width of features, as the options' text wants.
    public init(
        _ options: DiffusionOptions, textEntries: Int, precision: Precision = .float32, device: Device = .cpu,
        seed: UInt64 = 0
    ) throws(TrainError) {
        self.options = options
        process = try options.process()
        channelRoots = try Self.roots(options, device)
        store = ParameterStore(precision: precision, device: device, seed: seed)
        unet = try UNet3D(store.root["unet"], options.unet)
        firstFrame =
            options.firstFrameWidths.isEmpty
            ? nil
            : try FirstFrameEncoder(
                store.root["first_frame"], widths: options.firstFrameWidths, blocks: options.firstFrameBlocks,
                outputs: options.firstFrameChannels)
        text =
            options.text == .none
            ? nil
            : try TextEncoder(
                store.root["text"], kind: options.text, entries: textEntries, width: options.textWidth)
    }

    /// What the given frames say, once for all steps: `(B, h, w, c)`.
    ///
    /// - Parameter first: uint8 `(B, H, W, 3)`.
    public func condition(first: Tensor) throws(TrainError) -> Tensor {
        let x = try first.to(store.device).to(store.precision.type).affine(1 / 127.5, -1)
        guard let firstFrame else { return x }
        return try firstFrame(x)
    }

    /// Captions as vectors, `(B, width)`; nil without text.
    public func embedding(_ captions: CaptionTokens?, isGiven: [Bool]) throws(TrainError) -> Tensor? {
        guard let text, let captions else { return nil }
        return try text(captions, isGiven: isGiven)
    }

    /// The network's prediction, `(B·T, h, w, channels)`.
    public func predict(
        _ x: Tensor, condition: Tensor, steps: [Int], text: Tensor?
    ) throws(TrainError) -> Tensor {
        try unet(x.to(store.precision.type), frame: condition, steps: steps.map(Float.init), text: text)
    }

    /// The loss of clips.
    ///
    /// - Parameters:
    ///   - clean: float32 `(B·T, h, w, channels)`.
    ///   - first: uint8 `(B, H, W, 3)`.
    ///   - seeds: one for each clip: step, noise and left-out captions follow from it.
    public func loss(
        clean: Tensor, first: Tensor, captions: CaptionTokens?, seeds: [RandomSeed]
    ) throws(TrainError) -> Tensor {
        let frames = options.diffusedFrames
        let shape = clean.shape
        let steps = seeds.map { process.step($0.mixed("step")) }
        var draws: [Tensor] = []
        for seed in seeds {
            draws.append(
                try Tensor.normal([frames, shape[1], shape[2], shape[3]], seed: seed.mixed("noise").value))
        }
        let noise = try Tensor.concatenated(draws, along: 0).to(store.device)
        let isGiven = seeds.map { $0.mixed("caption").unit >= options.captionDrop }
        let noisy = try process.noised(clean, noise: noise, steps: steps, frames: frames)
        let prediction = try predict(
            noisy, condition: condition(first: first), steps: steps, text: embedding(captions, isGiven: isGiven))
        let target = try process.target(clean, noise: noise, steps: steps, frames: frames)
        return try DiffusionLoss(
            weighted(prediction), target: weighted(target), weights: process.lossWeights(steps), frames: frames
        ).mean
    }

    /// Multiplies channels by the roots of their weights.
    private func weighted(_ x: Tensor) throws(TrainError) -> Tensor {
        guard let roots = channelRoots else { return x }
        return try x * roots.to(x.type)
    }

    /// Roots of the channels' weights in the loss, whose mean is 1; nil where all are.
    private static func roots(_ options: DiffusionOptions, _ device: Device) throws(TrainError) -> Tensor? {
        guard let share = options.motionShare else { return nil }
        let (channels, motion) = (Double(options.channels), 2.0)
        let roots = (0..<options.channels).map { channel in
            let part = channel < Int(motion) ? share / motion : (1 - share) / (channels - motion)
            return Float((part * channels).squareRoot())
        }
        return try Tensor(roots, device: device)
    }
}

@available(*, unavailable)
extension VideoDiffusion: Sendable {}
