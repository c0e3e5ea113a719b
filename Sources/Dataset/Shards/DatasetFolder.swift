public import Storage
public import SystemPackage

/// `dataset.json`: inputs, options and shards of a data set. Written last: a data set without `dataset.json` is
/// unfinished.
public struct DatasetDescription: Sendable, Equatable {
    /// A shard as it must be.
    public struct Shard: Sendable, Equatable {
        /// The name without an ending: `clips-000000`; `.tar` and `.jsonl` complete it.
        public var name: String
        /// Samples in it.
        public var samples: Int
        /// Bytes of the tar file.
        public var bytes: Int
        /// SHA-256 of the tar file, hexadecimal.
        public var sha256: String
        /// SHA-256 of the row file, hexadecimal.
        public var rowsSHA256: String
        /// The shape of all its clips; nil in a set without buckets.
        public var bucket: Bucket?

        /// Creates a shard's facts.
        public init(name: String, samples: Int, bytes: Int, sha256: String, rowsSHA256: String) {
            (self.name, self.samples, self.bytes) = (name, samples, bytes)
            (self.sha256, self.rowsSHA256) = (sha256, rowsSHA256)
        }

        /// The name of the tar file.
        public var tarName: String { name + ".tar" }
        /// The name of the row file.
        public var rowsName: String { name + ".jsonl" }
    }

    /// The version of the layout that this PFrame writes.
    public static let schema = 1
    /// The name of the file.
    public static let fileName = "dataset.json"

    /// What wrote it: `pframe 0.1.0`.
    public var tool: String
    /// The options of the build, or where the samples come from.
    public var options: JSONValue
    /// A hash of the input list (names, sizes, captions); empty for shards made elsewhere.
    public var sourceHash: String
    /// The shards that hold samples, by name.
    public var shards: [Shard]
    /// Counts over the whole set, such as videos, rejected videos, tails.
    public var totals: [String: Int]

    /// Creates a description.
    public init(tool: String, options: JSONValue, sourceHash: String, shards: [Shard], totals: [String: Int]) {
        (self.tool, self.options, self.sourceHash) = (tool, options, sourceHash)
        (self.shards, self.totals) = (shards, totals)
    }

    /// The buckets that hold samples, sorted; none in a set without buckets.
    public var buckets: [Bucket] { Set(shards.compactMap(\.bucket)).sorted() }

    /// The same with the shards of one bucket alone; the same for nil.
    ///
    /// - Throws: `PFrameError` if the set has no such bucket.
    package func only(_ bucket: Bucket?) throws(PFrameError) -> DatasetDescription {
        guard let bucket else { return self }
        var part = self
        part.shards = shards.filter { $0.bucket == bucket }
        guard !part.shards.isEmpty else {
            let names = buckets.map(\.description).joined(separator: ", ")
            throw PFrameError(
                .missing,
                "the data set has no bucket \(bucket), " + (names.isEmpty ? "but clips of one shape" : "only \(names)"))
        }
        return part
    }

    /// Samples in all shards.
    public var samples: Int { shards.reduce(0) { $0 + $1.samples } }
    /// Bytes of all tar files.
    public var bytes: Int { shards.reduce(0) { $0 + $1.bytes } }

    /// The file's text.
    public var json: String {
        JSONValue.object([
            "schema": .integer(Self.schema), "tool": .text(tool), "options": options, "source_hash": .text(sourceHash),
            "shards": .list(shards.map(\.json)), "totals": .object(totals.mapValues { .integer($0) }),
        ]).json(lines: 2) + "\n"
    }

    /// Reads the text of a `dataset.json`.
    ///
    /// - Throws: `PFrameError` if it is damaged or of a newer version.
    public init(_ text: [UInt8], path: FilePath) throws(PFrameError) {
        let value = try JSONValue(text, path: path)
        func damaged(_ field: String) -> PFrameError {
            PFrameError(
                .damaged, path: path, "no valid \"\(field)\": move it away, then run `pframe index` to rewrite it")
        }
        guard value["schema"]?.int != nil else { throw damaged("schema") }
        try Self.checkVersion(value, path: path)
        guard let list = value["shards"]?.array else { throw damaged("shards") }
        var shards: [Shard] = []
        for entry in list {
            guard let shard = Shard(entry) else { throw damaged("shards") }
            shards.append(shard)
        }
        self.init(
            tool: value["tool"]?.string ?? "", options: value["options"] ?? .object([:]),
            sourceHash: value["source_hash"]?.string ?? "", shards: shards,
            totals: value["totals"]?.members?.compactMapValues(\.int) ?? [:])
    }

    /// The largest motion of its clips, in pixels.
    public var radius: Int { options["radius"]?.int ?? 15 }

    /// Refuses a file that a newer PFrame wrote.
    private static func checkVersion(_ value: JSONValue, path: FilePath) throws(PFrameError) {
        guard let schema = value["schema"]?.int, schema > Self.schema else { return }
        throw PFrameError(
            .unsupported, path: path, "schema \(schema) is newer than this PFrame knows (\(Self.schema)): update PFrame"
        )
    }

