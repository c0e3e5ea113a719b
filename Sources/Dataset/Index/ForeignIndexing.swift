import Codec
public import Shards
public import Storage
import SystemPackage

/// Makes a data set of a folder of WebDataset shards that others wrote: rows beside each, an index, and `dataset.json`.
public struct ForeignIndexing: Sendable {
    /// What indexing came to.
    public struct Report: Sendable {
        /// What `dataset.json` says now.
        public var description: DatasetDescription
        /// Damage that was skipped, with its place; empty if there is none.
        public var problems: [PFrameError]
    }

    /// The folder of shards.
    public let folder: DatasetFolder
    /// What to call the program in `dataset.json`.
    public let tool: String

    /// Plans to index `folder`.
    public init(_ folder: DatasetFolder, tool: String) {
        self.folder = folder
        self.tool = tool
    }

    /// Reads every `.tar` file of the folder once and writes rows, index and `dataset.json`.
    ///
    /// Memory: one buffer and the rows of one shard per job. The archives do not change.
    ///
    /// - Parameters:
    ///   - begin: called with the bytes of all shards before the first is read.
    ///   - progress: called with the bytes read since its last call, from any thread; what it throws ends the work.
    ///   - jobs: threads that work at once.
    /// - Throws: `PFrameError` if there is no shard, nothing in any of them, or a file that is not ours would be
    ///   overwritten, or the disk fails. Damaged shards are in the report.
    public func run(
        jobs: Int = Parallel.processors, begin: (Int) -> Void = { _ in },
        progress: @Sendable (Int) throws(PFrameError) -> Void = { _ in }
    ) throws(PFrameError) -> Report {
        try DatasetDescription.checkReplaceable(folder.path.appending(DatasetDescription.fileName))
        let names = try shardNames()
        begin(names.reduce(0) { $0 + (fileSize(folder.path.appending($1 + ".tar")) ?? 0) })
        try removeFile(folder.path.appending(DatasetDescription.fileName))
        let scans = try Parallel.map(names.count, jobs: jobs) { index throws(PFrameError) in
            try scan(names[index], progress)
        }
        var shards = scans.map(\.shard)
        var problems = scans.flatMap(\.problems)
        problems += try removeRepeated(&shards, RepeatedKeys(scans.map(\.hashes)))
        shards.removeAll { $0.samples == 0 }
        guard !shards.isEmpty else {
            let first = problems.first.map { " (\($0))" } ?? ""
            throw PFrameError(.missing, path: folder.path, "no shard holds a record that could be indexed\(first)")
        }
        let description = DatasetDescription(
            tool: tool, options: .object(["webdataset": .bool(true)]), sourceHash: "", shards: shards,
            totals: ["problems": problems.count])
        try DatasetIndex.write(folder, description: description, jobs: jobs)
        try replaceFile(folder.path.appending(DatasetDescription.fileName), with: description.json)
        return Report(description: description, problems: problems)
    }

    private func shardNames() throws(PFrameError) -> [String] {
        let names = try fileNames(in: folder.path)
        let shards = names.filter { $0.hasSuffix(".tar") && $0.utf8.count > 4 && $0.first != "." }
        guard !shards.isEmpty else {
            let packed = names.first { $0.hasSuffix(".tar.gz") || $0.hasSuffix(".tgz") || $0.hasSuffix(".tar.zst") }
            let hint = packed.map { "; unpack \($0) and the like first, which cannot be read at random" } ?? ""
            throw PFrameError(.missing, path: folder.path, "holds no .tar file\(hint)")
        }
        return shards.map { String($0.dropLast(4)) }
    }

    private struct Scan: Sendable {
        var shard: DatasetDescription.Shard
        var problems: [PFrameError]
        var hashes: [Int]
    }

