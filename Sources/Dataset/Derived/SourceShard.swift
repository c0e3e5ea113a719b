import SystemPackage

/// A shard of the set that another one is derived from, open for reading from any thread.
struct SourceShard: Sendable {
    /// The rows in order, scores of side files included.
    let rows: [ShardRow]
    private let file: LocalShard
    private let path: FilePath
    private let size: Int
    private let remedy: String

    /// Opens a shard and reads its rows.
    ///
    /// - Throws: `DatasetError`.
    init(
        _ shard: DatasetDescription.Shard, in folder: DatasetFolder, _ description: DatasetDescription,
        sideFiles: [String]
    ) throws(DatasetError) {
        rows = try folder.scoredRows(shard, sideFiles)
        path = folder.tar(shard)
        file = try LocalShard(path: path)
        size = shard.bytes
        remedy = Remedy.shard(description)
    }

    /// Reads a sample.
    ///
    /// - Throws: `DatasetError` where it is damaged or cannot be read.
    func sample(_ index: Int) throws(DatasetError) -> SourceSample {
        let row = rows[index]
        // A damaged row may ask for more than memory holds.
        guard row.size <= size, row.offset <= size - row.size else {
            throw damaged(row, "its row places it behind the end of the shard")
        }
        let record: [UInt8]
        do throws(DatasetError) {
            record = try file.stream(row.offset..<(row.offset + row.size)).bytes(row.size)
        } catch {
            throw DatasetError(path: path, offset: error.offset, "sample \(row.key): \(error.message); \(remedy)")
        }
        guard record.withUnsafeBytes({ CRC32C.of($0) }) == row.crc32c else {
            throw damaged(row, "its bytes have another CRC-32C than its row says")
        }
        return SourceSample(index: index, row: row, record: record, path: path)
    }

    private func damaged(_ row: ShardRow, _ what: String) -> DatasetError {
        DatasetError(
            path: path, offset: row.offset, "sample \(row.key) is damaged: \(what); see `pframe check`; \(remedy)")
    }
}
