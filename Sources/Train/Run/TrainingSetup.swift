public import Codec
import Dataset
public import Shards
public import Storage
public import SystemPackage

/// Begins a run of training, or resumes one: the work to do once between the options and ``TrainingLoop``.
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
    /// The run of the same family whose moving average a new run starts with; nil for fresh weights. The new run also
    /// takes words, labels and statistics of that run, because the weights depend on them.
    public var origin: RunFolder?

    /// The data set.
    public let source: ShardSource
    /// The folder of the run.
    public let folder: FilePath
    /// Whether the folder holds a run that is resumed.
    public let goesOn: Bool
    private let communicator: Communicator?
    private let facts: DatasetFacts

    /// Looks at the data set.
    ///
    /// - Parameters:
    ///   - folder: of the run.
    ///   - bucket: the one bucket to train on, as `options.bucket` names it; nil for all clips.
    ///   - communicator: the ranks that train together; the first makes the folder.
    ///   - source: the data set to read.
    /// - Throws: `PFrameError` if the set cannot be read.
    public init(
        _ source: ShardSource, run folder: FilePath, bucket: Bucket? = nil, communicator: Communicator? = nil
    ) throws(PFrameError) {
        (self.source, self.folder, self.communicator) = (source, folder, communicator)
        goesOn = RunFolder.hasCheckpoint(folder)
        facts = try communicator.usingStorage { () throws(PFrameError) in try DatasetFacts(source, bucket: bucket) }
    }

    /// Records of the data set.
    public var samples: Int { facts.samples }
    /// The size of its frames; nil for a set that does not say it.
    public var size: Size? { facts.size }
    /// Frames of its clips; nil for a set that does not say it.
    public var frames: Int? { facts.frames }
    /// What `dataset.json` says, of one bucket's shards where one was named.
    public var description: DatasetDescription { facts.description }
    /// Whether this process is alone or the first of its ranks: the one that speaks and writes.
    public var isFirst: Bool { (communicator?.rank ?? 0) == 0 }

    /// Runs what reads or writes files for long, while the other ranks know that this one waits for its disk.
    public func usingStorage<Result>(
        _ body: () throws(PFrameError) -> Result
    ) throws(PFrameError) -> Result { try communicator.usingStorage(body) }

    /// The run that words, labels and statistics are taken from in place of the data set: the origin of a new run, or
    /// the run itself if it is resumed and has an origin.
    public func inherited() throws(PFrameError) -> RunFolder? {
        guard goesOn else { return origin }
        let run = try RunFolder(folder)
        return run.configuration["from"] == nil ? nil : run
    }

    /// What reads captions by the words or the labels of the data set, or of the run that this one begins from.
    ///
    /// - Returns: nil for a model without text.
    /// - Throws: `PFrameError` if the set has none of them.
    public func captions(_ kind: TextKind) throws(PFrameError) -> CaptionReader? {
        guard kind != .clip else {
            throw PFrameError(.usage, "CLIP reads captions by its own files: give it as CaptionReader")
        }
        guard kind != .none else { return nil }
        if let run = try inherited() {
            if !goesOn, let other = run.configuration["options"]?["text"]?.string, other != kind.rawValue {
                throw PFrameError(
                    .conflict, path: run.path,
                    "was trained with the text \(other), not \(kind.rawValue): take the text \(other)")
            }
            return try run.captions(kind)
        }
        return try usingStorage { () throws(PFrameError) in try CaptionReader(kind, rows: facts.rows(source)) }
    }

    /// A run of a family: a new run or a resumed run.
    ///
    /// - Parameters:
    ///   - files: the files that the command line names beside the options.
    ///   - family: the family of the run.
    ///   - shape: the dimensions.
    /// - Throws: `PFrameError` if the folder holds another run, or the set not what the model is of.
    public func begin<Family: ModelFamily>(
        _ family: Family.Type, _ shape: Family.Options, _ files: Family.Arguments.Files
    ) throws(PFrameError) -> (task: any TrainingTask, run: RunFolder) {
        try options.validate()
        precondition(options.bucket == facts.bucket, "the bucket that the set was looked at for")
        let shape = goesOn ? shape : try shape.taking(description)
        try shape.validate()
        if let origin { _ = try family.options(of: origin) }
        let plan = try family.plan(shape, precision: precision)
        let prepared = try family.prepare(shape, files, self)
        var members = try configuration(family.name, shape, plan)
        members.merge(prepared.recorded) { $1 }
        if goesOn {
            members["from"] = try RunFolder(folder).configuration["from"]
        } else {
            members["from"] = try takeWeights(prepared.task.store)
        }
        // The folder comes last: what fails before leaves none.
        let run = try makeRun(members, family.files, filling: prepared.fill)
        return (prepared.task, run)
    }

    /// Begins with the weights of another run.
    ///
    /// - Returns: what `config.json` says of it.
    private func takeWeights(_ store: ParameterStore) throws(PFrameError) -> JSONValue? {
        guard let origin else { return nil }
        return try usingStorage { () throws(PFrameError) in
            let checkpoint = try Checkpoint(run: origin.path, model: origin.model)
            try checkpoint.restoreAverage(store, of: "the new run")
            return .object([
                "run": .text(RunFolder.identity(of: .folder(origin.path))), "step": .integer(checkpoint.step),
                "digest": .text(try checkpoint.digest()),
            ])
        }
    }

    /// The first rank makes the folder and fills it, the others find it.
    private func makeRun(
        _ members: [String: JSONValue], _ files: [String], filling fill: (RunFolder) throws(PFrameError) -> Void
    ) throws(PFrameError) -> RunFolder {
        guard isFirst else {
            try communicator?.barrier()
            return try RunFolder(folder)
        }
        let run = try usingStorage { () throws(PFrameError) in
            let run = try RunFolder(making: folder, .object(members))
            do throws(PFrameError) { try fill(run) } catch {
                run.removeIfUntrained(files)
                throw error
            }
            return run
        }
        try communicator?.barrier()
        return run
    }

    private func configuration(
        _ model: String, _ shape: some ModelOptions, _ plan: ModelPlan
    ) throws(PFrameError) -> [String: JSONValue] {
        var options = try JSONValue(encoding: shape).members ?? [:]
        let preset = options["preset"]
        options["kind"] = .text(model)
        var members: [String: JSONValue] = [
            "tool": .text(tool), "model": .text(model), "dataset": .text(RunFolder.identity(of: source)),
            "steps": .integer(self.options.steps), "parameters": .integer(plan.parameters),
            "gflop_per_clip": .number(plan.trainingGFLOP), "options": .object(options),
            "training": self.options.json, "precision": .text(precision.rawValue),
        ]
        members["preset"] = preset
        return members
    }
}

