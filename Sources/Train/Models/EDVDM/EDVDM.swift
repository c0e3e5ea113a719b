public import ArgumentParser
public import Codec
import Dataset
import Shards
public import Storage
public import SystemPackage

/// ED-VDM, the Efficient Decoupled Video Diffusion Model: diffusion of motion vectors and of latents of residuals.
public enum EDVDM: VideoDiffusionFamily {
    /// The name on the command line.
    public static let name = "ed-vdm"
    /// What it diffuses.
    public static let abstract = "Diffusion of motion and latents, for data sets of `pframe encode`."
    /// As help shows them.
    public static let examples = ["latents --output run --steps 5000 --batch 16", "--preset paper --plan"]
    /// What it reads of a record.
    public static let members = ["first.npy", "latent.npy", "mv.npy"]
    /// The copy of the autoencoder.
    public static var files: [String] { ResidualVAE.adopted.map { "\(autoencoderFolder)/\($0)" } }

    /// Pixels of a block.
    public static let factor = 16
    /// 6 deviations.
    public static let clipping = 6.0
    /// They have both.
    public static let makesMotion = true

    /// The folder in a run that holds the autoencoder of its latents.
    static let autoencoderFolder = "vae"
    /// Channels of motion.
    static let motion = 2

    /// Two channels of motion, and the channels of a latent.
    public static func channels(latent: Int) -> Int { motion + latent }

    /// The sizes of a preset.
    public static func networks(_ preset: Preset) -> DiffusionNetworks {
        switch preset {
        case .compact:
            // Sixteen channels of latents, most of them near noise, teach a small model little about motion.
            DiffusionNetworks(
                width: 32, multiples: [1, 2, 4], firstFrameWidths: [16, 32, 64, 96], firstFrameBlocks: 1,
                firstFrameChannels: 32, motionShare: 0.5, motionRadius: 15)
        case .paper, .paper64:
            DiffusionNetworks(
                width: 192, multiples: preset == .paper ? [1, 2, 4, 8] : [1, 2, 4],
                firstFrameWidths: [32, 64, 128, 192], firstFrameBlocks: 1, firstFrameChannels: 16)
        }
    }

    /// Motion first where the options have a radius of motion, else one U-Net for all channels.
    public static func model(
        _ options: Options, textEntries: Int, precision: Precision, device: Device, seed: UInt64
    ) throws(PFrameError) -> any VideoModel<EDVDM> {
        guard options.motionRadius != nil else {
            return try VideoDiffusion(
                options, textEntries: textEntries, precision: precision, device: device, seed: seed)
        }
        return try MotionFirst(
            options, textEntries: textEntries, precision: precision, device: device, seed: seed)
    }

    /// The share of motion, and the remaining share of the latents.
    public static func channelWeights(_ options: Options) -> [Double]? {
        guard let share = options.motionShare else { return nil }
        let (channels, motion) = (Double(options.channels), Double(motion))
        return (0..<options.channels).map { channel in
            (channel < Self.motion ? share / motion : (1 - share) / (channels - motion)) * channels
        }
    }

    /// Standardises by the statistics of the data set, and adopts the autoencoder that made its latents.
    public static func codec(
        _ options: Options, _ files: DiffusionFiles, _ setup: TrainingSetup
    ) throws(PFrameError) -> PreparedCodec {
        // A resumed run has its autoencoder already.
        let own = setup.folder.appending(autoencoderFolder)
        let hasOwn = files.autoencoder == nil && setup.goesOn && RunFolder.hasCheckpoint(own)
        let adopted = hasOwn ? nil : try autoencoder(of: setup.description, or: files.autoencoder)
        let statistics = try setup.usingStorage { () throws(PFrameError) in
            if let run = try setup.inherited() { return try ClipStatistics(of: run, options) }
            return try ClipStatistics(
                of: setup.source, bucket: setup.options.bucket, options, radius: setup.description.radius)
        }
        let decoder = try setup.usingStorage { () throws(PFrameError) in
            try ResidualVAE.coder(run: adopted ?? own, precision: setup.precision, device: setup.device)
        }
        let recorded = try JSONValue(encoding: statistics)
        return PreparedCodec(
            codec: try MotionLatentCodec(options, setup.device, statistics: statistics, decoder: decoder),
            recorded: ["statistics": recorded],
            fill: { run throws(PFrameError) in
                if let adopted { try ResidualVAE.copy(adopted, to: run.path.appending(autoencoderFolder)) }
            })
    }

