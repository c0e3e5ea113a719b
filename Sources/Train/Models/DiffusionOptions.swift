public import Dataset

/// The shape of a video diffusion model, its noise, and what it is conditioned on.
public struct DiffusionOptions: Sendable, Equatable {
    /// Which of the diffusion models.
    public var kind: ModelKind
    /// The size that it was derived from.
    public var preset: Preset
    /// Frames of a clip, the given one included.
    public var frames: Int
    /// Pixels of a frame.
    public var height: Int
    /// Pixels of a frame.
    public var width: Int
    /// Channels of a residual latent.
    public var latentChannels = 16
    /// Channels of the U-Net's first level.
    public var unetWidth: Int
    /// Channels of each level, in multiples of the first.
    public var multiples: [Int]
    /// Heads of attention.
    public var heads: Int
    /// Channels of each level of the first-frame encoder; empty where the frame itself is the condition.
    public var firstFrameWidths: [Int]
    /// Residual blocks of its last level.
    public var firstFrameBlocks: Int
    /// Channels of τ(x⁰).
    public var firstFrameChannels: Int
    /// How captions are read.
    public var text = TextKind.vocabulary
    /// The width of the text embedding.
    public var textWidth: Int
    /// The share of captions left out in training, for classifier-free guidance.
    public var captionDrop = 0.1
    /// The shape of the noise schedule.
    public var schedule = ScheduleShape.cosine
    /// Whether the last step holds no signal at all.
    public var zeroTerminalSNR = false
    /// What the network predicts.
    public var target: PredictionTarget
    /// γ of the min-SNR weights; nil for equal weights.
    public var minSNR: Double?
    /// The share of ED-VDM's loss that falls to its two channels of motion; nil where every channel counts alike.
    public var motionShare: Double?

    /// A model by preset.
    ///
    /// - Parameters:
    ///   - unetWidth: nil for the preset's.
    ///   - multiples: nil for the preset's.
    /// - Throws: `TrainError` for sizes that the model cannot have.
    public init(
        kind: ModelKind, preset: Preset, frames: Int = 16, height: Int? = nil, width: Int? = nil,
        unetWidth: Int? = nil, multiples: [Int]? = nil
    ) throws(TrainError) {
        precondition(kind != .autoencoder, "the autoencoder is no diffusion model")
        (self.kind, self.preset, self.frames) = (kind, preset, frames)
        let edge = preset == .paper64 ? 64 : 128
        (self.height, self.width) = (height ?? edge, width ?? edge)
        target = preset == .compact ? .velocity : .noise
        textWidth = preset == .compact ? 128 : 512
        (firstFrameChannels, firstFrameBlocks) = (16, kind == .edVDM ? 1 : kind == .dVDM && preset != .compact ? 3 : 0)
        // Eight heads of 32 channels would be most of what a small model takes.
        heads = preset == .compact ? 2 : 8
        // Sixteen channels of latents, most of them near noise, teach a small model little about motion.
        motionShare = kind == .edVDM && preset == .compact ? 0.5 : nil
        switch (kind, preset) {
        case (.edVDM, .compact):
            (self.unetWidth, self.multiples, firstFrameWidths) = (32, [1, 2, 4], [16, 32, 64, 96])
        case (.edVDM, .paper):
            (self.unetWidth, self.multiples, firstFrameWidths) = (192, [1, 2, 4, 8], [32, 64, 128, 192])
        case (.edVDM, .paper64):
            (self.unetWidth, self.multiples, firstFrameWidths) = (192, [1, 2, 4], [32, 64, 128, 192])
        case (.dVDM, .compact):
            (self.unetWidth, self.multiples, firstFrameWidths, firstFrameChannels) = (16, [1, 2, 4], [16], 16)
        case (.dVDM, _):
            (self.unetWidth, self.multiples, firstFrameWidths, firstFrameChannels) = (120, [1, 2, 4, 8], [128], 64)
        case (_, .compact):
            (self.unetWidth, self.multiples, firstFrameWidths, firstFrameChannels) = (16, [1, 2, 4], [], 3)
        case (_, _):
            (self.unetWidth, self.multiples, firstFrameWidths, firstFrameChannels) = (120, [1, 2, 4, 8], [], 3)
        }
        if let unetWidth { self.unetWidth = unetWidth }
        if let multiples { self.multiples = multiples }
        try validate()
    }

