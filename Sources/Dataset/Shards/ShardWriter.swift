import Glibc
package import Storage
package import SystemPackage

/// Writes one shard: `NAME.tar` (USTAR) and its rows `NAME.jsonl`.
///
/// Both files are written under `.tmp` names, synchronised and renamed, the rows after the archive. An unfinished
/// writer removes its files.
package final class ShardWriter {
    private let folder: FilePath
    private let name: String
    private let number: Int
    private let descriptor: FileDescriptor
    private var isOpen = true
    private var isPublished = false
    private let hash = SHA256()
    private var rows = ""
    private var samples = 0
    private var offset = 0
    /// A sample as it goes into the archive; kept for its capacity.
    private var record: [UInt8] = []

    /// Creates the archive of shard `number`.
    ///
    /// - Throws: `PFrameError`.
    package init(folder: FilePath, name: String, number: Int) throws(PFrameError) {
        (self.folder, self.name, self.number) = (folder, name, number)
        let path = Self.temporary(folder, name + ".tar")
        do {
            descriptor = try FileDescriptor.open(
                path, .writeOnly, options: [.create, .truncate, .closeOnExec],
                permissions: [.ownerReadWrite, .groupRead, .otherRead])
        } catch {
            throw PFrameError(error, path: path, "cannot create the shard")
        }
    }

    deinit {
        // An unfinished shard is being given up: there is no one left to tell.
        if isOpen { _ = try? descriptor.close() }
        guard !isPublished else { return }
        for file in [name + ".tar", name + ".jsonl"] {
            _ = Self.temporary(folder, file).withPlatformString { unlink($0) }
        }
    }

    /// The key of sample `number` of shard `shard`.
    package static func key(shard: Int, sample: Int) -> String {
        shard.zeroPadded(6) + "_" + sample.zeroPadded(7)
    }

    /// The file name of a shard without an ending.
    package static func name(of shard: Int) -> String { "clips-" + key(shard: shard, sample: 0).prefix { $0 != "_" } }

    /// Appends a sample.
    ///
    /// - Parameter given: its key; the next one of the shard unless given.
    /// - Throws: `PFrameError`, a full disk included.
    package func append(_ sample: borrowing Sample, key given: String? = nil) throws(PFrameError) {
        let key = given ?? Self.key(shard: number, sample: samples)
        var files = sample.members
        if !files.contains(where: { $0.name == "json" }) {
            files.append(("json", Array(sample.columns.json(key: key).utf8)))
        }
        files.sort { $0.name.utf8.lexicographicallyPrecedes($1.name.utf8) }
        record.removeAll(keepingCapacity: true)
        var members: [ShardRow.Member] = []
        for (name, bytes) in files {
            record += TarHeader(file: "\(key).\(name)", size: bytes.count).block
            members.append(ShardRow.Member(name: name, offset: offset + record.count, length: bytes.count))
            record += bytes
            record += repeatElement(0, count: TarHeader.padded(bytes.count) - bytes.count)
        }
        let row = ShardRow(
            key: key, offset: offset, size: record.count, crc32c: record.withUnsafeBytes { CRC32C.of($0) },
            members: members, columns: sample.columns)
        try write(record)
        rows += row.json + "\n"
        samples += 1
    }

    /// Appends a sample as it stands in another shard, key and all.
    ///
    /// - Throws: `PFrameError`, a full disk included.
    package func append(_ bytes: UnsafeRawBufferPointer, of row: ShardRow) throws(PFrameError) {
        var moved = row
        moved.offset = offset
        for index in moved.members.indices { moved.members[index].offset += offset - row.offset }
        record.removeAll(keepingCapacity: true)
        record.append(contentsOf: bytes)
        try write(record)
        rows += moved.json + "\n"
        samples += 1
    }

    /// Ends the archive, writes the rows and gives both their names; nil, and no files, for a shard without samples.
    ///
    /// - Parameter bucket: the shape of all clips, in a set with buckets.
    /// - Throws: `PFrameError`, a full disk included.
    package func finish(bucket: Bucket? = nil) throws(PFrameError) -> DatasetDescription.Shard? {
        guard samples > 0 else { return nil }
        try write([UInt8](repeating: 0, count: TarHeader.endSize))
        let tar = name + ".tar"
        isOpen = false
        do { try descriptor.close() } catch {
            throw PFrameError(error, path: folder.appending(tar), "cannot write the shard")
        }
        let text = Array(rows.utf8)
        try writeFile(text, to: Self.temporary(folder, name + ".jsonl"))
        try publish([tar, name + ".jsonl"].map { (Self.temporary(folder, $0), folder.appending($0)) })
        isPublished = true
        var shard = DatasetDescription.Shard(
            name: name, samples: samples, bytes: offset, sha256: hash.digest,
            rowsSHA256: SHA256.digest(of: text))
        shard.bucket = bucket
        return shard
    }

    private func write(_ bytes: [UInt8]) throws(PFrameError) {
        bytes.withUnsafeBytes { hash.update($0) }
        do { try descriptor.writeAll(bytes) } catch {
            let path = folder.appending(name + ".tar")
            throw PFrameError(error, path: path, offset: offset, "cannot write the shard")
        }
        offset += bytes.count
    }

    private static func temporary(_ folder: FilePath, _ file: String) -> FilePath { folder.appending(file + ".tmp") }
}

@available(*, unavailable)
extension ShardWriter: Sendable {}