    /// Standardises by the statistics of the run.
    public static func codec(
        of run: RunFolder, _ options: Options, precision: Precision, device: Device
    ) throws(PFrameError) -> any ClipCodec {
        let statistics = try ClipStatistics(of: run, options)
        let folder = run.path.appending(autoencoderFolder)
        guard fileSize(folder.appending(RunConfiguration.fileName)) != nil else {
            throw PFrameError(
                .missing, path: folder,
                "the vae that turns latents into video is missing: copy the run of `pframe train vae` there")
        }
        let decoder = try ResidualVAE.coder(run: folder, precision: precision, device: device)
        return try MotionLatentCodec(options, device, statistics: statistics, decoder: decoder)
    }

    /// The autoencoder that makes video of the latents.
    public static func check(_ run: RunFolder) throws(PFrameError) {
        let folder = run.path.appending(autoencoderFolder)
        do throws(PFrameError) { try ResidualVAE.checkAdopted(folder) } catch {
            throw PFrameError(
                error.code, path: error.path, "\(error.message). Copy the run of `pframe train vae` to \(folder)")
        }
    }

    /// The run of the autoencoder that made the latents of a data set.
    private static func autoencoder(
        of set: DatasetDescription, or given: FilePath?
    ) throws(PFrameError) -> FilePath {
        if let given { return given }
        guard let path = set.options["derived"]?["vae"]?.string else {
            throw PFrameError(.missing, "the data set holds no latents: make them with `pframe encode`")
        }
        guard fileSize(FilePath(path).appending(RunConfiguration.fileName)) != nil else {
            throw PFrameError(
                .missing, path: FilePath(path),
                "the vae that made the latents is missing: name the folder where it is now")
        }
        return FilePath(path)
    }

    /// The options of all video diffusion models, and those of motion and latents.
    public struct Arguments: ModelArguments, Sendable {
        @OptionGroup var diffusion: DiffusionArguments<EDVDM>

        @Option(help: "tokens (motion first, then residuals; default of compact) or joint (together; paper).")
        var motion: MotionStage?

        @Option(help: "Motion's share of the loss with --motion joint; default: 0.5 for compact, else equal channels.")
        var motionShare: Double?

        @Option(
            name: .customLong("vae"), help: "Run of the vae that made the latents; default: as the data set says.",
            completion: .directory)
        var autoencoder: PathArgument?

        /// For the argument parser.
        public init() {}

        /// Refuses values that no model can have.
        public mutating func validate() throws {
            if let motionShare, !(motionShare > 0 && motionShare < 1) {
                throw ValidationError("--motion-share takes a number between 0 and 1, not \(motionShare)")
            }
        }

        /// As of all video diffusion models; motion as tokens has no share of the loss, and its residuals predict no ε.
        public func validateNew() throws {
            try diffusion.validateNew()
            let isCompact = diffusion.preset ?? .compact == .compact
            guard motion ?? (isCompact ? .tokens : .joint) == .tokens else { return }
            if motionShare != nil { throw ValidationError("--motion-share is for --motion joint") }
            if diffusion.target == .noise {
                throw ValidationError("--target eps is for --motion joint: motion first takes v or x0")
            }
        }

        /// The preset with the given options in place of its own.
        public func options(size: Size?, frames: Int?) throws(PFrameError) -> DiffusionOptions<EDVDM> {
            var options = try diffusion.options(size: size, frames: frames)
            switch motion {
            case .tokens: options.motionRadius = options.motionRadius ?? 15
            case .joint: options.motionRadius = nil
            case nil: break
            }
            if options.motionRadius != nil {
                options.motionShare = nil
                // The mean of residuals is x₀ of noise alone, of which ε says nothing.
                if options.target == .noise { options.target = .velocity }
            }
            if let motionShare { options.motionShare = motionShare }
            return options
        }

        /// The files of CLIP, and the run of the autoencoder.
        public func files(_ path: (PathArgument) -> FilePath) -> DiffusionFiles {
            var files = diffusion.files(path)
            files.autoencoder = autoencoder.map(path)
            return files
        }

        /// All of them.
        public func fixed(of run: DiffusionOptions<EDVDM>) -> [FixedOption] {
            diffusion.fixed(of: run) + [
                FixedOption("--motion", motion?.rawValue, run.motionRadius == nil ? "joint" : "tokens"),
                FixedOption("--motion-share", motionShare, number: run.motionShare),
            ]
        }
    }
}

/// How ED-VDM draws motion.
public enum MotionStage: String, Sendable, CaseIterable, ExpressibleByArgument {
    /// First, as tokens of masked diffusion; latents follow.
    case tokens
    /// Together with the latents, in Gaussian noise.
    case joint
}
