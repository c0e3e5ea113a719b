import Dataset
public import Storage
public import SystemPackage

/// A family of 3D U-Nets that diffuse clips under a first frame and a caption. The families differ in what they diffuse
/// and in the sizes of their networks.
public protocol VideoDiffusionFamily: ModelFamily
where Options == DiffusionOptions<Self>, Arguments.Files == DiffusionFiles {
    /// Pixels that one position of the diffused clip stands for, each way.
    static var factor: Int { get }
    /// Whether it diffuses changes, of which a clip has one less than frames.
    static var diffusesChanges: Bool { get }
    /// What no value of a clean clip exceeds. A network that predicts the noise knows little of x⁰ in the first steps of
    /// sampling, and errs beyond all bounds without.
    static var clipping: Double { get }
    /// Whether its clips have motion and residuals beside frames.
    static var makesMotion: Bool { get }

    /// Channels of the diffused clip.
    static func channels(latent: Int) -> Int
    /// The sizes of the networks.
    static func networks(_ preset: Preset) -> DiffusionNetworks
    /// The weight of each channel in the loss, whose mean is 1; nil if all count alike.
    static func channelWeights(_ options: Options) -> [Double]?

    /// A model with fresh parameters.
    ///
    /// - Parameter textEntries: the number of words or labels, or the width of features.
    static func model(
        _ options: Options, textEntries: Int, precision: Precision, device: Device, seed: UInt64
    ) throws(PFrameError) -> any VideoModel<Self>

    /// The codec of a new or resumed run, and what it adds to the run.
    static func codec(
        _ options: Options, _ files: DiffusionFiles, _ setup: TrainingSetup
    ) throws(PFrameError) -> PreparedCodec
    /// The codec of a run that is there.
    static func codec(
        of run: RunFolder, _ options: Options, precision: Precision, device: Device
    ) throws(PFrameError) -> any ClipCodec
}

/// Sizes of the networks of a video diffusion model.
public struct DiffusionNetworks: Sendable {
    /// Channels of the U-Net's first level.
    public var width: Int
    /// Channels of each level, in multiples of the first.
    public var multiples: [Int]
    /// Channels of each level of the first-frame encoder; empty if the frame itself is the condition.
    public var firstFrameWidths: [Int]
    /// Residual blocks of its last level.
    public var firstFrameBlocks: Int
    /// Channels of τ(x⁰).
    public var firstFrameChannels: Int
    /// The share of the channels of motion in the loss; nil if all channels count equally.
    public var motionShare: Double?
    /// The largest motion, in pixels, of a model that draws motion first, as tokens; nil for one that diffuses all
    /// channels together.
    public var motionRadius: Int?

    /// The sizes; without widths the first frame itself is the condition.
    public init(
        width: Int, multiples: [Int], firstFrameWidths: [Int] = [], firstFrameBlocks: Int = 0,
        firstFrameChannels: Int = 3, motionShare: Double? = nil, motionRadius: Int? = nil
    ) {
        (self.width, self.multiples) = (width, multiples)
        (self.motionShare, self.motionRadius) = (motionShare, motionRadius)
        (self.firstFrameWidths, self.firstFrameBlocks) = (firstFrameWidths, firstFrameBlocks)
        self.firstFrameChannels = firstFrameChannels
    }
}

/// Files and runs that a new model is made of.
public struct DiffusionFiles: Sendable {
    /// CLIP's weights and the merges of its tokenizer, where it reads captions.
    public var clip: (weights: FilePath, merges: FilePath)?
    /// The run of the autoencoder that made the latents; nil for the one that the data set names.
    public var autoencoder: FilePath?

    /// None.
    public init() {}
}

/// A codec that is ready to train with.
public struct PreparedCodec {
    /// The codec.
    public var codec: any ClipCodec
    /// Further members of `config.json`.
    public var recorded: [String: JSONValue]
    /// Writes the family's own files into the run's folder.
    public var fill: (RunFolder) throws(PFrameError) -> Void

