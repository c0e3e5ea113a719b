package import Storage
import SystemPackage

/// Reads the files of a data set from where it is: the one place that knows the three kinds of ``ShardSource``.
package struct ShardStore: Sendable {
    /// Where the set is.
    package let source: ShardSource
    /// How often what fails is tried.
    package let patience: Patience
    /// Ends waiting.
    package let cancellation: Cancellation

    /// The same set, for work with an end of its own.
    package func with(_ cancellation: Cancellation) -> ShardStore {
        ShardStore(source: source, patience: patience, cancellation: cancellation)
    }

    /// Reads `dataset.json`.
    ///
    /// - Throws: `PFrameError`.
    package func description() throws(PFrameError) -> DatasetDescription {
        // A folder without the file is an unfinished set, which waiting does not finish.
        if case .folder(let path) = source { return try DatasetFolder(path).description() }
        let name = DatasetDescription.fileName
        let text = try contents(of: name)
        return try located(name) { () throws(PFrameError) in
            try DatasetDescription(text, path: FilePath(name))
        }
    }

    /// Reads the rows of a shard.
    ///
    /// - Throws: `PFrameError`.
    package func rows(of shard: DatasetDescription.Shard) throws(PFrameError) -> ShardRows {
        let text = try contents(of: shard.rowsName)
        return try located(shard.rowsName) { () throws(PFrameError) in
            try ShardRows(text: text, path: FilePath(shard.rowsName), count: shard.samples)
        }
    }

    /// Opens a shard.
    ///
    /// - Throws: `PFrameError`.
    package func open(_ shard: DatasetDescription.Shard) throws(PFrameError) -> any ShardFile {
        let location = source.location(of: shard.tarName)
        switch source {
        case .folder(let folder):
            return try patience.retrying(cancellation) { () throws(PFrameError) in
                try LocalShard(path: folder.appending(shard.tarName))
            }
        case .server:
            return RemoteShard(url: location, patience: patience, cancellation: cancellation)
        case .command:
            return try CommandOutput(location, patience: patience, cancellation: cancellation).shard(size: shard.bytes)
        }
    }

    /// An error about a file of the set.
    package func error(in name: String, at offset: Int?, _ message: String) -> PFrameError {
        if case .folder(let folder) = source {
            return PFrameError(path: folder.appending(name), offset: offset, message)
        }
        // An address or a command is no path: it stands in the message.
        let place = offset.map { "at byte \($0): " } ?? ""
        return PFrameError(path: nil, "\(source.location(of: name)): \(place)\(message)")
    }

    /// Runs `body` and lets its errors name a file of the set.
    private func located<Result>(
        _ name: String, _ body: () throws(PFrameError) -> Result
    ) throws(PFrameError) -> Result {
        do throws(PFrameError) { return try body() } catch {
            throw self.error(in: name, at: error.offset, error.message)
        }
    }

    private func contents(of name: String) throws(PFrameError) -> [UInt8] {
        let location = source.location(of: name)
        switch source {
        case .folder(let folder):
            return try patience.retrying(cancellation) { () throws(PFrameError) in
                try readFile(folder.appending(name))
            }
        case .server:
            return try RemoteShard.contents(location, patience: patience, cancellation: cancellation)
        case .command:
            return try CommandOutput(location, patience: patience, cancellation: cancellation).contents()
        }
    }
}