@available(*, unavailable)
extension TrainingSetup: Sendable {}

extension RunFolder {
    /// What reads its captions.
    ///
    /// - Returns: nil for a model without text.
    /// - Throws: `PFrameError` if the run does not say it, or says it of another kind of text.
    public func captions(_ kind: TextKind) throws(PFrameError) -> CaptionReader? {
        guard kind != .none else { return nil }
        let config = path.appending(RunConfiguration.fileName)
        guard let words = configuration["captions"] else {
            throw PFrameError(
                .damaged, path: config, "has no vocabulary (\"captions\"): it is damaged; take a copy of the run")
        }
        return try CaptionReader(kind, words, path: config)
    }
}

/// What `dataset.json` and a first sample say about a data set, or about one bucket of it.
struct DatasetFacts {
    let samples: Int
    let description: DatasetDescription
    /// The bucket that all else is of.
    let bucket: Bucket?
    private let first: ShardRow?

    init(_ source: ShardSource, bucket: Bucket? = nil) throws(PFrameError) {
        let (set, batch) = try Loader.glance(source, bucket: bucket)
        (description, first, self.bucket) = (set, batch?.rows.first, bucket)
        samples = description.samples
    }

    /// The bucket with the most pixels: memory that suffices for its clips suffices for all.
    private var largest: Bucket? {
        description.buckets.max {
            ($0.width * $0.height, $0.width, $0.frames) < ($1.width * $1.height, $1.width, $1.frames)
        }
    }

    /// The size of a frame; of several buckets the largest.
    var size: Size? {
        if let largest { return Size(width: largest.width, height: largest.height) }
        guard let width = first?.columns.metadata["width"]?.int, let height = first?.columns.metadata["height"]?.int
        else { return nil }
        return Size(width: width, height: height)
    }

    /// Frames of a clip.
    var frames: Int? { largest?.frames ?? first?.columns.metadata["frames"]?.int }

    /// All rows: of a folder its row files, of other sources what the loader gives.
    func rows(_ source: ShardSource) throws(PFrameError) -> [ShardRow] {
        if case .folder(let path) = source {
            var rows: [ShardRow] = []
            for shard in description.shards { rows += try DatasetFolder(path).rows(shard) }
            return rows
        }
        var options = LoaderOptions()
        (options.shuffle, options.bucket) = (false, bucket)
        let loader = try Loader(source, options: options)
        var rows: [ShardRow] = []
        while let batch = try loader.next() { rows += batch.rows }
        return rows
    }
}