    /// A codec that records `recorded` and writes what `fill` writes.
    public init(
        codec: any ClipCodec, recorded: [String: JSONValue] = [:],
        fill: @escaping (RunFolder) throws(PFrameError) -> Void = { _ in }
    ) {
        (self.codec, self.recorded, self.fill) = (codec, recorded, fill)
    }
}

@available(*, unavailable)
extension PreparedCodec: Sendable {}

extension VideoDiffusionFamily {
    /// 1.
    public static var factor: Int { 1 }
    /// They are.
    public static var diffusesChanges: Bool { true }
    /// The range of pixels.
    public static var clipping: Double { 1 }
    /// They have not.
    public static var makesMotion: Bool { false }
    /// RGB.
    public static func channels(latent: Int) -> Int { 3 }
    /// All channels count equally.
    public static func channelWeights(_ options: Options) -> [Double]? { nil }

    /// One U-Net that diffuses all channels together.
    public static func model(
        _ options: Options, textEntries: Int, precision: Precision, device: Device, seed: UInt64
    ) throws(PFrameError) -> any VideoModel<Self> {
        try VideoDiffusion(options, textEntries: textEntries, precision: precision, device: device, seed: seed)
    }

    /// The network, what reads captions, and the codec.
    public static func prepare(
        _ options: Options, _ files: DiffusionFiles, _ setup: TrainingSetup
    ) throws(PFrameError) -> PreparedModel {
        let captions = try captions(options.text, files, setup)
        let codec = try codec(options, files, setup)
        let model = try model(
            options, textEntries: captions?.entries ?? 0, precision: setup.precision, device: setup.device,
            seed: setup.options.seed)
        var recorded = codec.recorded
        recorded["captions"] = captions?.json
        return PreparedModel(
            DiffusionTask(model, codec: codec.codec, captions: captions), recorded: recorded, fill: codec.fill)
    }

    private static func captions(
        _ kind: TextKind, _ files: DiffusionFiles, _ setup: TrainingSetup
    ) throws(PFrameError) -> CaptionReader? {
        guard kind == .clip else { return try setup.captions(kind) }
        if let clip = files.clip { return CaptionReader(try CLIPCaptions(clip.weights, merges: clip.merges)) }
        let run = try setup.goesOn ? RunFolder(setup.folder) : setup.origin
        guard let run else {
            throw PFrameError(.missing, "captions are to be read by CLIP, and its files are not given")
        }
        return try run.captions(kind)
    }

    /// Of a model that has shapes and no memory.
    public static func plan(_ options: Options, precision: Precision) throws(PFrameError) -> ModelPlan {
        // As many words, or features, as are usual.
        let entries = options.text == .clip ? 512 : 1000
        let model = try model(options, textEntries: entries, precision: precision, device: .meta, seed: 0)
        return try ModelPlan(model.store) { () throws(PFrameError) in try model.evaluate() }
    }

    /// Those of the networks.
    public static func parameters(of run: RunFolder) throws(PFrameError) -> ParameterStore {
        let options = try options(of: run)
        let entries = try run.captions(options.text)?.entries ?? 0
        return try model(options, textEntries: entries, precision: .float32, device: .meta, seed: 0).store
    }

    /// The network with the moving average of its weights.
    public static func generator(
        of run: RunFolder, _ checkpoint: Checkpoint, precision: Precision, device: Device
    ) throws(PFrameError) -> (any Generator)? {
        let options = try options(of: run)
        let captions = try run.captions(options.text)
        let model = try model(
            options, textEntries: captions?.entries ?? 0, precision: precision, device: device, seed: 0)
        try checkpoint.restoreAverage(model.store)
        let codec = try codec(of: run, options, precision: precision, device: device)
        return DiffusionGenerator(model: model, codec: codec, captions: captions)
    }
}
