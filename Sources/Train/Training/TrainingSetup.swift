public import Codec
public import Dataset
public import SystemPackage

/// Begins a run of training, or goes on with one: what is to be done once between the options and ``TrainingLoop``.
public struct TrainingSetup {
    /// How it is trained.
    public var options = TrainingOptions()
    /// The type that the model computes in.
    public var precision = Precision.float32
    /// Where it computes.
    public var device = Device.cpu
    /// What `config.json` calls the program.
    public var tool = ""
    /// Told what takes a while before the first step.
    public var note: (String) -> Void = { _ in }

    private let source: ShardSource
    private let folder: FilePath
    private let communicator: Communicator?
    private let facts: DatasetFacts

    /// Looks at the data set.
    ///
    /// - Parameters:
    ///   - folder: of the run.
    ///   - communicator: the ranks that train together; the first makes the folder.
    /// - Throws: `TrainError` where the set cannot be read.
    public init(
        _ source: ShardSource, run folder: FilePath, communicator: Communicator? = nil
    ) throws(TrainError) {
        (self.source, self.folder, self.communicator) = (source, folder, communicator)
        facts = try communicator.usingStorage { () throws(TrainError) in try DatasetFacts(source) }
    }

    /// Samples of the data set.
    public var samples: Int { facts.samples }
    /// The size of its frames; nil for a set that does not say it.
    public var size: Size? { facts.size }
    /// Frames of its clips; nil for a set that does not say it.
    public var frames: Int? { facts.frames }

    /// What reads captions by the words or the labels of the data set.
    ///
    /// - Returns: nil for a model without text.
    /// - Throws: `TrainError` where the set has none of them.
    public func captions(_ kind: TextKind) throws(TrainError) -> CaptionReader? {
        guard kind != .clip else { throw TrainError("CLIP reads captions by its own files: give it as CaptionReader") }
        guard kind != .none else { return nil }
        return try communicator.usingStorage { () throws(TrainError) in
            try CaptionReader(kind, rows: facts.rows(source))
        }
    }

    /// A run of the residual autoencoder; a new one begins with the principal components of the set's residuals.
    ///
    /// - Throws: `TrainError` where the folder holds another run, or the set no residuals.
    public func begin(_ shape: AutoencoderOptions) throws(TrainError) -> (any Trainee, RunFolder) {
        try options.validate()
        let plan = try ModelPlan(shape, precision: precision)
        let model = try ResidualAutoencoder(shape, precision: precision, device: device, seed: options.seed)
        let trainee = AutoencoderTrainee(model)
        var components: PrincipalComponents?
        if !RunFolder.hasCheckpoint(folder) {
            if isFirst { note("finding the principal components of the residuals") }
            components = try communicator.usingStorage { () throws(TrainError) in try trainee.begin(with: source) }
        }
        // The folder comes last: what fails before leaves none.
        let run = try makeRun(configuration(.autoencoder, shape.preset, shape.json, plan)) { run throws(TrainError) in
            // What `pframe evaluate --reconstruction` compares the autoencoder with.
            try components?.write(run: run.path)
        }
        return (trainee, run)
    }

    /// A run of a diffusion model.
    ///
    /// - Parameters:
    ///   - captions: reads them; nil for a model without text.
    ///   - autoencoder: of ED-VDM, the run that made the latents; nil for the one that the data set names.
    /// - Throws: `TrainError` where the folder holds another run, or the set not what the model is of.
    public func begin(
        _ shape: DiffusionOptions, captions: CaptionReader?, autoencoder: FilePath? = nil
    ) throws(TrainError) -> (any Trainee, RunFolder) {
        try options.validate()
        try shape.validate()
        guard (captions?.kind ?? TextKind.none) == shape.text else {
            throw TrainError(
                "the model reads captions by \(shape.text.rawValue), which is not what was given to read them")
        }
        let plan = try ModelPlan(shape, precision: precision)
        var members = configuration(shape.kind, shape.preset, shape.json, plan)
        members["captions"] = captions?.json
        var (statistics, adopted, decoder): (ClipStatistics?, FilePath?, ResidualAutoencoder?) = (nil, nil, nil)
        if shape.kind == .edVDM {
            // A run that goes on has its autoencoder already.
            let own = folder.appending(TrainedDiffusion.autoencoderFolder)
            let hasOwn = autoencoder == nil && [folder, own].allSatisfy(RunFolder.hasCheckpoint)
            if !hasOwn { adopted = try facts.autoencoder(or: autoencoder) }
            let found = try communicator.usingStorage { () throws(TrainError) in
                try ClipStatistics(of: source, options: shape, radius: facts.radius)
            }
            members["statistics"] = found.json
            statistics = found
            decoder = try communicator.usingStorage { () throws(TrainError) in
                try ResidualAutoencoder(run: adopted ?? own, precision: precision, device: device)
            }
        }
        let model = try VideoDiffusion(
            shape, textEntries: captions?.entries ?? 0, precision: precision, device: device, seed: options.seed)
        let coder = ClipCoder(shape, statistics: statistics, autoencoder: decoder)
        let run = try makeRun(members) { run throws(TrainError) in
            if let adopted { try run.adopt(autoencoder: adopted) }
        }
        return (DiffusionTrainee(model, coder: coder, captions: captions), run)
    }

    private var isFirst: Bool { (communicator?.rank ?? 0) == 0 }

    /// The first rank makes the folder and fills it, the others find it.
    private func makeRun(
        _ members: [String: JSONValue], filling fill: (RunFolder) throws(TrainError) -> Void
    ) throws(TrainError) -> RunFolder {
        guard isFirst else {
            try communicator?.barrier()
            return try RunFolder(folder)
        }
        let run = try communicator.usingStorage { () throws(TrainError) in
            let run = try RunFolder(making: folder, .object(members))
            do throws(TrainError) { try fill(run) } catch {
                run.removeIfUntrained()
                throw error
            }
            return run
        }
        try communicator?.barrier()
        return run
    }

    private func configuration(
        _ kind: ModelKind, _ preset: Preset, _ shape: JSONValue, _ plan: ModelPlan
    ) -> [String: JSONValue] {
        [
            "tool": .text(tool), "model": .text(kind.rawValue), "preset": .text(preset.rawValue),
            "dataset": .text(RunFolder.identity(of: source)), "steps": .integer(options.steps),
            "parameters": .integer(plan.parameters), "gflop_per_clip": .number(plan.trainingGFLOP), "options": shape,
            "training": options.json, "precision": .text(precision.rawValue),
        ]
    }
}

@available(*, unavailable)
extension TrainingSetup: Sendable {}
