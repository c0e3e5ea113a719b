package import Storage
import SystemPackage

/// A shard of the set that another one is derived from, open for reading from any thread.
package struct SourceShard: Sendable {
    /// The rows in order, scores of side files included.
    package let rows: [ShardRow]
    private let file: LocalShard
    private let path: FilePath
    private let size: Int
    private let remedy: String

    /// Opens a shard and reads its rows.
    ///
    /// - Throws: `PFrameError`.
    package init(
        _ shard: DatasetDescription.Shard, in folder: DatasetFolder, _ description: DatasetDescription,
        sideFiles: [String]
    ) throws(PFrameError) {
        rows = try folder.scoredRows(shard, sideFiles)
        path = folder.tar(shard)
        file = try LocalShard(path: path)
        size = shard.bytes
        remedy = description.shardRemedy
    }

    /// Reads a sample.
    ///
    /// - Throws: `PFrameError` where it is damaged or cannot be read.
    package func sample(_ index: Int) throws(PFrameError) -> SourceSample {
        let row = rows[index]
        // A damaged row may ask for more than memory holds.
        guard row.size <= size, row.offset <= size - row.size else {
            throw damaged(row, "its row places it behind the end of the shard")
        }
        let record: [UInt8]
        do throws(PFrameError) {
            record = try file.stream(row.offset..<(row.offset + row.size)).bytes(row.size)
        } catch {
            throw PFrameError(path: path, offset: error.offset, "sample \(row.key): \(error.message); \(remedy)")
        }
        guard record.withUnsafeBytes({ CRC32C.of($0) }) == row.crc32c else {
            throw damaged(row, "its bytes have another CRC-32C than its row says")
        }
        return SourceSample(index: index, row: row, record: record, path: path)
    }

    private func damaged(_ row: ShardRow, _ what: String) -> PFrameError {
        PFrameError(
            path: path, offset: row.offset, "sample \(row.key) is damaged: \(what); see `pframe check`; \(remedy)")
    }
}
