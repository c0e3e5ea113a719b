import ArgumentParser
public import Codec
import Dataset
import Shards
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
    public static let members = ["first.npy", "mv.npy", "residual.npy"]
    /// The principal components with which a run began.
    public static let files = [PrincipalComponents.fileName]

    /// A new run begins with the principal components of the set's residuals.
    public static func prepare(
        _ options: Options, _ files: NoFiles, _ setup: TrainingSetup
    ) throws(PFrameError) -> PreparedModel {
        if options.coding == .conditional, setup.precision != .float32 {
            throw PFrameError(.usage, "conditional coding computes in float32")
        }
        if let origin = setup.origin, !setup.goesOn {
            let coding = try self.options(of: origin).coding
            guard coding == options.coding else {
                throw PFrameError(
                    .conflict, path: origin.path,
                    "the run codes residuals as \"\(coding.rawValue)\", and the new run as \"\(options.coding.rawValue)\""
                )
            }
        }
        let model = try coder(options, precision: setup.precision, device: setup.device, seed: setup.options.seed)
        var components: PrincipalComponents?
        if let origin = setup.origin, !setup.goesOn {
            components = try PrincipalComponents(run: origin.path)
        } else if !setup.goesOn {
            if setup.isFirst { setup.note("finding the principal components of the residuals") }
            let found = try setup.usingStorage { () throws(PFrameError) in
                try PrincipalComponents(of: setup.source, setup.options.bucket, options)
            }
            try model.begin(with: found)
            components = found
        }
        return PreparedModel(model.task(radius: setup.description.radius)) { run throws(PFrameError) in
            // What `pframe evaluate --reconstruction` compares the autoencoder with.
            try components?.write(run: run.path)
        }
    }

    /// An autoencoder with fresh parameters.
    static func coder(
        _ options: AutoencoderOptions, precision: Precision = .float32, device: Device = .cpu, seed: UInt64 = 0
    ) throws(PFrameError) -> any TrainedResidualCoder {
        switch options.coding {
        case .residual: try ResidualAutoencoder(options, precision: precision, device: device, seed: seed)
        case .conditional: try ConditionalAutoencoder(options, precision: precision, device: device, seed: seed)
        }
    }

    /// The autoencoder of a run, with the moving average of its weights.
    ///
    /// - Throws: `PFrameError` if the folder holds no run of an autoencoder, or its checkpoint is damaged.
    static func coder(
        run path: FilePath, precision: Precision = .float32, device: Device = .cpu
    ) throws(PFrameError) -> any TrainedResidualCoder {
        let model = try coder(options(of: RunFolder(path)), precision: precision, device: device)
        try Checkpoint(run: path, model: name).restoreAverage(model.store)
        return model
    }

    /// A clip is the residuals or frames that training takes of one.
    public static func plan(_ options: Options, precision: Precision) throws(PFrameError) -> ModelPlan {
        let model = try coder(options, precision: precision, device: .meta)
        let shape = [options.residualsPerClip, options.height, options.width, 3]
        let pixels = try Tensor.zeros(shape, device: .meta)
        return try ModelPlan(model.store) { () throws(PFrameError) in try model.evaluate(pixels) }
    }

    /// Those of the autoencoder.
    public static func parameters(of run: RunFolder) throws(PFrameError) -> ParameterStore {
        try coder(options(of: run), device: .meta).store
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

    /// Preset, size and coding.
    public struct Arguments: ModelArguments, Sendable {
        @Option(help: "compact (minutes on two cores; default), paper, or paper-64.")
        var preset: Preset?

        @Option(help: "Size of a frame in pixels, N or WxH; default: the data set's (for --plan the preset's).")
        var size: SizeArgument?

        @Option(help: "residual (default), as the paper, or conditional: beside the prediction.")
        var coding: ResidualCoding?

        /// For the argument parser.
        public init() {}

        /// Refuses a preset of conditional coding, which has one shape.
        public func validateNew() throws {
            if coding == .conditional, preset != nil {
                throw ValidationError("--preset is for --coding residual: conditional coding has one shape")
            }
        }

        /// The preset with the given options in place of its own.
        public func options(size: Size?, frames: Int?) throws(PFrameError) -> AutoencoderOptions {
            let size = self.size?.size ?? size
            return try AutoencoderOptions(
                preset: preset ?? .compact, coding: coding ?? .residual, height: size?.height, width: size?.width)
        }

        /// None.
        public func files(_ path: (PathArgument) -> FilePath) -> NoFiles { NoFiles() }

        /// All of them.
        public func fixed(of run: AutoencoderOptions) -> [FixedOption] {
            [
                FixedOption("--preset", preset?.rawValue, run.preset.rawValue),
                FixedOption("--coding", coding?.rawValue, run.coding.rawValue),
                FixedOption("--size", size?.size, Size(width: run.width, height: run.height)),
            ]
        }
    }
}

/// An autoencoder of the family, whatever its coding.
protocol TrainedResidualCoder: ResidualCoder {
    /// The shape.
    var options: AutoencoderOptions { get }
    /// Its parameters.
    var store: ParameterStore { get }

    /// Fits what does not learn to the components and the deviation of a data set's residuals.
    func begin(with basis: PrincipalComponents) throws(PFrameError)

    /// How it trains, on a data set whose motion stays within ±`radius` pixels.
    func task(radius: Int) -> any TrainingTask

    /// Evaluates the networks for pixels `(N, H, W, 3)`, which may have no memory.
    func evaluate(_ pixels: Tensor) throws(PFrameError)
}

extension TrainedResidualCoder {
    /// The size of its frames.
    var size: Size { Size(width: options.width, height: options.height) }
}
