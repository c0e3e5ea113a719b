public import Codec
public import MotionVectors
public import Storage
public import SystemPackage

/// A clip that a model is asked for.
public struct SampleRequest: Sendable {
    /// What the clip is called.
    public var name: String
    /// The given frame, of a size of the model.
    public var first: RGBImage
    /// The caption; a label for models of labels. Models without text do not read it.
    public var caption: String
    /// What its noise follows from.
    public var seed: UInt64
    /// Where the given frame is from, for messages.
    public var source: FilePath?

    /// A request.
    public init(name: String, first: RGBImage, caption: String, seed: UInt64, source: FilePath? = nil) {
        (self.name, self.first, self.caption, self.seed, self.source) = (name, first, caption, seed, source)
    }
}

extension SampleRequest {
    /// The size of the given frame.
    public var size: Size { Size(width: first.width, height: first.height) }
}

/// What makes clips with a trained model.
public protocol Generator {
    /// The size of its frames; of several sizes the first.
    var size: Size { get }
    /// All sizes of its frames.
    var sizes: [Size] { get }
    /// Frames of a clip, the given one included.
    var frames: Int { get }
    /// What reads captions; nil for a model without text.
    var captions: CaptionReader? { get }
    /// Whether its clips have motion and residuals beside frames.
    var makesMotion: Bool { get }

    /// Tells which options do not fit the model, before anything is computed.
    ///
    /// - Throws: `PFrameError`.
    func check(_ options: SamplerOptions) throws(PFrameError)

    /// Makes a clip for each request, all of them together.
    ///
    /// Every clip follows from its own request.
    ///
    /// - Parameters:
    ///   - guidance: the scale of classifier-free guidance; 1 for none.
    ///   - progress: told after each step of sampling how many are done; what it throws ends sampling.
    ///   - requests: the clips to make, of first frames of one size.
    ///   - options: steps and kind of the sampler.
    func generate(
        _ requests: [SampleRequest], options: SamplerOptions, guidance: Double,
        progress: (Int) throws(PFrameError) -> Void
    ) throws(PFrameError) -> [Clip]
}

extension Generator {
    /// One.
    public var sizes: [Size] { [size] }
    /// None.
    public var makesMotion: Bool { false }
}

/// A run's model, ready to make clips.
public struct TrainedModel {
    /// What makes them.
    public let generator: any Generator
    /// The run.
    public let run: RunFolder
    /// What the weights are of.
    public let checkpoint: Checkpoint
    /// The type that the network computes in.
    public let precision: Precision
    /// Where it computes.
    public let device: Device

    /// Opens a run of a family.
    ///
    /// - Throws: `PFrameError` if the family makes no clips, the run is of another one, or a part of it is missing or
    ///   damaged.
    public init<Family: ModelFamily>(
        _ run: RunFolder, of family: Family.Type, precision: Precision = .float32, device: Device = .cpu
    ) throws(PFrameError) {
        (self.run, self.precision, self.device) = (run, precision, device)
        checkpoint = try Checkpoint(run: run.path, model: family.name)
        guard let generator = try family.generator(of: run, checkpoint, precision: precision, device: device) else {
            throw PFrameError(
                .unsupported, path: run.path,
                "holds a \(family.name), which has no samples: give the run of a diffusion model")
        }
        self.generator = generator
    }
}

@available(*, unavailable)
extension TrainedModel: Sendable {}