    /// Pixels that one position of the diffused clip stands for.
    public var factor: Int { kind == .edVDM ? 16 : 1 }
    /// Channels of the diffused clip.
    public var channels: Int { kind == .edVDM ? 2 + latentChannels : 3 }
    /// Frames of the diffused clip: without the given one where what is diffused is a change.
    public var diffusedFrames: Int { kind == .vdm ? frames : frames - 1 }
    /// The shape of one diffused clip, `(T, H, W, C)`.
    public var clipShape: [Int] { [diffusedFrames, height / factor, width / factor, channels] }

    /// What no value of a clean clip exceeds: pixels, or 6 deviations. A network that predicts the noise knows little
    /// of x⁰ in the first steps of sampling, and errs beyond all bounds without.
    public var clipping: Double { kind == .edVDM ? 6 : 1 }

    /// The shape of its U-Net.
    public var unet: UNetOptions {
        var options = UNetOptions()
        (options.width, options.multiples) = (unetWidth, multiples)
        (options.inputs, options.conditions, options.outputs) = (channels, firstFrameChannels, channels)
        options.heads = heads
        (options.frames, options.text) = (diffusedFrames, text == .none ? 0 : textWidth)
        return options
    }

    /// Its noise, target and weights.
    ///
    /// - Throws: `TrainError` where target and schedule do not go together.
    public func process() throws(TrainError) -> DiffusionProcess {
        try DiffusionProcess(
            NoiseSchedule(schedule, zeroTerminalSNR: zeroTerminalSNR), target: target, minSNR: minSNR)
    }

    /// Tells what cannot be.
    ///
    /// - Throws: `TrainError`.
    public func validate() throws(TrainError) {
        guard frames >= 2 else { throw TrainError("a clip has 2 frames or more, not \(frames)") }
        let step = factor << (multiples.count - 1)
        guard height >= step, width >= step, height % step == 0, width % step == 0 else {
            throw TrainError(
                "\(kind.rawValue) with \(multiples.count) levels takes frames in multiples of \(step) pixels, not "
                    + "\(width)x\(height): build the data set with --size \(max(1, width / step) * step)x"
                    + "\(max(1, height / step) * step), or take fewer --multiples")
        }
        guard unetWidth % 8 == 0, unetWidth > 0 else {
            throw TrainError("the width of the U-Net is a multiple of 8, not \(unetWidth)")
        }
    }
}

extension DiffusionOptions {
    /// As `config.json` records them.
    public var json: JSONValue {
        .object([
            "kind": .text(kind.rawValue), "preset": .text(preset.rawValue), "frames": .integer(frames),
            "height": .integer(height), "width": .integer(width), "latent_channels": .integer(latentChannels),
            "unet_width": .integer(unetWidth), "heads": .integer(heads),
            "multiples": .list(multiples.map { .integer($0) }),
            "first_frame_widths": .list(firstFrameWidths.map { .integer($0) }),
            "first_frame_channels": .integer(firstFrameChannels), "first_frame_blocks": .integer(firstFrameBlocks),
            "text": .text(text.rawValue),
            "text_width": .integer(textWidth), "caption_drop": .number(captionDrop),
            "schedule": .text(schedule.rawValue), "zero_terminal_snr": .bool(zeroTerminalSNR),
            "target": .text(target.rawValue), "min_snr": minSNR.map { .number($0) } ?? .null,
            "motion_share": motionShare.map { .number($0) } ?? .null,
        ])
    }

    /// Reads what `json` wrote.
    ///
    /// - Throws: `TrainError` naming the member that is missing or makes no sense.
    public init(_ json: JSONValue) throws(TrainError) {
        let reader = ConfigurationReader(json)
        kind = try reader.choice("kind")
        preset = try reader.choice("preset")
        guard kind != .autoencoder else { throw TrainError("the run holds a vae, no diffusion model") }
        frames = try reader.integer("frames")
        height = try reader.integer("height")
        width = try reader.integer("width")
        latentChannels = try reader.integer("latent_channels")
        unetWidth = try reader.integer("unet_width")
        multiples = try reader.integers("multiples")
        firstFrameWidths = try reader.integers("first_frame_widths")
        firstFrameChannels = try reader.integer("first_frame_channels")
        firstFrameBlocks = try reader.integer("first_frame_blocks")
        heads = try reader.integer("heads")
        text = try reader.choice("text")
        textWidth = try reader.integer("text_width")
        captionDrop = try reader.number("caption_drop")
        schedule = try reader.choice("schedule")
        zeroTerminalSNR = try reader.bool("zero_terminal_snr")
        target = try reader.choice("target")
        minSNR = json["min_snr"]?.double
        motionShare = json["motion_share"]?.double
        guard !multiples.isEmpty, multiples.allSatisfy({ $0 > 0 }) else { throw reader.damaged("multiples") }
        try validate()
    }
}
