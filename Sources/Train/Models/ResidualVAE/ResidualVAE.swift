import ArgumentParser
public import Codec
import Dataset
public import Storage
public import SystemPackage

/// The residual autoencoder: residuals to latents and back.
public enum ResidualVAE: ModelFamily {
    /// The shape of the autoencoder.
    public typealias Options = AutoencoderOptions

    /// The name on the command line.
    public static let name = "vae"
    /// What it is.
    public static let abstract = "Residual autoencoder, for data sets with --represent motion-residual."
    /// As help shows them.
    public static let examples = ["clips --output vae --steps 2000"]
    /// What it reads of a record.
    public static let members = ["residual.npy"]
    /// The principal components with which a run began.
    public static let files = [PrincipalComponents.fileName]

    /// A new run begins with the principal components of the set's residuals.
    public static func prepare(
        _ options: Options, _ files: NoFiles, _ setup: TrainingSetup
    ) throws(PFrameError) -> PreparedModel {
        let model = try ResidualAutoencoder(
            options, precision: setup.precision, device: setup.device, seed: setup.options.seed)
        let task = ResidualTask(model)
        var components: PrincipalComponents?
        if let origin = setup.origin, !setup.goesOn {
            components = try PrincipalComponents(run: origin.path)
        } else if !setup.goesOn {
            if setup.isFirst { setup.note("finding the principal components of the residuals") }
            components = try setup.usingStorage { () throws(PFrameError) in
                try task.begin(with: setup.source, setup.options.bucket)
            }
        }
        return PreparedModel(task) { run throws(PFrameError) in
            // What `pframe evaluate --reconstruction` compares the autoencoder with.
            try components?.write(run: run.path)
        }
    }

    /// A clip is the residuals that training takes of one.
    public static func plan(_ options: Options, precision: Precision) throws(PFrameError) -> ModelPlan {
        let model = try ResidualAutoencoder(options, precision: precision, device: .meta)
        let shape = [options.residualsPerClip, options.height, options.width, 3]
        let residual = try Tensor.zeros(shape, device: .meta)
        return try ModelPlan(model.store) { () throws(PFrameError) in
            _ = try model.decode(model.encode(residual).mean)
        }
    }

    /// Those of the autoencoder.
    public static func parameters(of run: RunFolder) throws(PFrameError) -> ParameterStore {
        try ResidualAutoencoder(options(of: run), device: .meta).store
    }

    /// The principal components, where the run has them.
    public static func check(_ run: RunFolder) throws(PFrameError) { _ = try PrincipalComponents(run: run.path) }

    /// What another run holds of a run that it adopted.
    static let adopted = [RunConfiguration.fileName, Checkpoint.fileName, PrincipalComponents.fileName]

    /// Copies a run, of its checkpoint the moving average alone, into a folder of another run.
    static func copy(_ source: FilePath, to folder: FilePath) throws(PFrameError) {
        let from = try RunFolder(source)
        try createFolder(folder)
        try Checkpoint(run: source, model: name).writeAverage(to: folder)
        if let components = try PrincipalComponents(run: source) { try components.write(run: folder) }
        try replaceFile(
            folder.appending(RunConfiguration.fileName), with: from.configuration.json(lines: 2) + "\n")
    }

    /// Looks whether a copy is whole.
    ///
    /// - Throws: `PFrameError` naming what is missing or damaged.
    static func checkAdopted(_ folder: FilePath) throws(PFrameError) {
        let run = try RunFolder(folder)
        try Checkpoint(run: folder, model: name).verify(parameters(of: run), parts: ["average"])
    }

    /// Preset and size.
    public struct Arguments: ModelArguments, Sendable {
        @Option(help: "compact (minutes on two cores; default), paper, or paper-64.")
        var preset: Preset?

        @Option(help: "Size of a frame in pixels, N or WxH; default: the data set's (for --plan the preset's).")
        var size: SizeArgument?

        /// For the argument parser.
        public init() {}

        /// The preset with the given options in place of its own.
        public func options(size: Size?, frames: Int?) throws(PFrameError) -> AutoencoderOptions {
            let size = self.size?.size ?? size
            return try AutoencoderOptions(preset: preset ?? .compact, height: size?.height, width: size?.width)
        }

        /// None.
        public func files(_ path: (PathArgument) -> FilePath) -> NoFiles { NoFiles() }

        /// All of them.
        public func fixed(of run: AutoencoderOptions) -> [FixedOption] {
            [
                FixedOption("--preset", preset?.rawValue, run.preset.rawValue),
                FixedOption("--size", size?.size, Size(width: run.width, height: run.height)),
            ]
        }
    }
}

/// The shape of a residual autoencoder.
public struct AutoencoderOptions: ModelOptions {
    /// The size that it was derived from.
    public var preset: Preset
    /// Pixels of a frame.
    public var height: Int
    /// Pixels of a frame.
    public var width: Int
    /// Pixels that the first convolution takes at once each way.
    public var patch: Int
    /// Channels of each level; each but the first halves height and width.
    public var widths: [Int]
    /// Residual blocks of a level.
    public var blocks: Int
    /// Channels of a latent.
    public var latentChannels = 16
    /// The weight of the Kullback-Leibler term.
    public var divergence = 1e-6
    /// Residuals taken of each clip, at random by their energy.
    public var residualsPerClip = 4

    /// A shape by preset: f16, as LDM's kl-f16 (Rombach et al. 2022) in `paper`.
    ///
    /// - Throws: `PFrameError` for sizes that it cannot have.
    public init(preset: Preset, height: Int? = nil, width: Int? = nil) throws(PFrameError) {
        self.preset = preset
        let edge = preset == .paper64 ? 64 : 128
        (self.height, self.width) = (height ?? edge, width ?? edge)
        switch preset {
        case .compact: (patch, widths, blocks) = (4, [64, 128, 192], 1)
        case .paper, .paper64: (patch, widths, blocks) = (1, [128, 128, 256, 256, 512], 2)
        }
        try validate()
    }

    /// Pixels per latent position in each direction.
    public var factor: Int { patch << (widths.count - 1) }

    /// Checks the options.
    ///
    /// - Throws: `PFrameError`.
    public func validate() throws(PFrameError) {
        guard patch > 0, !widths.isEmpty, widths.allSatisfy({ $0 > 0 && $0 % 8 == 0 }), blocks > 0, latentChannels > 0,
            residualsPerClip > 0
        else {
            throw PFrameError(
                .usage, "levels are multiples of 8 channels, counts 1 or more: the configuration is damaged")
        }
        guard factor == 16 else { throw PFrameError(.usage, "an autoencoder shrinks 16 times, not \(factor)") }
        guard height % 16 == 0, width % 16 == 0, height > 0, width > 0 else {
            throw PFrameError(.usage, "frames are multiples of 16 pixels, not \(width)x\(height)")
        }
    }
}
