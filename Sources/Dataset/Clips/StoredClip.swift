import Codec
public import MotionVectors
public import SystemPackage

/// A clip of first frame, motion and residual that a path names: `DIR/NNN` of `pframe sample`, or `DATASET/KEY`.
public enum StoredClip: Sendable {
    /// The files of a clip that a model made.
    case sample(SampleFiles)
    /// A sample of a data set.
    case dataset(DatasetFolder, key: String)

    /// The clip that a path names; nil where none is there.
    public init?(_ path: FilePath) {
        guard let files = SampleFiles(path), !files.name.isEmpty else { return nil }
        if [files.motion, files.first].contains(where: { fileSize($0) != nil }) {
            self = .sample(files)
        } else if fileSize(path) == nil, fileSize(files.folder.appending(DatasetDescription.fileName)) != nil {
            self = .dataset(DatasetFolder(files.folder), key: files.name)
        } else {
            return nil
        }
    }

    /// Reads it and rebuilds its frames.
    ///
    /// - Throws: `DatasetError` where it is not there, is damaged, or holds no motion and residual.
    public func clip() throws(DatasetError) -> MotionClip {
        switch self {
        case .sample(let files): return try carrying { () throws(CodecError) in try MotionClip(files) }
        case .dataset(let folder, let key):
            let description = try folder.description()
            for shard in description.shards {
                let opened = try SourceShard(shard, in: folder, description, sideFiles: [])
                guard let index = opened.rows.firstIndex(where: { $0.key == key }) else { continue }
                return try MotionClip(try opened.sample(index), dataset: folder.path)
            }
            throw DatasetError(
                path: folder.path,
                "has no sample \(key), keys are such as \(try firstKey(folder, description) ?? "none: the set is empty")"
            )
        }
    }

    /// Frames a second, as `samples.jsonl` or `dataset.json` says; 8 where neither does.
    ///
    /// - Throws: `DatasetError` where the one that is there is damaged.
    public func framesPerSecond() throws(DatasetError) -> Double {
        let rate: Double?
        switch self {
        case .sample(let files): rate = try Self.recordedRate(files)
        case .dataset(let folder, _): rate = try folder.description().options["fps"]?.double
        }
        return rate.flatMap { ClipFile.rates.contains($0) ? $0 : nil } ?? 8
    }

    private func firstKey(
        _ folder: DatasetFolder, _ description: DatasetDescription
    ) throws(DatasetError) -> String? {
        guard let shard = description.shards.first(where: { $0.samples > 0 }) else { return nil }
        return try folder.rows(shard).first?.key
    }

    /// What `samples.jsonl` says; nil where there is none, or no row of it is of this sample.
    private static func recordedRate(_ files: SampleFiles) throws(DatasetError) -> Double? {
        let table = files.folder.appending("samples.jsonl")
        guard fileSize(table) != nil else { return nil }
        for line in try readFile(table).split(separator: UInt8(ascii: "\n")) {
            let row = try JSONValue(line, path: table)
            if row["name"]?.string == files.name { return row["fps"]?.double }
        }
        return nil
    }
}
