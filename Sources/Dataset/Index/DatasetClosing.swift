import Codec
public import Shards
public import Storage
public import SystemPackage

/// Makes one data set of the shards that parts of a build left: `rejects.jsonl`, `index.sqlite`, and at last
/// `dataset.json`.
public enum DatasetClosing: Sendable {
    /// Whether a folder holds receipts of a build.
    public static func holdsReceipts(_ folder: FilePath) -> Bool {
        // A folder without a readable list of receipts holds none that count.
        guard let names = try? fileNames(in: folder.appending(ShardReceipt.folderName)) else { return false }
        return names.contains { number(of: $0) != nil }
    }

    /// Closes the set in `folder`. Receipts stay where they are: a part that is built again may close it again.
    ///
    /// - Returns: what `dataset.json` says now.
    /// - Throws: `PFrameError` if shards are missing, or belong to different builds, or the disk is full; then there
    ///   is no `dataset.json` that says otherwise.
    public static func close(
        folder: FilePath, jobs: Int = Parallel.processors
    ) throws(PFrameError) -> DatasetDescription {
        let file = folder.appending(DatasetDescription.fileName)
        try DatasetDescription.checkReplaceable(file)
        let receipts = try receipts(in: folder)
        let description = DatasetDescription(
            tool: Set(receipts.map(\.tool)).sorted().joined(separator: ", "), options: receipts[0].options,
            sourceHash: receipts[0].sourceHash, shards: receipts.compactMap(\.shard).sorted { $0.name < $1.name },
            totals: receipts.reduce(into: [:]) { $0.merge($1.totals, uniquingKeysWith: +) })
        for shard in description.shards { try check(shard, in: folder) }

        if fileSize(file) != nil, try readFile(file) != Array(description.json.utf8) { try removeFile(file) }
        try replaceFile(folder.appending(Reject.fileName), with: Reject.text(receipts.flatMap(\.rejects)))
        try DatasetIndex.write(DatasetFolder(folder), description: description, jobs: jobs)
        try replaceFile(file, with: description.json)
        return description
    }

    /// The receipts of all shards, by number.
    private static func receipts(in folder: FilePath) throws(PFrameError) -> [ShardReceipt] {
        let names = try fileNames(in: folder.appending(ShardReceipt.folderName))
        let numbers = names.compactMap { number(of: $0) }.sorted()
        guard let first = numbers.first else {
            throw PFrameError(.missing, path: folder, "holds no receipts of shards: run `pframe build` first")
        }
        let model = try ShardReceipt(reading: ShardReceipt.path(in: folder, number: first))
        var receipts: [ShardReceipt] = []
        for number in numbers {
            let path = ShardReceipt.path(in: folder, number: number)
            let receipt = try ShardReceipt(reading: path)
            let difference =
                receipt.sourceHash != model.sourceHash
                ? "another input list" : receipt.options != model.options ? "other options" : nil
            if let difference {
                let other = ShardReceipt.path(in: folder, number: first).lastComponent?.string ?? ""
                throw PFrameError(
                    .conflict, path: path,
                    "built from \(difference) than \(other): build both with the same, or into another folder")
            }
            guard receipt.shards == model.shards, number < model.shards else {
                throw PFrameError(
                    .conflict, path: path, "shard \(number) of \(receipt.shards) in a set of \(model.shards): remove it"
                )
            }
            receipts.append(receipt)
        }
        let missing = Set(0..<model.shards).subtracting(numbers).sorted()
        guard missing.isEmpty else {
            let (noun, verb) = missing.count == 1 ? ("shard", "is") : ("shards", "are")
            let parts = missing.count == 1 ? "run its part" : "run their parts"
            throw PFrameError(
                .missing, path: folder, "\(noun) \(ranges(missing)) of \(model.shards) \(verb) missing: \(parts)")
        }
        return receipts
    }

    private static func check(_ shard: DatasetDescription.Shard, in folder: FilePath) throws(PFrameError) {
        let tar = folder.appending(shard.tarName)
        guard let size = fileSize(tar) else {
            throw PFrameError(.missing, path: tar, "is missing: run its part again")
        }
        guard size == shard.bytes else {
            throw PFrameError(
                .damaged, path: tar, "\(size) bytes, but \(shard.bytes) were written: run its part again")
        }
        let rows = folder.appending(shard.rowsName)
        guard fileSize(rows) != nil else { throw PFrameError(.missing, path: rows, "is missing: run its part again") }
    }

    /// The number of the shard that a file is the receipt of.
    private static func number(of name: String) -> Int? {
        guard name.hasSuffix(".json") else { return nil }
        let digits = name.dropLast(".json".utf8.count)
        guard digits.utf8.count >= 6, digits.utf8.allSatisfy({ (0x30...0x39).contains($0) }) else { return nil }
        return Int(digits)
    }

    /// `3, 7–9` for sorted numbers.
    static func ranges(_ numbers: [Int]) -> String {
        var runs: [ClosedRange<Int>] = []
        for number in numbers {
            if let last = runs.last, last.upperBound + 1 == number {
                runs[runs.count - 1] = last.lowerBound...number
            } else {
                runs.append(number...number)
            }
        }
        return runs.map { $0.count == 1 ? "\($0.lowerBound)" : "\($0.lowerBound)–\($0.upperBound)" }
            .joined(separator: ", ")
    }
}

extension DatasetFolder {
    /// Makes a folder of shards a data set with an index: closes a data set that was built in parts, rewrites
    /// `index.sqlite` of a finished data set, and describes shards of other programs.
    ///
    /// - Parameters:
    ///   - tool: what to call the program in `dataset.json` of shards of other programs.
    ///   - begin: called with the number of bytes to read, if shards must be read.
    ///   - progress: called with the bytes read since its last call, from any thread; what it throws ends the work.
    ///   - jobs: threads that work at once.
    /// - Throws: `PFrameError` if shards are missing, there are none, or the disk fails. Damaged shards of other
    ///   programs are in the report.
    public func index(
        tool: String, jobs: Int = Parallel.processors, begin: (Int) -> Void = { _ in },
        progress: @Sendable (Int) throws(PFrameError) -> Void = { _ in }
    ) throws(PFrameError) -> ForeignIndexing.Report {
        if DatasetClosing.holdsReceipts(path) {
            return ForeignIndexing.Report(
                description: try DatasetClosing.close(folder: path, jobs: jobs), problems: [])
        }
        if let description = try ownDescription() {
            try DatasetIndex.write(self, description: description, jobs: jobs)
            return ForeignIndexing.Report(description: description, problems: [])
        }
        return try ForeignIndexing(self, tool: tool).run(jobs: jobs, begin: begin, progress: progress)
    }
}
