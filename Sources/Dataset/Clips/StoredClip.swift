import Codec
public import MotionVectors
public import Storage
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
            return try MotionClip(try Self.sample(of: folder, key), dataset: folder.path)
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

    /// Reads the sample that the index says is of this key.
    private static func sample(of folder: DatasetFolder, _ key: String) throws(DatasetError) -> SourceSample {
        let (description, index) = (try folder.description(), try DatasetIndex(folder))
        guard var place = try index.places(of: [Substring(key)]).places.first else {
            let first = try index.rows(["key"], limit: 1).first?.first?.string
            throw DatasetError(
                path: folder.path, "has no sample \(key), keys are such as \(first ?? "none: the set is empty")")
        }
        for shard in description.shards {
            guard place >= shard.samples else {
                let opened = try SourceShard(shard, in: folder, description, sideFiles: [])
                guard opened.rows.indices.contains(place), opened.rows[place].key == key else { break }
                return try opened.sample(place)
            }
            place -= shard.samples
        }
        throw DatasetError(path: index.path, "does not fit the shards beside it: run `pframe index \(folder.path)`")
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
