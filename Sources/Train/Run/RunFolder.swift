import Codec
import Dataset
import Glibc
package import Shards
public import Storage
public import SystemPackage

/// The folder of a training run: `config.json`, `checkpoint.safetensors`, `metrics.jsonl`, TensorBoard events,
/// `samples/` and `report.html`.
public struct RunFolder: Sendable {
    /// The folder.
    public let path: FilePath
    /// What `config.json` says.
    public let configuration: JSONValue
    /// The name of its model's family.
    public let model: String
    /// Keeps other processes from training into it, where this one made it or resumes it.
    private(set) var lock: KernelLock?
    /// Whether it had no checkpoint, and whether there was not even a folder, when this process began it.
    private var (isNew, madeFolder) = (false, false)

    /// Opens a run.
    ///
    /// - Throws: `PFrameError` if the folder holds none.
    public init(_ path: FilePath) throws(PFrameError) {
        let file = path.appending(RunConfiguration.fileName)
        guard fileSize(file) != nil else {
            throw PFrameError(
                .missing, path: path, "is not a run: no config.json (`pframe train` makes one)")
        }
        let configuration = try JSONValue(try readFile(file), path: file)
        guard let model = configuration["model"]?.string else {
            throw PFrameError(.damaged, path: file, "names no model: it is damaged")
        }
        (self.path, self.configuration, self.model) = (path, configuration, model)
    }

    /// Whether a folder holds a run that can resume: a run with a checkpoint. Any other run starts over.
    public static func hasCheckpoint(_ path: FilePath) -> Bool {
        [RunConfiguration.fileName, Checkpoint.fileName].allSatisfy { fileSize(path.appending($0)) != nil }
    }

    /// Begins a run, or resumes one of the same configuration.
    ///
    /// - Parameters:
    ///   - configuration: must have `model`; of a resumed run, only `steps`, `tool` and how often it keeps
    ///     checkpoints and pictures may differ.
    ///   - path: the folder.
    /// - Throws: `PFrameError` naming what differs, or if another process trains into the folder.
    public init(making path: FilePath, _ configuration: JSONValue) throws(PFrameError) {
        let file = path.appending(RunConfiguration.fileName)
        let isThere = isFolder(path)
        try createFolder(path)
        let lock = try Self.lock(path)
        let goesOn = Self.hasCheckpoint(path)
        if goesOn { try Self.refuseDifferences(try RunFolder(path), configuration) }
        try createFolder(path.appending(SampleStrips.folderName))
        try replaceFile(file, with: configuration.json(lines: 2) + "\n")
        try self.init(path)
        (self.lock, isNew, madeFolder) = (lock, !goesOn, !isThere)
    }

    /// Keeps other processes from training into a folder.
    ///
    /// - Throws: `PFrameError` if another one does.
    static func lock(_ path: FilePath) throws(PFrameError) -> KernelLock {
        let lock = try KernelLock(path.appending(".lock"))
        guard let lock else { throw PFrameError(.busy, path: path, "another process trains into this folder") }
        return lock
    }

    private static func refuseDifferences(_ before: RunFolder, _ now: JSONValue) throws(PFrameError) {
        let found = differences(comparable(before.configuration), comparable(now), "")
        guard !found.isEmpty else { return }
        let list = found.prefix(4).map(\.text).joined(separator: ", ")
        // What was found in the data set, and not said by anybody.
        let said = ["dataset", "model", "options", "precision", "preset", "training", "parameters", "gflop_per_clip"]
        let isOfData = found.allSatisfy { difference in !said.contains { difference.name.hasPrefix($0) } }
        throw PFrameError(
            .conflict, path: before.path,
            isOfData
                ? "was begun with another content of the data set: \(list) are not the same. Restore the data set, or take "
                    + "another folder"
                : "holds a run with another \(list): choose another folder, or give the options of the run to resume it"
        )
    }

    /// A configuration without what may differ.
    private static func comparable(_ configuration: JSONValue) -> JSONValue {
        guard var members = configuration.members else { return configuration }
        (members["steps"], members["tool"]) = (nil, nil)
        if var training = members["training"]?.members {
            for name in TrainingOptions.changeable { training[name] = nil }
            members["training"] = .object(training)
        }
        // What names no source is compared as it stands.
        if let name = members["dataset"]?.string, let source = try? ShardSource(name) {
            members["dataset"] = .text(identity(of: source))
        }
        return .object(members)
    }

