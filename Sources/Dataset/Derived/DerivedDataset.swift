import Codec
import Glibc
public import Shards
public import Storage
import Synchronization
public import SystemPackage

/// Writes a data set that is derived from another data set, shard by shard and record by record, as latents are from
/// residuals.
///
/// Each finished shard leaves a receipt; a run that was stopped resumes with the shards without a receipt, and gives
/// the same bytes as an uninterrupted run. Many processes share the work by `BuildPart`; the last process closes the
/// data set.
///
/// ```swift
/// let set = try DerivedDataset(source: source, output: output, command: "pframe encode", options: options, tool: tool)
/// while let shard = try set.next() {
///     for index in shard.rows.indices {
///         let sample = try shard.sample(index)
///         let latent = encode(try sample.bytes(of: "residual.npy"))
///         try shard.append(sample, keeping: ["first.npy", "txt", "jpg"], adding: [("latent.npy", latent)])
///     }
///     try shard.finish()
/// }
/// let description = try set.close()
/// ```
public final class DerivedDataset: Sendable {
    /// What `dataset.json` of the source says.
    public let description: DatasetDescription
    /// Shards of the part.
    public let shards: Int
    /// The shards of the part that this run has to make, in the order in which ``next()`` gives them.
    public let pending: [DatasetDescription.Shard]

    private let source: DatasetFolder
    private let output: FilePath
    private let command: String
    private let part: BuildPart
    private let sideFiles: [String: [String]]
    /// The receipt of a shard without samples.
    private let receipt: ShardReceipt
    private let rejects: [Reject]
    private let waiting: Mutex<[Int]>
    private let lock: KernelLock
    private let madeFolder: Bool

    /// Plans to write `output`, or to resume what a stopped run left there.
    ///
    /// - Parameters:
    ///   - command: the command that derives the data set, for messages and `dataset.json`: `pframe encode`.
    ///   - options: an object with everything that the result depends on besides the source. `dataset.json` has the
    ///     object as `derived` among the source's options. `command`, `source` and `before` are reserved.
    ///   - tool: the name of the program in `dataset.json`: `pframe 0.1.0`.
    ///   - part: the share of the shards that this process makes.
    ///   - jobs: finished shards whose hashes are compared at a time.
    ///   - source: the data set to read.
    ///   - output: the folder to write.
    /// - Throws: `PFrameError` if the source is not a finished data set, if `output` was made with other options, of
    ///   another source or by something else, or another process is writing it.
    public init(
        source: DatasetFolder, output: FilePath, command: String, options: JSONValue, tool: String,
        part: BuildPart = .whole, jobs: Int = Parallel.processors
    ) throws(PFrameError) {
        description = try source.description()
        guard !description.shards.isEmpty else {
            throw PFrameError(.missing, path: source.path, "has no records: build it from videos that give clips")
        }
        (self.source, self.output, self.command, self.part) = (source, output, command, part)
        sideFiles = try source.scoreFiles(of: description)
        rejects = try source.rejects()
        receipt = ShardReceipt(
            tool: tool, options: Self.options(options, command: command, source: source, description),
            sourceHash: try Self.hash(source, description, sideFiles), shards: description.shards.count, shard: nil,
            rejects: [], totals: [:])

        madeFolder = !isFolder(output)
        try createFolder(output)
        guard !isSameFile(output, source.path) else {
            throw PFrameError(.usage, path: output, "is the source data set: name a new folder")
        }
        let hidden = output.appending(ShardReceipt.folderName)
        try createFolder(hidden)
        guard let lock = try KernelLock(hidden.appending("lock"), shared: part.count > 1) else {
            throw PFrameError(
                .busy, path: output, "another process is writing this folder: wait for it, or choose another")
        }
        self.lock = lock
        try receipt.checkIdentity(in: output, command: command)
        let mine = description.shards.indices.filter { part.contains($0) }
        let model = receipt
        let isFinished = try Parallel.map(mine.count, jobs: jobs) { model.isFinished(mine[$0], in: output) }
        let missing = zip(mine, isFinished).filter { !$0.1 }.map(\.0)
        // Until the set is closed again there is no finished one here.
        if !missing.isEmpty { try removeFile(output.appending(DatasetDescription.fileName)) }
        shards = mine.count
        pending = missing.map { [description] in description.shards[$0] }
        waiting = Mutex(missing.reversed())
    }

    /// The next shard to make; nil after the last shard.
    ///
    /// - Throws: `PFrameError` if the source cannot be read, or another process makes that shard.
    public func next() throws(PFrameError) -> DerivedShard? {
        guard let number = waiting.withLock({ $0.popLast() }) else { return nil }
        let shard = description.shards[number]
        let place = ShardReceipt.path(in: output, number: number)
        guard let lock = try KernelLock(place.removingLastComponent().appending("\(place.stem ?? "").lock")) else {
            throw PFrameError(
                .busy, path: place, "another process makes this shard: give each process a part of its own")
        }
        let open = try ShardReader(shard, in: source, description, sideFiles: sideFiles[shard.name] ?? [])
        // The shard is about to change: what stood here counts no more.
        for file in [place, output.appending(shard.tarName), output.appending(shard.rowsName)] { try removeFile(file) }
        var receipt = receipt
        // What the source left out belongs to no shard; the first one carries it.
        if number == 0 { receipt.rejects = rejects }
        return DerivedShard(
            name: shard.name, bucket: shard.bucket, number: number, source: open, folder: output, receipt: receipt,
            lock: lock)
    }