    /// Reads a shard and writes its rows.
    private func scan(
        _ name: String, _ progress: (Int) throws(PFrameError) -> Void
    ) throws(PFrameError) -> Scan {
        let rowsPath = folder.path.appending(name + ".jsonl")
        if fileSize(rowsPath) ?? 0 > 0 {
            let text = try readFile(rowsPath)
            let first = JSONLines(text).first { _ in true }
            // What is not JSON is not a row either.
            guard let first, (try? JSONValue(first.text, path: rowsPath))?["crc32c"] != nil else {
                throw PFrameError(
                    .conflict, path: rowsPath,
                    "has the name of the row file of \(name).tar, but holds no rows: move it away")
            }
        }
        let found = try ForeignShard(folder.path.appending(name + ".tar"), progress)
        let shard = try write(found.rows.compactMap { $0 }, name, found.bytes, found.sha256)
        let hashes = RepeatedKeys.hashes(found.rows.compactMap { $0?.key })
        return Scan(shard: shard, problems: found.problems, hashes: hashes)
    }

    private func write(
        _ rows: [ShardRow], _ name: String, _ bytes: Int, _ sha256: String
    ) throws(PFrameError) -> DatasetDescription.Shard {
        let path = folder.path.appending(name + ".jsonl")
        let text = rows.map { $0.json + "\n" }.joined()
        if rows.isEmpty { try removeFile(path) } else { try replaceFile(path, with: text) }
        return DatasetDescription.Shard(
            name: name, samples: rows.count, bytes: bytes, sha256: sha256,
            rowsSHA256: SHA256.digest(of: Array(text.utf8)))
    }

    /// Leaves out samples whose key an earlier shard has.
    private func removeRepeated(
        _ shards: inout [DatasetDescription.Shard], _ repeated: RepeatedKeys
    ) throws(PFrameError) -> [PFrameError] {
        var problems: [PFrameError] = []
        var owners: [String: String] = [:]
        for index in repeated.shards {
            let shard = shards[index]
            var kept: [ShardRow] = []
            for row in try folder.rows(shard) {
                if repeated.mayHold(row.key) {
                    if let owner = owners[row.key] {
                        problems.append(
                            PFrameError(
                                .conflict, path: folder.tar(shard), offset: row.offset,
                                "a second record \(row.key), which \(owner) has: not indexed"))
                        continue
                    }
                    owners[row.key] = shard.tarName
                }
                kept.append(row)
            }
            if kept.count < shard.samples { shards[index] = try write(kept, shard.name, shard.bytes, shard.sha256) }
        }
        return problems
    }
}

/// What the `txt` and `json` members of a sample made elsewhere say of it.
enum ForeignSample {
    /// Members that are read for it.
    static let members: Set<String> = ["txt", "json"]
    /// Larger ones are not captions.
    static let longest = 16 << 20

    /// The columns of a sample.
    ///
    /// The caption is the `txt` member, or `caption` or `text` of the `json` member; numbers, strings and truth values of
    /// the latter become metadata. A `json` member that PFrame wrote gives back everything it knows.
    static func columns(key: String, text: [UInt8]?, json: JSONValue?) -> SampleColumns {
        var columns = SampleColumns()
        var fields = json?.members ?? [:]
        var caption = text.map { trimmed(String(decoding: $0, as: UTF8.self)) }
        if fields["key"]?.string == key, let hash = fields["hash"]?.string, hash.utf8.count == 16,
            let seconds = fields["seconds"]?.array
        {
            columns.hash = UInt64(hash, radix: 16) ?? 0
            columns.seconds = seconds.compactMap(\.double)
            columns.source = fields["source"]?.string ?? ""
            caption = fields["caption"]?.string
            columns.captions = fields["captions"]?.array?.compactMap(\.string)
            for name in SampleColumns.builtScores + SampleColumns.codingScores + [SampleColumns.searchedShare] {
                if let score = fields.removeValue(forKey: name) { columns.scores[name] = score.double ?? .nan }
            }
            for name in ["key", "hash", "seconds", "source"] { fields[name] = nil }
        }
        for name in ["caption", "text"] {
            guard let other = fields[name]?.string, name == "caption" || caption == nil else { continue }
            caption = caption ?? other
            fields[name] = nil
        }
        columns.caption = caption ?? ""
        columns.metadata = fields.filter { field in
            switch field.value {
            case .bool, .integer, .number, .text: true
            case .null, .list, .object: false
            }
        }
        return columns
    }

    /// A text without white space at its ends: editors put a line feed there.
    private static func trimmed(_ text: String) -> String {
        let start = text.drop { $0.isWhitespace }
        return String(start.reversed().drop { $0.isWhitespace }.reversed())
    }
}
