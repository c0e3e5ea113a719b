import Dataset
import SystemPackage

/// What a run was begun with, as its `config.json` records it.
///
/// All of it throws `TrainError` where the configuration is damaged.
extension RunFolder {
    /// How it is trained.
    ///
    /// - Throws: `TrainError` where the configuration is damaged, as do those below.
    public func training() throws(TrainError) -> TrainingOptions {
        let steps = try parsed("steps") { json throws(TrainError) in
            guard let steps = json.int, steps > 0 else { throw TrainError("has no valid \"steps\": it is damaged") }
            return steps
        }
        return try parsed("training") { json throws(TrainError) in try TrainingOptions(json, steps: steps) }
    }

    /// The type that the model computes in.
    public func precision() throws(TrainError) -> Precision {
        try parsed("precision") { json throws(TrainError) in
            guard let precision = json.string.flatMap({ Precision(rawValue: $0) }) else {
                throw TrainError("has no valid \"precision\": it is damaged")
            }
            return precision
        }
    }

    /// The data set, as ``ShardSource`` reads it.
    public func dataset() throws(TrainError) -> String {
        try parsed("dataset") { json throws(TrainError) in
            guard let name = json.string else { throw TrainError("has no valid \"dataset\": it is damaged") }
            return name
        }
    }

    /// The shape of a residual autoencoder.
    public func autoencoderOptions() throws(TrainError) -> AutoencoderOptions {
        try parsed("options") { json throws(TrainError) in try AutoencoderOptions(json) }
    }

    /// The shape of a diffusion model.
    public func diffusionOptions() throws(TrainError) -> DiffusionOptions {
        try parsed("options") { json throws(TrainError) in try DiffusionOptions(json) }
    }

    /// What reads its captions; nil for a model without text.
    public func captions() throws(TrainError) -> CaptionReader? {
        let kind = try diffusionOptions().text
        guard kind != .none else { return nil }
        let config = path.appending(RunConfiguration.fileName)
        guard let words = configuration["captions"] else {
            throw TrainError(path: config, "has no vocabulary (\"captions\"): it is damaged; take a copy of the run")
        }
        return try CaptionReader(kind, words, path: config)
    }

    /// Reads a member of the configuration; errors have its path.
    ///
    /// - Throws: `TrainError` where it is missing, and what `body` throws.
    func parsed<Result>(
        _ member: String, _ body: (JSONValue) throws(TrainError) -> Result
    ) throws(TrainError) -> Result {
        do throws(TrainError) { return try body(try ConfigurationReader(configuration).member(member)) } catch {
            throw TrainError(path: error.path ?? path.appending(RunConfiguration.fileName), error.message)
        }
    }
}
