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
    public var framesPerSecond: Double {
        let rate: Double?
        switch self {
        case .sample(let files): rate = Self.recordedRate(files)
        case .dataset(let folder, _):
            // A description that cannot be read is for `clip` to complain about.
            rate = try? folder.description().options["fps"]?.double
        }
        return rate.flatMap { ClipFile.rates.contains($0) ? $0 : nil } ?? 8
    }

    private func firstKey(
        _ folder: DatasetFolder, _ description: DatasetDescription
    ) throws(DatasetError) -> String? {
        guard let shard = description.shards.first(where: { $0.samples > 0 }) else { return nil }
        return try folder.rows(shard).first?.key
    }

    /// What `samples.jsonl` says; nil where it is not there, or of no use.
    private static func recordedRate(_ files: SampleFiles) -> Double? {
        let table = files.folder.appending("samples.jsonl")
        do throws(DatasetError) {
            guard fileSize(table) != nil else { return nil }
            for line in try readFile(table).split(separator: UInt8(ascii: "\n")) {
                let row = try JSONValue(line, path: table)
                if row["name"]?.string == files.name { return row["fps"]?.double }
            }
        } catch { return nil }
        return nil
    }
}

extension MotionClip {
    /// The clip of a sample with `first.npy`, `mv.npy` and `residual.npy`.
    ///
    /// - Throws: `DatasetError` that names the sample where an array is missing or does not fit the others.
    public init(_ sample: SourceSample, dataset: FilePath) throws(DatasetError) {
        let first = try Self.array(sample, "first.npy", .uint8, dataset)
        let mv = try Self.array(sample, "mv.npy", .int16, dataset)
        let residual = try Self.array(sample, "residual.npy", .int16, dataset)
        let count = mv.shape.first ?? 0
        let size = Size(width: first.shape.dropFirst().first ?? 0, height: first.shape.first ?? 0)
        let field = MotionField(size: size, cellSize: SampleFiles.cellSize)
        guard count > 0, first.shape == [size.height, size.width, 3],
            mv.shape == [count, field.rows, field.columns, 2],
            residual.shape == [count, size.height, size.width, 3]
        else {
            throw DatasetError(
                path: dataset,
                "sample \(sample.row.key): first.npy \(first.shape), mv.npy \(mv.shape) and residual.npy "
                    + "\(residual.shape) do not fit each other")
        }
        self.init(
            first: RGBImage(width: size.width, height: size.height, pixels: Array(first.bytes)),
            motion: mv.bytes.withUnsafeBytes { Self.fields($0, count, size) },
            residuals: residual.bytes.withUnsafeBytes { Self.residuals($0, count) })
    }

    private static func array(
        _ sample: SourceSample, _ member: String, _ type: NPYType, _ dataset: FilePath
    ) throws(DatasetError) -> (shape: [Int], bytes: [UInt8]) {
        guard sample.row.member(member) != nil else {
            throw DatasetError(
                path: dataset,
                "sample \(sample.row.key) has no \(member): build the set with --represent motion-residual")
        }
        let bytes = try sample.bytes(of: member)
        do throws(NPYHeader.Problem) {
            let header = try bytes.span.bytes.withUnsafeBytes { bytes throws(NPYHeader.Problem) in
                try NPYHeader(bytes)
            }
            if header.type == type, bytes.count == header.size + header.payload {
                return (header.shape, Array(bytes[header.size...]))
            }
        } catch {
            throw DatasetError(path: dataset, "sample \(sample.row.key): \(member): \(error)")
        }
        throw DatasetError(path: dataset, "sample \(sample.row.key): \(member) is no array of \(type.rawValue)")
    }
}
