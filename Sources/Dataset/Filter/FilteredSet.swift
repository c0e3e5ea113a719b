import Codec
public import Shards
public import Storage
public import SystemPackage

/// Writes the kept clips of a plan as a new data set: shards with the same names and records, copied byte for byte.
///
/// A stopped run resumes; the same source and rules give the same bytes at any number of jobs.
public struct FilteredSet: Sendable {
    /// The set that is filtered.
    public let source: DatasetFolder
    /// The folder of the new set.
    public let output: FilePath
    /// What is kept.
    public let plan: FilterPlan
    /// What to call the program in `dataset.json`.
    public let tool: String

    /// Plans to write `output`.
    public init(source: DatasetFolder, output: FilePath, plan: FilterPlan, tool: String) {
        (self.source, self.output, self.plan, self.tool) = (source, output, plan, tool)
    }

    /// Writes the set.
    ///
    /// - Parameters:
    ///   - begin: called with the bytes of all source shards before the first is read.
    ///   - progress: called with the source bytes done since its last call, from any thread; what it throws ends the
    ///     work.
    ///   - index: the index of the source.
    ///   - jobs: threads that work at once.
    /// - Throws: `PFrameError` if `output` holds something else, a sample of the source is damaged, or the disk is
    ///   full; then there is no `dataset.json`.
    public func write(
        index: DatasetIndex, jobs: Int = Parallel.processors, begin: (Int) -> Void = { _ in },
        progress: @Sendable (Int) throws(PFrameError) -> Void = { _ in }
    ) throws(PFrameError) -> DatasetDescription {
        let description = try source.description()
        guard description.samples == plan.clips else {
            throw PFrameError(
                .damaged, path: index.path,
                "\(plan.clips) clips, but dataset.json says \(description.samples): run `pframe index`")
        }
        let hash = try hash(description)
        let files = FilterFiles(source: source.path.string, plan: plan)
        var start = 0
        let starts = description.shards.map { shard in
            defer { start += shard.samples }
            return start
        }
        let copies = ShardCopies(
            source: source, output: output, plan: plan, description: description,
            options: options(description, files.summary), sourceHash: hash, tool: tool, rejects: try source.rejects(),
            sideFiles: try source.scoreFiles(of: description), starts: starts)
        begin(description.bytes)
        let lock = try openFolder()
        defer { withExtendedLifetime(lock) {} }
        try prepare(.object((files.summary.members ?? [:]).merging(["source_hash": .text(hash)]) { $1 }))
        try files.writeDropped(to: output.appending(FilterFiles.droppedName), index)
        _ = try Parallel.map(description.shards.count, jobs: jobs) { number throws(PFrameError) in
            try copies.copy(number, index, progress)
        }
        return try DatasetClosing.close(folder: output, jobs: jobs)
    }

    /// The source's options and the filter's: readers of shapes and rates find them where they were.
    private func options(_ description: DatasetDescription, _ summary: JSONValue) -> JSONValue {
        var filter = ["source": summary["source"] ?? .null, "rules": summary["rules"] ?? .null]
        if let before = description.options["filter"] { filter["before"] = before }
        return .object((description.options.members ?? [:]).merging(["filter": .object(filter)]) { $1 })
    }

    /// A hash of the source and of what is kept of it.
    private func hash(_ description: DatasetDescription) throws(PFrameError) -> String {
        let hash = SHA256()
        hash.update(Array(description.json.utf8))
        hash.update((0..<plan.clips).map { plan.keeps($0) ? 1 : 0 })
        return hash.digest
    }

    /// Makes the folder, or finds a filtered set in it, and locks it.
    private func openFolder() throws(PFrameError) -> KernelLock {
        try createFolder(output)
        guard !isSameFile(output, source.path) else {
            throw PFrameError(.usage, path: output, "is the source data set: name a new folder")
        }
        let receipts = output.appending(ShardReceipt.folderName)
        let names = try fileNames(in: output).filter { !$0.hasPrefix(".partial-") && $0 != ShardReceipt.folderName }
        let isBuild = names.isEmpty && DatasetClosing.holdsReceipts(output)
        if isBuild || !(names.isEmpty || names.contains(FilterFiles.summaryName)) {
            throw PFrameError(.conflict, path: output, "holds files, but no filtered data set: name a new folder")
        }
        try createFolder(receipts)
        guard let lock = try KernelLock(receipts.appending("lock")) else {
            throw PFrameError(
                .busy, path: output, "another process is writing this folder: wait for it, or choose another")
        }
        return lock
    }

    /// Takes away what other rules, or another source, left in the folder, and says what will be in it.
    private func prepare(_ summary: JSONValue) throws(PFrameError) {
        let file = output.appending(FilterFiles.summaryName)
        let text = summary.json(lines: 2) + "\n"
        if fileSize(file) != nil, try readFile(file) != Array(text.utf8) {
            try removeFile(output.appending(DatasetDescription.fileName))
            for name in try fileNames(in: output)
            where [".tar", ".jsonl", ".tmp", ".sqlite"].contains(where: { name.hasSuffix($0) }) {
                try removeFile(output.appending(name))
            }
            let receipts = output.appending(ShardReceipt.folderName)
            for name in try fileNames(in: receipts) where name.hasSuffix(".json") {
                try removeFile(receipts.appending(name))
            }
        }
        try replaceFile(file, with: text)
    }
}

