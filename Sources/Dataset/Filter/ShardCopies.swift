import Storage
import SystemPackage

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
    /// - Throws: `DatasetError` that names a damaged sample, or a full disk.
    func copy(
        _ number: Int, _ index: DatasetIndex, _ progress: (Int) throws(DatasetError) -> Void
    ) throws(DatasetError) {
        let shard = description.shards[number]
        let first = starts[number]
        let kept = (0..<shard.samples).filter { plan.keeps(first + $0) }
        if try isDone(number) {
            try progress(shard.bytes)
        } else {
            let rows = try source.rows(shard)
            let keys = try index.rows(["key"], where: "number BETWEEN \(first) AND \(first + shard.samples - 1)")
            guard keys.map({ $0[0].string }) == rows.map(\.key) else {
                throw DatasetError(path: index.path, "has other clips than \(shard.rowsName): run `pframe index`")
            }
            try removeFile(output.appending(shard.tarName))
            try removeFile(output.appending(shard.rowsName))
            let copied = kept.isEmpty ? nil : try copy(kept.map { rows[$0] }, of: shard, number, progress)
            let receipt = ShardReceipt(
                tool: tool, options: options, sourceHash: sourceHash, shards: description.shards.count, shard: copied,
                rejects: number == 0 ? rejects : [],
                totals: ["kept": kept.count, "dropped": shard.samples - kept.count])
            try replaceFile(ShardReceipt.path(in: output, number: number), with: receipt.json)
        }
        try copySideFiles(of: shard, kept.isEmpty)
    }

    /// Whether an earlier run of the same filter wrote the shard.
    private func isDone(_ number: Int) throws(DatasetError) -> Bool {
        let path = ShardReceipt.path(in: output, number: number)
        guard fileSize(path) != nil else { return false }
        let receipt: ShardReceipt
        do throws(DatasetError) { receipt = try ShardReceipt(reading: path) } catch {
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
        _ rows: [ShardRow], of shard: DatasetDescription.Shard, _ number: Int,
        _ progress: (Int) throws(DatasetError) -> Void
    ) throws(DatasetError) -> DatasetDescription.Shard? {
        let path = source.tar(shard)
        let descriptor: FileDescriptor
        do { descriptor = try FileDescriptor.open(path, .readOnly, options: .closeOnExec) } catch {
            throw DatasetError(path: path, "cannot open: \(error)")
        }
        // Nothing is written to it: a failing close loses nothing.
        defer { _ = try? descriptor.close() }
        let writer = try ShardWriter(folder: output, name: shard.name, number: number)
        var bytes: [UInt8] = []
        var told = 0
        for row in rows {
            if bytes.count < row.size { bytes = [UInt8](repeating: 0, count: row.size) }
            try read(row, descriptor, path, &bytes)
            try bytes.withUnsafeBufferPointer { bytes throws(DatasetError) in
                let record = UnsafeRawBufferPointer(rebasing: UnsafeRawBufferPointer(bytes)[..<row.size])
                guard CRC32C.of(record) == row.crc32c else {
                    throw DatasetError(
                        path: path, offset: row.offset,
                        "sample \(row.key) is damaged: see `pframe check`; \(description.shardRemedy)")
                }
                try writer.append(record, of: row)
            }
            try progress(row.offset + row.size - told)
            told = row.offset + row.size
        }
        try progress(shard.bytes - told)
        return try writer.finish()
    }

    private func read(
        _ row: ShardRow, _ descriptor: FileDescriptor, _ path: FilePath, _ bytes: inout [UInt8]
    ) throws(DatasetError) {
        var filled = 0
        while filled < row.size {
            let count: Int
            do {
                count = try bytes.withUnsafeMutableBytes { bytes in
                    try descriptor.read(
                        fromAbsoluteOffset: Int64(row.offset + filled),
                        into: UnsafeMutableRawBufferPointer(rebasing: bytes[filled..<row.size]))
                }
            } catch {
                throw DatasetError(path: path, offset: row.offset, "cannot read sample \(row.key): \(error)")
            }
            guard count > 0 else {
                throw DatasetError(
                    path: path, offset: row.offset + filled,
                    "ends within sample \(row.key): see `pframe check`; \(description.shardRemedy)")
            }
            filled += count
        }
    }

    /// Carries the scores of kept samples over.
    private func copySideFiles(of shard: DatasetDescription.Shard, _ isEmpty: Bool) throws(DatasetError) {
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
