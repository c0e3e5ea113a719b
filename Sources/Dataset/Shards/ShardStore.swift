import Glibc
package import Storage
package import SystemPackage

/// Reads the files of a data set from where it is: the one place that knows the three kinds of ``ShardSource``.
package struct ShardStore: Sendable {
    /// Where the set is.
    package let source: ShardSource
    /// How often what fails is tried.
    package let patience: Patience
    /// Ends waiting.
    package let cancellation: Cancellation
    /// Reads from servers.
    package let readers: RemoteReaders

    /// A set whose files are opened when they are asked for.
    package init(
        source: ShardSource, patience: Patience, cancellation: Cancellation, readers: RemoteReaders = RemoteReaders()
    ) {
        (self.source, self.patience, self.cancellation, self.readers) = (source, patience, cancellation, readers)
    }

    /// The same set, for work with an end of its own.
    package func with(_ cancellation: Cancellation) -> ShardStore {
        ShardStore(source: source, patience: patience, cancellation: cancellation, readers: readers)
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
            return try remoteShard(location)
        case .command:
            return try CommandOutput(location, patience: patience, cancellation: cancellation).shard(size: shard.bytes)
        }
    }

    /// An error about a file of the set.
    package func error(_ code: PFrameError.Code, in name: String, at offset: Int?, _ message: String) -> PFrameError {
        if case .folder(let folder) = source {
            return PFrameError(code, path: folder.appending(name), offset: offset, message)
        }
        // An address or a command is not a path: it stands in the message.
        let place = offset.map { "at byte \($0): " } ?? ""
        let location = source.location(of: name)
        let shown = if case .server = source { RemoteAddress.withoutSecrets(location) } else { location }
        return PFrameError(code, "\(shown): \(place)\(message)")
    }

    /// Runs `body` and lets its errors name a file of the set.
    private func located<Result>(
        _ name: String, _ body: () throws(PFrameError) -> Result
    ) throws(PFrameError) -> Result {
        do throws(PFrameError) { return try body() } catch {
            throw self.error(error.code, in: name, at: error.offset, error.message)
        }
    }

    private func remoteShard(_ location: String) throws(PFrameError) -> RemoteShard {
        RemoteShard(
            file: try RemoteFile(location, readers: readers, patience: patience, cancellation: cancellation))
    }

    private func contents(of name: String) throws(PFrameError) -> [UInt8] {
        let location = source.location(of: name)
        switch source {
        case .folder(let folder):
            return try patience.retrying(cancellation) { () throws(PFrameError) in
                try readFile(folder.appending(name))
            }
        case .server:
            return try remoteShard(location).file.contents()
        case .command:
            return try CommandOutput(location, patience: patience, cancellation: cancellation).contents()
        }
    }
}

/// A shard that can be read.
package protocol ShardFile: Sendable {
    /// Its size in bytes.
    ///
    /// - Throws: `PFrameError` if it cannot be told.
    func size() throws(PFrameError) -> Int
    /// Begins to read `range`, which holds at least one byte.
    func stream(_ range: Range<Int>) -> any ByteStream
}

/// Bytes of a shard, from one place to another.
package protocol ByteStream: AnyObject {
    /// Fills a buffer with the next bytes.
    ///
    /// - Throws: `PFrameError` if they cannot be read or are not there.
    func read(into buffer: UnsafeMutableRawBufferPointer) throws(PFrameError)
}

extension ByteStream {
    /// The next `count` bytes.
    ///
    /// - Throws: `PFrameError` if they cannot be read or are not there.
    package func bytes(_ count: Int) throws(PFrameError) -> [UInt8] {
        var failure: PFrameError?
        let bytes = [UInt8](unsafeUninitializedCapacity: count) { buffer, initialized in
            do throws(PFrameError) {
                try read(into: UnsafeMutableRawBufferPointer(buffer))
                initialized = count
            } catch { failure = error }
        }
        if let failure { throw failure }
        return bytes
    }
}

/// A shard on this machine, or a copy of one.
///
/// Read by `pread`: copies of a mapped file are no faster once the page faults are counted, and a file that is cut off
/// while it is in use gives an error instead of a signal.
package final class LocalShard: ShardFile {
    private let descriptor: FileDescriptor
    /// As messages name it.
    fileprivate let path: FilePath

    /// Takes over an open file.
    package init(_ descriptor: FileDescriptor, path: FilePath) {
        (self.descriptor, self.path) = (descriptor, path)
    }

    /// Opens a file.
    ///
    /// - Throws: `PFrameError`.
    package convenience init(path: FilePath) throws(PFrameError) {
        do {
            self.init(try FileDescriptor.open(path, .readOnly, options: .closeOnExec), path: path)
        } catch {
            throw PFrameError(error, path: path, "cannot open")
        }
    }

    deinit {
        // Nothing was written: a failing close loses nothing.
        _ = try? descriptor.close()
    }

    package func size() throws(PFrameError) -> Int {
        var facts = stat()
        guard fstat(descriptor.rawValue, &facts) == 0 else {
            throw PFrameError(Errno(rawValue: errno), path: path, "cannot tell the size")
        }
        guard facts.st_mode & S_IFMT == S_IFREG else { throw PFrameError(.usage, path: path, "is not a file") }
        return Int(facts.st_size)
    }

    package func stream(_ range: Range<Int>) -> any ByteStream { LocalStream(self, offset: range.lowerBound) }

    /// Reads at a place.
    package func read(into buffer: UnsafeMutableRawBufferPointer, at offset: Int) throws(PFrameError) {
        let count: Int
        do { count = try descriptor.fill(buffer, at: offset) } catch {
            throw PFrameError(error, path: path, offset: offset, "cannot read")
        }
        guard count == buffer.count else {
            throw PFrameError(.damaged, path: path, offset: offset + count, "the file ends here")
        }
    }
}

/// Reads on in a local file.
private final class LocalStream: ByteStream {
    private let shard: LocalShard
    private var offset: Int

    init(_ shard: LocalShard, offset: Int) { (self.shard, self.offset) = (shard, offset) }

    func read(into buffer: UnsafeMutableRawBufferPointer) throws(PFrameError) {
        try shard.read(into: buffer, at: offset)
        offset += buffer.count
    }
}

/// Reads bytes that are in memory already.
package final class MemoryStream: ByteStream {
    private let bytes: [UInt8]
    private var offset = 0

    package init(_ bytes: [UInt8]) { self.bytes = bytes }

    package func read(into buffer: UnsafeMutableRawBufferPointer) throws(PFrameError) {
        precondition(offset + buffer.count <= bytes.count, "more than is there")
        buffer.copyBytes(from: bytes[offset..<(offset + buffer.count)])
        offset += buffer.count
    }
}
