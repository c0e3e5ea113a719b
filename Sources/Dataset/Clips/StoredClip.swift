package import Codec
public import MotionVectors
public import Shards
public import Storage
public import SystemPackage

/// A clip of first frame, motion and residual that a path names: `DIR/NNN` of `pframe sample`, or `DATASET/KEY`.
package enum StoredClip: Sendable {
    /// The files of a clip that a model made.
    case sample(SampleFiles)
    /// A sample of a data set.
    case dataset(DatasetFolder, key: String)

    /// The clip that a path names; nil if none is there.
    package init?(_ path: FilePath) {
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
    /// - Throws: `PFrameError` if it is not there, is damaged, or holds no motion and residual.
    package func clip() throws(PFrameError) -> Clip {
        switch self {
        case .sample(let files): return try Clip(files)
        case .dataset(let folder, let key):
            return try Clip(try Self.sample(of: folder, key), dataset: folder.path)
        }
    }

    /// Frames per second, as `samples.jsonl` or `dataset.json` says, or as the times of the frames are where the set has a
    /// share of its sources' rates; else 8.
    ///
    /// - Throws: `PFrameError` if what is there is damaged.
    package func framesPerSecond() throws(PFrameError) -> Double {
        let rate: Double?
        switch self {
        case .sample(let files): rate = try Self.recordedRate(files)
        case .dataset(let folder, let key):
            let recorded = try folder.description().options["fps"]
            rate = recorded?.string == nil ? recorded?.double : try Self.rate(of: Self.sample(of: folder, key))
        }
        return rate.flatMap { ClipFile.rates.contains($0) ? $0 : nil } ?? 8
    }

    /// Reads the sample that the index says is of this key.
    private static func sample(of folder: DatasetFolder, _ key: String) throws(PFrameError) -> Record {
        let (description, index) = (try folder.description(), try DatasetIndex(folder))
        guard var place = try index.places(of: [Substring(key)]).places.first else {
            let first = try index.rows(["key"], limit: 1).first?.first?.string
            throw PFrameError(
                .missing, path: folder.path,
                "has no record \(key), keys are such as \(first ?? "none: the set is empty")")
        }
        for shard in description.shards {
            guard place >= shard.samples else {
                let opened = try ShardReader(shard, in: folder, description)
                guard opened.rows.indices.contains(place), opened.rows[place].key == key else { break }
                return try opened.record(place)
            }
            place -= shard.samples
        }
        throw PFrameError(
            .damaged, path: index.path, "does not fit the shards beside it: run `pframe index \(folder.path)`")
    }

    /// The rate by the times of a record's frames; nil without times.
    private static func rate(of record: Record) -> Double? {
        let seconds = record.row.columns.seconds
        guard let first = seconds.first, let last = seconds.last, last > first else { return nil }
        return Double(seconds.count - 1) / (last - first)
    }

    /// The rate in `samples.jsonl`; nil if there is no such file or no row for this sample.
    private static func recordedRate(_ files: SampleFiles) throws(PFrameError) -> Double? {
        let table = files.folder.appending("samples.jsonl")
        guard fileSize(table) != nil else { return nil }
        for line in try readFile(table).split(separator: UInt8(ascii: "\n")) {
            let row = try JSONValue(line, path: table)
            if row["name"]?.string == files.name { return row["fps"]?.double }
        }
        return nil
    }
}

/// A clip that was rebuilt from its motion and residual, and the ways to store it.
package struct RebuiltClip: Sendable {
    /// What a path's extension asks for.
    package enum Kind: Sendable {
        /// `.npy`: the frames as they are.
        case array
        /// `.mp4`, `.mkv`: encoded with libx264.
        case encoded

        /// Nil for any other extension.
        package init?(_ path: FilePath) {
            switch path.extension?.lowercased() {
            case "npy": self = .array
            case "mp4", "mkv": self = .encoded
            default: return nil
            }
        }
    }

    /// The frames, the given one first.
    package let frames: [RGBImage]
    /// Of the clip, as is recorded beside it.
    package let framesPerSecond: Double

    /// Rebuilds a clip.
    ///
    /// - Throws: `PFrameError` if it is not there, is damaged, or holds no motion and residual.
    package init(_ stored: StoredClip) throws(PFrameError) {
        frames = try stored.clip().frames
        framesPerSecond = try stored.framesPerSecond()
    }

    /// Stores the frames.
    ///
    /// - Parameters:
    ///   - rate: frames per second of an encoded clip; nil for what is recorded.
    ///   - crf: libx264's constant rate factor of an encoded clip.
    /// - Throws: `PFrameError`, a full disk included.
    package func write(to path: FilePath, as kind: Kind, framesPerSecond rate: Double?, crf: Double) throws(PFrameError)
    {
        switch kind {
        case .encoded: try ClipFile.write(frames, to: path, framesPerSecond: rate ?? framesPerSecond, crf: crf)
        case .array:
            try StagedFile.write(path) { path throws(PFrameError) in
                let writer = try NPYWriter(
                    path: path, type: .uint8, itemShape: [frames[0].height, frames[0].width, 3])
                for frame in frames { try writer.append(frame.pixels) }
                try writer.close()
            }
        }
    }
}

extension Clip {
    /// The clip of a sample with `first.npy`, `mv.npy` and `residual.npy`.
    ///
    /// - Throws: `PFrameError` that names the sample if an array is missing, does not fit the others, or holds what
    ///   cannot be.
    public init(_ sample: Record, dataset: FilePath) throws(PFrameError) {
        let first = try Self.array(sample, "first.npy", .uint8, dataset)
        let mv = try Self.array(sample, "mv.npy", .int16, dataset)
        let residual = try Self.array(sample, "residual.npy", .int16, dataset)
        let count = mv.shape.first ?? 0
        let size = Size(width: first.shape.dropFirst().first ?? 0, height: first.shape.first ?? 0)
        let field = MotionField(size: size, cellSize: Clip.cellSize)
        guard count > 0, size.width > 0, size.height > 0, first.shape == [size.height, size.width, 3],
            mv.shape == [count, field.rows, field.columns, 2],
            residual.shape == [count, size.height, size.width, 3]
        else {
            throw PFrameError(
                .damaged, path: dataset,
                "record \(sample.row.key): first.npy \(first.shape), mv.npy \(mv.shape) and residual.npy "
                    + "\(residual.shape) do not fit each other")
        }
        let motion = mv.bytes.withUnsafeBytes { Self.fields($0, count, size) }
        let residuals = residual.bytes.withUnsafeBytes { Self.residuals($0, count) }
        if let mistake = Self.mistake(in: motion) {
            throw PFrameError(.damaged, path: dataset, "record \(sample.row.key): mv.npy: \(mistake)")
        }
        if let mistake = Self.mistake(in: residuals, width: size.width) {
            throw PFrameError(.damaged, path: dataset, "record \(sample.row.key): residual.npy: \(mistake)")
        }
        self.init(
            first: RGBImage(width: size.width, height: size.height, pixels: Array(first.bytes)),
            motion: motion, residuals: residuals)
    }

    private static func array(
        _ sample: Record, _ member: String, _ type: NPYType, _ dataset: FilePath
    ) throws(PFrameError) -> (shape: [Int], bytes: [UInt8]) {
        guard sample.row.member(member) != nil else {
            throw PFrameError(
                .missing, path: dataset,
                "record \(sample.row.key) has no \(member): build the set with the representation motion-residual")
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
            throw PFrameError(.damaged, path: dataset, "record \(sample.row.key): \(member): \(error)")
        }
        throw PFrameError(
            .damaged, path: dataset, "record \(sample.row.key): \(member) is not an array of \(type.rawValue)")
    }
}
