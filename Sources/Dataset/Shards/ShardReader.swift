public import Storage
package import SystemPackage

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

/// A sample of the set that another one is derived from; its CRC-32C was compared with its row.
public struct SourceSample: Sendable {
    /// Its place in its shard, from 0.
    public let index: Int
    /// Key, members, caption, metadata and scores, those of side files included.
    public let row: ShardRow
    /// Headers, members and padding as they lie in the shard.
    private let record: [UInt8]
    private let path: FilePath

    package init(index: Int, row: ShardRow, record: [UInt8], path: FilePath) {
        (self.index, self.row, self.record, self.path) = (index, row, record, path)
    }

    /// The bytes of a file of the sample: those of `mv.npy` begin with its `.npy` header.
    ///
    /// - Throws: `PFrameError` that names shard and sample where it has no such member.
    public func bytes(of member: String) throws(PFrameError) -> [UInt8] {
        guard let found = row.member(member) else {
            let names = row.members.map(\.name).joined(separator: ", ")
            throw PFrameError(
                path: path, offset: row.offset,
                "sample \(row.key) has no \(member), only \(names): choose a data set whose samples have it")
        }
        return bytes(of: found)
    }

    private func bytes(of member: ShardRow.Member) -> [UInt8] {
        let start = member.offset - row.offset
        return Array(record[start..<(start + member.length)])
    }

    /// The sample with other files: what is kept of its own, what is added, and scores beside or instead of its own.
    package func derived(
        keeping names: [String], adding added: [(name: String, bytes: [UInt8])], scores: [String: Double]
    ) throws(PFrameError) -> Sample {
        var columns = row.columns
        columns.scores.merge(scores) { $1 }
        var members = added
        for member in row.members where !added.contains(where: { $0.name == member.name }) {
            if names.contains(member.name) && member.name != "json" {
                members.append((member.name, bytes(of: member)))
            } else if member.name == "json" {
                let json = bytes(of: member)
                if !SampleColumns.wrote(json, key: row.key) { members.append(("json", json)) }
            }
        }
        for (name, _) in members where "\(row.key).\(name)".utf8.count > TarHeader.longestName {
            throw PFrameError(
                path: path, offset: row.offset,
                "\(row.key).\(name) has more bytes than the \(TarHeader.longestName) of a tar header: shorten the keys")
        }
        return Sample(members: members, columns: columns)
    }
}