    /// Refuses to write over the `dataset.json` of a newer PFrame; any other may be replaced, damaged ones too.
    ///
    /// - Throws: `PFrameError` if the file says a newer version.
    package static func checkReplaceable(_ path: FilePath) throws(PFrameError) {
        guard fileSize(path) != nil else { return }
        let text = try readFile(path)
        // What cannot be read as JSON says no version.
        guard let value = try? JSONValue(text, path: path) else { return }
        try checkVersion(value, path: path)
    }
}

extension DatasetDescription.Shard {
    /// As `dataset.json` holds it.
    package var json: JSONValue {
        var members: [String: JSONValue] = [
            "name": .text(name), "samples": .integer(samples), "bytes": .integer(bytes), "sha256": .text(sha256),
            "rows_sha256": .text(rowsSHA256),
        ]
        members["bucket"] = bucket.map { .text($0.description) }
        return .object(members)
    }

    /// Reads what `json` wrote; nil if a field is missing or makes no sense.
    package init?(_ value: JSONValue) {
        guard let name = value["name"]?.string, !name.isEmpty, !name.contains("/"),
            let samples = value["samples"]?.int, samples >= 0, let bytes = value["bytes"]?.int, bytes >= 0,
            let sha256 = value["sha256"]?.string, let rowsSHA256 = value["rows_sha256"]?.string
        else { return nil }
        self.init(name: name, samples: samples, bytes: bytes, sha256: sha256, rowsSHA256: rowsSHA256)
        if let text = value["bucket"] {
            guard let bucket = text.string.flatMap({ Bucket($0) }) else { return nil }
            self.bucket = bucket
        }
    }
}

/// The remedy for damage, which depends on the origin of the data set.
extension DatasetDescription {
    /// What brings a damaged shard back.
    package var shardRemedy: String {
        if options["filter"] != nil { return "remove the shard and run `pframe filter` again" }
        if let command = options["derived"]?["command"]?.string {
            return "remove the shard and run `\(command)` again"
        }
        if sourceHash.isEmpty { return "copy the shard again from its origin and run `pframe index`" }
        return "remove the shard and run `pframe build` again"
    }

    /// What brings a damaged row file back.
    package var rowsRemedy: String { sourceHash.isEmpty ? "run `pframe index`" : shardRemedy }
}

/// The folder of a data set: `dataset.json`, shards and their rows.
public struct DatasetFolder: Sendable, Equatable {
    /// The folder.
    public let path: FilePath

    /// Names a folder; nothing is read yet.
    public init(_ path: FilePath) { self.path = path }

    /// Reads `dataset.json`.
    ///
    /// - Throws: `PFrameError` if it is missing (the set is unfinished, or no data set) or damaged.
    public func description() throws(PFrameError) -> DatasetDescription {
        let file = path.appending(DatasetDescription.fileName)
        guard fileSize(file) != nil else {
            guard isFolder(path) else { throw PFrameError(.missing, path: path, path.nameOfNoFile ?? "no such folder") }
            throw PFrameError(
                .missing, path: path,
                "holds no \(DatasetDescription.fileName): run `pframe build` to its end, or `pframe index` over shards")
        }
        return try DatasetDescription(try readFile(file), path: file)
    }

    /// Reads `dataset.json` of a set that PFrame built; nil if there is none, or if another program made the shards.
    ///
    /// - Throws: `PFrameError` if it is damaged.
    public func ownDescription() throws(PFrameError) -> DatasetDescription? {
        guard fileSize(path.appending(DatasetDescription.fileName)) != nil else { return nil }
        let description = try description()
        return description.sourceHash.isEmpty ? nil : description
    }

    /// Where a shard's archive is.
    public func tar(_ shard: DatasetDescription.Shard) -> FilePath { path.appending(shard.tarName) }

    /// Whether a shard's archive and rows exist with the right sizes and hashes.
    ///
    /// - Throws: `PFrameError` if one of them cannot be read.
    package func isIntact(_ shard: DatasetDescription.Shard) throws(PFrameError) -> Bool {
        let rows = path.appending(shard.rowsName)
        guard fileSize(tar(shard)) == shard.bytes, fileSize(rows) != nil else { return false }
        guard try FileDigest.sha256(tar(shard)) == shard.sha256 else { return false }
        return try FileDigest.sha256(rows) == shard.rowsSHA256
    }

    /// Reads the rows of a shard.
    ///
    /// - Throws: `PFrameError` if rows are missing or damaged, or their number differs from `dataset.json`.
    public func rows(_ shard: DatasetDescription.Shard) throws(PFrameError) -> [ShardRow] {
        let file = path.appending(shard.rowsName)
        let rows = try ShardRow.rows(in: try readFile(file), path: file)
        guard rows.count == shard.samples else {
            throw PFrameError(.damaged, path: file, "\(rows.count) rows, but dataset.json says \(shard.samples)")
        }
        return rows
    }
}
