import SystemPackage

/// Reads the files of a data set from where it is: the one place that knows the three kinds of ``ShardSource``.
struct ShardStore: Sendable {
    /// Where the set is.
    let source: ShardSource
    /// How often what fails is tried.
    let patience: Patience
    /// Ends waiting.
    let cancellation: Cancellation

    /// The same set, for work with an end of its own.
    func with(_ cancellation: Cancellation) -> ShardStore {
        ShardStore(source: source, patience: patience, cancellation: cancellation)
    }

    /// Reads `dataset.json`.
    ///
    /// - Throws: `DatasetError`.
    func description() throws(DatasetError) -> DatasetDescription {
        // A folder without the file is an unfinished set, which waiting does not finish.
        if case .folder(let path) = source { return try DatasetFolder(path).description() }
        let name = DatasetDescription.fileName
        let text = try contents(of: name)
        return try located(name) { () throws(DatasetError) in
            try DatasetDescription(text, path: FilePath(name))
        }
    }

    /// Reads the rows of a shard.
    ///
    /// - Throws: `DatasetError`.
    func rows(of shard: DatasetDescription.Shard) throws(DatasetError) -> ShardRows {
        let text = try contents(of: shard.rowsName)
        return try located(shard.rowsName) { () throws(DatasetError) in
            try ShardRows(text: text, path: FilePath(shard.rowsName), count: shard.samples)
        }
    }

    /// Opens a shard.
    ///
    /// - Throws: `DatasetError`.
    func open(_ shard: DatasetDescription.Shard) throws(DatasetError) -> any ShardFile {
        let location = source.location(of: shard.tarName)
        switch source {
        case .folder(let folder):
            return try patience.retrying(cancellation) { () throws(DatasetError) in
                try LocalShard(path: folder.appending(shard.tarName))
            }
        case .server:
            return RemoteShard(url: location, patience: patience, cancellation: cancellation)
        case .command:
            return try CommandOutput(location, patience: patience, cancellation: cancellation).shard(size: shard.bytes)
        }
    }

    /// An error about a file of the set.
    func error(in name: String, at offset: Int?, _ message: String) -> DatasetError {
        if case .folder(let folder) = source {
            return DatasetError(path: folder.appending(name), offset: offset, message)
        }
        // An address or a command is no path: it stands in the message.
        let place = offset.map { "at byte \($0): " } ?? ""
        return DatasetError(path: nil, "\(source.location(of: name)): \(place)\(message)")
    }

    /// Runs `body` and lets its errors name a file of the set.
    private func located<Result>(
        _ name: String, _ body: () throws(DatasetError) -> Result
    ) throws(DatasetError) -> Result {
        do throws(DatasetError) { return try body() } catch {
            throw self.error(in: name, at: error.offset, error.message)
        }
    }

    private func contents(of name: String) throws(DatasetError) -> [UInt8] {
        let location = source.location(of: name)
        switch source {
        case .folder(let folder):
            return try patience.retrying(cancellation) { () throws(DatasetError) in
                try readFile(folder.appending(name))
            }
        case .server:
            return try RemoteShard.contents(location, patience: patience, cancellation: cancellation)
        case .command:
            return try CommandOutput(location, patience: patience, cancellation: cancellation).contents()
        }
    }
}
