public import Storage
public import SystemPackage

/// The folder of a data set: `dataset.json`, shards and their rows.
public struct DatasetFolder: Sendable, Equatable {
    /// The folder.
    public let path: FilePath

    /// Names a folder; nothing is read yet.
    public init(_ path: FilePath) { self.path = path }

    /// Reads `dataset.json`.
    ///
    /// - Throws: `PFrameError` where it is missing (the set is unfinished, or no data set) or damaged.
    public func description() throws(PFrameError) -> DatasetDescription {
        let file = path.appending(DatasetDescription.fileName)
        guard fileSize(file) != nil else {
            guard isFolder(path) else { throw PFrameError(path: path, "no such folder") }
            throw PFrameError(
                path: path,
                "holds no \(DatasetDescription.fileName): run `pframe build` to its end, or `pframe index` over shards")
        }
        return try DatasetDescription(try readFile(file), path: file)
    }

    /// Reads `dataset.json` of a set that PFrame built; nil where there is none, or one of shards made elsewhere.
    ///
    /// - Throws: `PFrameError` where it is damaged.
    public func ownDescription() throws(PFrameError) -> DatasetDescription? {
        guard fileSize(path.appending(DatasetDescription.fileName)) != nil else { return nil }
        let description = try description()
        return description.sourceHash.isEmpty ? nil : description
    }

    /// Where a shard's archive is.
    public func tar(_ shard: DatasetDescription.Shard) -> FilePath { path.appending(shard.tarName) }

    /// Whether a shard's archive and rows are there with the sizes and hashes that they must have.
    ///
    /// - Throws: `PFrameError` where one of them cannot be read.
    package func isIntact(_ shard: DatasetDescription.Shard) throws(PFrameError) -> Bool {
        let rows = path.appending(shard.rowsName)
        guard fileSize(tar(shard)) == shard.bytes, fileSize(rows) != nil else { return false }
        guard try FileDigest.sha256(tar(shard)) == shard.sha256 else { return false }
        return try FileDigest.sha256(rows) == shard.rowsSHA256
    }

    /// Reads the rows of a shard.
    ///
    /// - Throws: `PFrameError` where they are missing, damaged, or not as many as `dataset.json` says.
    public func rows(_ shard: DatasetDescription.Shard) throws(PFrameError) -> [ShardRow] {
        let file = path.appending(shard.rowsName)
        let rows = try ShardRow.rows(in: try readFile(file), path: file)
        guard rows.count == shard.samples else {
            throw PFrameError(path: file, "\(rows.count) rows where dataset.json says \(shard.samples)")
        }
        return rows
    }
}