    /// What a data set is called, however it is named: a folder by its absolute path, links followed.
    package static func identity(of source: ShardSource) -> String {
        guard case .folder(let path) = source, let real = path.withPlatformString({ realpath($0, nil) }) else {
            return source.description
        }
        defer { free(real) }
        return String(cString: real)
    }

    /// Members in which two configurations differ, with their values where these are short.
    private static func differences(
        _ first: JSONValue, _ second: JSONValue, _ name: String
    ) -> [(name: String, text: String)] {
        guard let members = first.members, let others = second.members else {
            guard first != second else { return [] }
            let values = "\(first.string ?? first.json()), now \(second.string ?? second.json())"
            return [(name, values.utf8.count < 120 ? "\(name) (\(values))" : name)]
        }
        return Set(members.keys).union(others.keys).sorted().flatMap { key -> [(name: String, text: String)] in
            let full = name.isEmpty ? key : "\(name).\(key)"
            return differences(members[key] ?? .null, others[key] ?? .null, full)
        }
    }

    /// Removes what this process made of a run in which no step was taken: a failure leaves nothing behind.
    ///
    /// Files that are not of a run stay, and the folder with them.
    ///
    /// - Parameter files: what the model's family adds to a run.
    package func removeIfUntrained(_ files: [String]) {
        let metrics = path.appending(MetricsLog.fileName)
        guard isNew, !Self.hasCheckpoint(path), (fileSize(metrics) ?? 0) == 0 else { return }
        let own = [RunConfiguration.fileName, Checkpoint.fileName, MetricsLog.fileName, ".lock"]
        let events = (try? TensorBoardEvents.names(in: path)) ?? []
        let added = files.map { path.appending(FilePath($0).components) }
        // What cannot be removed stays: the error that led here is the one to tell of.
        for file in added + (own + events).map({ path.appending($0) }) {
            _ = file.withPlatformString { unlink($0) }
        }
        let inner = Set(added.map { $0.removingLastComponent() }).subtracting([path])
        for folder in inner + [path.appending(SampleStrips.folderName)] + (madeFolder ? [path] : []) {
            _ = folder.withPlatformString { rmdir($0) }
        }
    }
}

/// What a run was started with, as its `config.json` records it.
///
/// All of it throws `PFrameError` where the configuration is damaged.
extension RunFolder {
    /// How it is trained.
    ///
    /// - Throws: `PFrameError` if the configuration is damaged, as do those below.
    public func training() throws(PFrameError) -> TrainingOptions {
        let steps = try parsed("steps") { json throws(PFrameError) in
            guard let steps = json.int, steps > 0 else {
                throw PFrameError(.damaged, "has no valid \"steps\": it is damaged")
            }
            return steps
        }
        return try parsed("training") { json throws(PFrameError) in try TrainingOptions(json, steps: steps) }
    }

    /// The type that the model computes in.
    public func precision() throws(PFrameError) -> Precision {
        try parsed("precision") { json throws(PFrameError) in
            guard let precision = json.string.flatMap({ Precision(rawValue: $0) }) else {
                throw PFrameError(.damaged, "has no valid \"precision\": it is damaged")
            }
            return precision
        }
    }

    /// The data set, as `ShardSource` reads it.
    public func dataset() throws(PFrameError) -> String {
        try parsed("dataset") { json throws(PFrameError) in
            guard let name = json.string else { throw PFrameError(.damaged, "has no valid \"dataset\": it is damaged") }
            return name
        }
    }

    /// Reads a member of the configuration; errors have its path.
    ///
    /// - Throws: `PFrameError` if it is missing, and what `body` throws.
    public func parsed<Result>(
        _ member: String, _ body: (JSONValue) throws(PFrameError) -> Result
    ) throws(PFrameError) -> Result {
        do throws(PFrameError) { return try body(try ConfigurationReader(configuration).member(member)) } catch {
            throw PFrameError(
                error.code, path: error.path ?? path.appending(RunConfiguration.fileName), error.message)
        }
    }
}