/// Copies what a plan keeps, shard by shard, and leaves a receipt of each.
struct ShardCopies: Sendable {
    let source: DatasetFolder
    let output: FilePath
    let plan: FilterPlan
    let description: DatasetDescription
    let options: JSONValue
    let sourceHash: String
    let tool: String
    /// The source's rejects, which ride on the first receipt.
    let rejects: [Reject]
    let sideFiles: [String: [String]]
    /// The place in the set of each shard's first clip.
    let starts: [Int]

    /// Copies shard `number`, unless its receipt says that this is done.
    ///
    /// - Throws: `PFrameError` that names a damaged sample, or a full disk.
    func copy(
        _ number: Int, _ index: DatasetIndex, _ progress: (Int) throws(PFrameError) -> Void
    ) throws(PFrameError) {
        let shard = description.shards[number]
        let first = starts[number]
        let kept = (0..<shard.samples).filter { plan.keeps(first + $0) }
        if try isDone(number) {
            try progress(shard.bytes)
        } else {
            let reader = try ShardReader(shard, in: source, description)
            let keys = try index.rows(["key"], where: "number BETWEEN \(first) AND \(first + shard.samples - 1)")
            guard keys.map({ $0[0].string }) == reader.rows.map(\.key) else {
                throw PFrameError(
                    .damaged, path: index.path, "has other clips than \(shard.rowsName): run `pframe index`")
            }
            try removeFile(output.appending(shard.tarName))
            try removeFile(output.appending(shard.rowsName))
            let copied = kept.isEmpty ? nil : try copy(kept, of: reader, as: shard, number, progress)
            let receipt = ShardReceipt(
                tool: tool, options: options, sourceHash: sourceHash, shards: description.shards.count, shard: copied,
                rejects: number == 0 ? rejects : [],
                totals: ["kept": kept.count, "dropped": shard.samples - kept.count])
            try replaceFile(ShardReceipt.path(in: output, number: number), with: receipt.json)
        }
        try copySideFiles(of: shard, kept.isEmpty)
    }

    /// Whether an earlier run of the same filter wrote the shard.
    private func isDone(_ number: Int) throws(PFrameError) -> Bool {
        let path = ShardReceipt.path(in: output, number: number)
        guard fileSize(path) != nil else { return false }
        let receipt: ShardReceipt
        do throws(PFrameError) { receipt = try ShardReceipt(reading: path) } catch {
            // A receipt that cannot be read vouches for nothing.
            return false
        }
        guard receipt.options == options, receipt.sourceHash == sourceHash,
            receipt.shards == description.shards.count, receipt.tool == tool,
            receipt.rejects == (number == 0 ? rejects : [])
        else { return false }
        guard let shard = receipt.shard else { return true }
        return try DatasetFolder(output).isIntact(shard)
    }

    private func copy(
        _ kept: [Int], of reader: ShardReader, as shard: DatasetDescription.Shard, _ number: Int,
        _ progress: (Int) throws(PFrameError) -> Void
    ) throws(PFrameError) -> DatasetDescription.Shard? {
        let writer = try ShardWriter(folder: output, name: shard.name, number: number)
        var bytes: [UInt8] = []
        var told = 0
        for index in kept {
            let row = reader.rows[index]
            try reader.read(index, into: &bytes)
            try bytes.withUnsafeBufferPointer { bytes throws(PFrameError) in
                try writer.append(UnsafeRawBufferPointer(rebasing: UnsafeRawBufferPointer(bytes)[..<row.size]), of: row)
            }
            try progress(row.offset + row.size - told)
            told = row.offset + row.size
        }
        try progress(shard.bytes - told)
        return try writer.finish(bucket: shard.bucket)
    }

    /// Carries the scores of kept samples over.
    private func copySideFiles(of shard: DatasetDescription.Shard, _ isEmpty: Bool) throws(PFrameError) {
        guard let names = sideFiles[shard.name], !isEmpty else { return }
        let folder = DatasetFolder(output)
        let rows = output.appending(shard.rowsName)
        let keys = Set(try ShardRow.rows(in: try readFile(rows), path: rows).map(\.key))
        for name in names {
            let path = source.path.appending(name)
            var kept: [UInt8] = []
            for line in JSONLines(try readFile(path)) {
                let value = try JSONValue(line.text, path: path, offset: line.offset)
                guard let key = value["key"]?.string, keys.contains(key) else { continue }
                kept += line.text
                kept.append(0x0A)
            }
            try replaceFile(folder.path.appending(name), with: kept)
        }
    }
}
