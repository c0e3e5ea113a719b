public import Storage
package import SystemPackage

/// A shard of a data set on this machine, open for reading records from any thread.
///
/// Everything but the loader reads records by it: deriving, filtering, reporting and single clips.
package struct ShardReader: Sendable {
    /// The rows in order, scores of side files included.
    package let rows: [ShardRow]
    private let file: LocalShard
    private let path: FilePath
    private let size: Int
    private let remedy: String

    /// Opens a shard and reads its rows.
    ///
    /// - Parameter sideFiles: the names of the score files whose scores the rows get.
    /// - Throws: `PFrameError`.
    package init(
        _ shard: DatasetDescription.Shard, in folder: DatasetFolder, _ description: DatasetDescription,
        sideFiles: [String] = []
    ) throws(PFrameError) {
        rows = try folder.scoredRows(shard, sideFiles)
        path = folder.tar(shard)
        file = try LocalShard(path: path)
        size = shard.bytes
        remedy = description.shardRemedy
    }

    /// Reads a record.
    ///
    /// - Throws: `PFrameError` if it is damaged or cannot be read.
    package func record(_ index: Int) throws(PFrameError) -> Record {
        var bytes: [UInt8] = []
        try read(index, into: &bytes)
        return Record(index: index, row: rows[index], bytes: bytes, path: path)
    }

    /// Reads a record's headers, members and padding to the start of `bytes`, which grows where it is too small.
    ///
    /// - Throws: `PFrameError` if the record is damaged or cannot be read.
    package func read(_ index: Int, into bytes: inout [UInt8]) throws(PFrameError) {
        let row = rows[index]
        // A damaged row may ask for more than memory holds.
        guard row.size <= size, row.offset <= size - row.size else {
            throw damaged(row, "its row places it behind the end of the shard")
        }
        if bytes.count < row.size { bytes = [UInt8](repeating: 0, count: row.size) }
        let isIntact: Bool
        do throws(PFrameError) {
            isIntact = try bytes.withUnsafeMutableBufferPointer { buffer throws(PFrameError) in
                let record = UnsafeMutableRawBufferPointer(rebasing: UnsafeMutableRawBufferPointer(buffer)[..<row.size])
                try file.read(into: record, at: row.offset)
                return CRC32C.of(UnsafeRawBufferPointer(record)) == row.crc32c
            }
        } catch {
            throw PFrameError(
                error.code, path: path, offset: error.offset, "record \(row.key): \(error.message); \(remedy)")
        }
        if !isIntact { throw damaged(row, "its bytes have another CRC-32C than its row says") }
    }

    private func damaged(_ row: ShardRow, _ what: String) -> PFrameError {
        PFrameError(
            .damaged, path: path, offset: row.offset,
            "record \(row.key) is damaged: \(what); see `pframe check`; \(remedy)")
    }
}

/// A WebDataset sample in a shard; its CRC-32C was compared with its row.
public struct Record: Sendable {
    /// Its place in its shard, from 0.
    public let index: Int
    /// Key, members, caption, metadata and scores, including the scores of side files.
    public let row: ShardRow
    /// Headers, members and padding as they lie in the shard.
    private let storage: [UInt8]
    private let path: FilePath

    package init(index: Int, row: ShardRow, bytes: [UInt8], path: FilePath) {
        (self.index, self.row, storage, self.path) = (index, row, bytes, path)
    }

    /// The bytes of a member; the bytes of `mv.npy` begin with the `.npy` header.
    ///
    /// - Throws: `PFrameError` that names shard and sample if it has no such member.
    public func bytes(of member: String) throws(PFrameError) -> [UInt8] {
        guard let found = row.member(member) else {
            let names = row.members.map(\.name).joined(separator: ", ")
            throw PFrameError(
                .missing, path: path, offset: row.offset,
                "record \(row.key) has no \(member), only \(names): choose a data set whose records have it")
        }
        return bytes(of: found)
    }

    /// The bytes of a member of ``row``.
    package func bytes(of member: ShardRow.Member) -> [UInt8] {
        let start = member.offset - row.offset
        return Array(storage[start..<(start + member.length)])
    }

    /// The record with other files and scores: kept members, added members, and added or replaced scores.
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
                .unsupported, path: path, offset: row.offset,
                "\(row.key).\(name) has more bytes than the \(TarHeader.longestName) of a tar header: shorten the keys")
        }
        return Sample(members: members, columns: columns)
    }
}