    /// Makes one data set of the shards: `rejects.jsonl`, `index.sqlite`, and at last `dataset.json`.
    ///
    /// - Returns: what `dataset.json` says now; nil where other parts are not done, the last of which closes the set.
    /// - Throws: `PFrameError` if shards are missing or belong to something else, or the disk is full.
    public func close(jobs: Int = Parallel.processors) throws(PFrameError) -> DatasetDescription? {
        if part.count > 1 {
            let isComplete = description.shards.indices.allSatisfy {
                fileSize(ShardReceipt.path(in: output, number: $0)) != nil
            }
            guard isComplete else { return nil }
        }
        // Whoever holds it saw all receipts too, and closes the set.
        let closing = output.appending(ShardReceipt.folderName).appending("closing.lock")
        guard let lock = try KernelLock(closing) else { return nil }
        let closed = try DatasetClosing.close(folder: output, jobs: jobs)
        return withExtendedLifetime(lock) { closed }
    }

    /// Removes what this process made of a set of which no shard is finished: a failure leaves no empty folder behind.
    ///
    /// Where others make parts of the set, they may need the folder.
    package func removeIfEmpty() {
        let hidden = output.appending(ShardReceipt.folderName)
        guard madeFolder, part.count == 1, let names = try? fileNames(in: hidden),
            names.allSatisfy({ $0 == "lock" || $0.hasSuffix(".lock") })
        else { return }
        // What cannot be removed stays: the error that led here is the one to tell of.
        for name in names { _ = hidden.appending(name).withPlatformString { unlink($0) } }
        for folder in [hidden, output] { _ = folder.withPlatformString { rmdir($0) } }
    }

    /// The source's options and what was done to it: readers of shapes and rates find them where they were.
    private static func options(
        _ options: JSONValue, command: String, source: DatasetFolder, _ description: DatasetDescription
    ) -> JSONValue {
        guard var derived = options.members else { preconditionFailure("options are an object") }
        var all = description.options.members ?? [:]
        let earlier = ["derived", "filter"].compactMap { name in all.removeValue(forKey: name).map { (name, $0) } }
        if !earlier.isEmpty { derived["before"] = .object(Dictionary(uniqueKeysWithValues: earlier)) }
        derived["command"] = .text(command)
        derived["source"] = .text(ownName(of: source.path))
        all["derived"] = .object(derived)
        return .object(all)
    }

    /// A hash of the source and of the scores beside it.
    private static func hash(
        _ source: DatasetFolder, _ description: DatasetDescription, _ sideFiles: [String: [String]]
    ) throws(PFrameError) -> String {
        let hash = SHA256()
        hash.update(Array(description.json.utf8))
        for name in sideFiles.values.flatMap({ $0 }).sorted() {
            let digest = try FileDigest.sha256(source.path.appending(name))
            hash.update(Array("\(name) \(digest)\n".utf8))
        }
        return hash.digest
    }
}

extension ShardReceipt {
    /// Refuses a folder whose shards were made with other options or of other samples.
    fileprivate func checkIdentity(in folder: FilePath, command: String) throws(PFrameError) {
        let remedy = "choose another folder, or remove this one"
        for number in 0..<shards {
            let path = Self.path(in: folder, number: number)
            guard fileSize(path) != nil else { continue }
            let found = try ShardReceipt(reading: path)
            guard let old = found.options["derived"], let new = options["derived"] else {
                throw PFrameError(.conflict, path: folder, "holds shards that `\(command)` did not make: \(remedy)")
            }
            guard old == new else {
                let changed = DatasetBuild.differences(old, new)
                throw PFrameError(.conflict, path: folder, "was made with other options (\(changed)): \(remedy)")
            }
            guard found.sourceHash == sourceHash else {
                throw PFrameError(
                    .conflict, path: folder, "was made from another data set, or before it changed: \(remedy)")
            }
            return
        }
        guard fileSize(folder.appending(DatasetDescription.fileName)) == nil else {
            throw PFrameError(.conflict, path: folder, "holds a data set that `\(command)` did not make: \(remedy)")
        }
    }

    /// Whether a shard is complete; one that is damaged, or cannot be read, is made again.
    fileprivate func isFinished(_ number: Int, in folder: FilePath) -> Bool {
        do throws(PFrameError) {
            let path = Self.path(in: folder, number: number)
            guard fileSize(path) != nil else { return false }
            let found = try ShardReceipt(reading: path)
            guard (found.options, found.sourceHash, found.shards) == (options, sourceHash, shards) else { return false }
            guard let shard = found.shard else { return true }
            return try DatasetFolder(folder).isIntact(shard)
        } catch {
            return false
        }
    }
}
