import Codec
public import Dataset
public import SystemPackage

/// The folder of a training run: `config.json`, `checkpoint.safetensors`, `metrics.jsonl`, TensorBoard events,
/// `samples/` and `report.html`.
public struct RunFolder: Sendable {
    /// The folder.
    public let path: FilePath
    /// What `config.json` says.
    public let configuration: JSONValue
    /// The model in it.
    public let kind: ModelKind

    /// Opens a run.
    ///
    /// - Throws: `TrainError` where the folder holds none.
    public init(_ path: FilePath) throws(TrainError) {
        let file = path.appending(RunConfiguration.fileName)
        guard fileSize(file) != nil else {
            throw TrainError(path: path, "is no run: it has no config.json (`pframe train … --output RUN` makes one)")
        }
        let configuration = try reading { () throws(DatasetError) in try JSONValue(try readFile(file), path: file) }
        guard let name = configuration["model"]?.string, let kind = ModelKind(rawValue: name) else {
            throw TrainError(path: file, "names no model that this PFrame knows")
        }
        (self.path, self.configuration, self.kind) = (path, configuration, kind)
    }

    /// Begins a run, or goes on with one of the same configuration.
    ///
    /// - Parameter configuration: must have `model`; of a run that goes on, only `steps` and `tool` may differ.
    /// - Throws: `TrainError` naming what differs.
    public init(making path: FilePath, _ configuration: JSONValue) throws(TrainError) {
        let file = path.appending(RunConfiguration.fileName)
        if fileSize(file) != nil {
            let before = try RunFolder(path)
            let names = Self.differences(Self.comparable(before.configuration), Self.comparable(configuration), "")
            guard names.isEmpty else {
                let hasCheckpoint = fileSize(path.appending(Checkpoint.fileName)) != nil
                throw TrainError(
                    path: path,
                    "holds a run with another \(names.prefix(4).joined(separator: ", ")): take another --output, or "
                        + (hasCheckpoint
                            ? "the options of that run to go on with it"
                            : "remove this folder, which has no checkpoint yet"))
            }
        }
        do throws(CodecError) {
            try createFolder(path)
            try createFolder(path.appending("samples"))
        } catch { throw TrainError(error) }
        try reading { () throws(DatasetError) in
            try replaceFile(file, with: configuration.json(lines: 2) + "\n")
        }
        try self.init(path)
    }

    /// A configuration without what may differ, the data set as its source reads: a path may end in a slash.
    private static func comparable(_ configuration: JSONValue) -> JSONValue {
        guard var members = configuration.members else { return configuration }
        (members["steps"], members["tool"]) = (nil, nil)
        // What names no source is compared as it stands.
        if let name = members["dataset"]?.string, let source = try? ShardSource(name) {
            members["dataset"] = .text(source.description)
        }
        return .object(members)
    }

    /// Names of members in which two configurations differ.
    private static func differences(_ first: JSONValue, _ second: JSONValue, _ name: String) -> [String] {
        guard let members = first.members, let others = second.members else { return first == second ? [] : [name] }
        return Set(members.keys).union(others.keys).sorted().flatMap { key -> [String] in
            let full = name.isEmpty ? key : "\(name).\(key)"
            guard let left = members[key], let right = others[key] else { return [full] }
            return differences(left, right, full)
        }
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
