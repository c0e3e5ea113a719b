public import Codec
public import Shards
public import Storage

/// The shape of a video diffusion model of a family, its noise, and what it is conditioned on.
public struct DiffusionOptions<Family: VideoDiffusionFamily>: ModelOptions {
    /// The size that it was derived from.
    public var preset: Preset
    /// Frames of a clip, the given one included.
    public var frames: Int
    /// Pixels of a frame.
    public var height: Int
    /// Pixels of a frame.
    public var width: Int
    /// All sizes of frames, as width and height, of a model of several sizes; nil for one.
    public var sizes: [[Int]]?
    /// Channels of a residual latent.
    public var latentChannels = 16
    /// Channels of the U-Net's first level.
    public var unetWidth: Int
    /// Channels of each level, in multiples of the first.
    public var multiples: [Int]
    /// Heads of attention.
    public var heads: Int
    /// Channels of each level of the first-frame encoder; empty if the frame itself is the condition.
    public var firstFrameWidths: [Int]
    /// Residual blocks of its last level.
    public var firstFrameBlocks: Int
    /// Channels of τ(x⁰).
    public var firstFrameChannels: Int
    /// How captions are read.
    public var text = TextKind.vocabulary
    /// The width of the text embedding.
    public var textWidth: Int
    /// The share of captions dropped in training, for classifier-free guidance.
    public var captionDrop = 0.1
    /// The shape of the noise schedule.
    public var schedule = ScheduleShape.cosine
    /// Whether the last step holds no signal at all.
    public var zeroTerminalSNR = false
    /// What the network predicts.
    public var target: PredictionTarget
    /// γ of the min-SNR weights; nil for equal weights.
    public var minSNR: Double?
    /// The share of the channels of motion in the loss; nil if all channels count equally.
    public var motionShare: Double?
    /// The largest motion, in pixels, of a model that draws motion first, as tokens; nil for one that diffuses all
    /// channels together.
    public var motionRadius: Int?

    /// A model by preset.
    ///
    /// - Parameters:
    ///   - unetWidth: nil for the preset's.
    ///   - multiples: nil for the preset's.
    ///   - height: rows.
    ///   - width: pixels per row.
    ///   - preset: the sizes to begin with.
    ///   - frames: frames of a clip, the given one included.
    /// - Throws: `PFrameError` for sizes that the model cannot have.
    public init(
        preset: Preset, frames: Int = 16, height: Int? = nil, width: Int? = nil, unetWidth: Int? = nil,
        multiples: [Int]? = nil
    ) throws(PFrameError) {
        let networks = Family.networks(preset)
        (self.preset, self.frames) = (preset, frames)
        let edge = preset == .paper64 ? 64 : 128
        (self.height, self.width) = (height ?? edge, width ?? edge)
        (self.unetWidth, self.multiples) = (unetWidth ?? networks.width, multiples ?? networks.multiples)
        (firstFrameWidths, firstFrameBlocks) = (networks.firstFrameWidths, networks.firstFrameBlocks)
        (firstFrameChannels, motionShare) = (networks.firstFrameChannels, networks.motionShare)
        motionRadius = networks.motionRadius
        target = preset == .compact ? .velocity : .noise
        textWidth = preset == .compact ? 128 : 512
        // Eight heads of 32 channels would be most of what a small model takes.
        heads = preset == .compact ? 2 : 8
        try validate()
    }

    /// Channels of the diffused clip.
    public var channels: Int { Family.channels(latent: latentChannels) }
    /// Frames of the diffused clip.
    public var diffusedFrames: Int { Family.diffusesChanges ? frames - 1 : frames }
    /// The shape of one diffused clip, `(T, H, W, C)`; of several sizes that of `width` and `height`.
    public var clipShape: [Int] { clipShape(of: Size(width: width, height: height)) }
    /// The shape of one diffused clip with frames of a size, `(T, H, W, C)`.
    public func clipShape(of size: Size) -> [Int] {
        [diffusedFrames, size.height / Family.factor, size.width / Family.factor, channels]
    }
    /// The sizes of its frames, that of `width` and `height` first.
    public var frameSizes: [Size] {
        let first = Size(width: width, height: height)
        return [first] + (sizes ?? []).map { Size(width: $0[0], height: $0[1]) }.filter { $0 != first }
    }

    /// The shape of its U-Net.
    public var unet: UNetOptions {
        var options = UNetOptions()
        (options.width, options.multiples) = (unetWidth, multiples)
        (options.inputs, options.conditions, options.outputs) = (channels, firstFrameChannels, channels)
        options.heads = heads
        (options.frames, options.text) = (diffusedFrames, text == .none ? 0 : textWidth)
        return options
    }

    /// Takes clips of several sizes: no layer knows how many pixels there are, but each frame has weights of its own.
    /// Tokens of motion reach as far as the motion of the set.
    public func taking(_ set: DatasetDescription) throws(PFrameError) -> Self {
        var options = self
        if motionRadius != nil { options.motionRadius = set.radius }
        let buckets = set.buckets
        guard buckets.count > 1 else { return options }
        guard buckets.allSatisfy({ $0.frames == frames }) else {
            throw TrainingSetup.refusal(of: buckets, "the model takes clips of one length, here of \(frames) frames")
        }
        guard buckets.contains(where: { $0.width == width && $0.height == height }) else {
            throw TrainingSetup.refusal(of: buckets, "the model takes frames of \(width)x\(height)")
        }
        options.sizes = buckets.map { [$0.width, $0.height] }
        return options
    }

    /// Its noise, target and weights.
    ///
    /// - Throws: `PFrameError` if target and schedule do not go together.
    public func process() throws(PFrameError) -> DiffusionProcess {
        try DiffusionProcess(
            NoiseSchedule(schedule, zeroTerminalSNR: zeroTerminalSNR), target: target, minSNR: minSNR)
    }

    /// Checks the options.
    ///
    /// - Throws: `PFrameError`.
    public func validate() throws(PFrameError) {
        guard frames >= 2 else { throw PFrameError(.usage, "a clip has 2 frames or more, not \(frames)") }
        let counts = multiples + firstFrameWidths + [latentChannels, firstFrameChannels, heads, textWidth]
        guard !multiples.isEmpty, firstFrameBlocks >= 0, counts.allSatisfy({ $0 > 0 }) else {
            throw PFrameError(.usage, "levels, channels and heads are 1 or more: the configuration is damaged")
        }
        guard sizes?.allSatisfy({ $0.count == 2 }) ?? true else {
            throw PFrameError(.usage, "sizes are pairs of width and height: the configuration is damaged")
        }
        let step = Family.factor << (multiples.count - 1)
        for size in frameSizes {
            guard size.height >= step, size.width >= step, size.height % step == 0, size.width % step == 0 else {
                throw PFrameError(
                    .usage,
                    "\(Family.name) with \(multiples.count) levels takes frames in multiples of \(step) pixels, not "
                        + "\(size): build the data set with frames of \(max(1, size.width / step) * step)x"
                        + "\(max(1, size.height / step) * step), or take fewer levels")
            }
        }
        guard motionRadius.map({ (0...255).contains($0) }) ?? true else {
            throw PFrameError(.usage, "motion reaches 0 to 255 pixels: the configuration is damaged")
        }
        guard unetWidth % 8 == 0, unetWidth > 0 else {
            throw PFrameError(.usage, "the width of the U-Net is a multiple of 8, not \(unetWidth)")
        }
    }
}
