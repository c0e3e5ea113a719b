import Codec
import Glibc
import SystemPackage

/// A shard that can be read.
protocol ShardFile: Sendable {
    /// Its size in bytes.
    ///
    /// - Throws: `DatasetError` where it cannot be told.
    func size() throws(DatasetError) -> Int
    /// Begins to read `range`, which holds at least one byte.
    func stream(_ range: Range<Int>) -> any ByteStream
}

/// Bytes of a shard, from one place to another.
protocol ByteStream: AnyObject {
    /// Fills a buffer with the next bytes.
    ///
    /// - Throws: `DatasetError` where they cannot be read or are not there.
    func read(into buffer: UnsafeMutableRawBufferPointer) throws(DatasetError)
}

extension ByteStream {
    /// The next `count` bytes.
    ///
    /// - Throws: `DatasetError` where they cannot be read or are not there.
    func bytes(_ count: Int) throws(DatasetError) -> [UInt8] {
        var failure: DatasetError?
        let bytes = [UInt8](unsafeUninitializedCapacity: count) { buffer, initialized in
            do throws(DatasetError) {
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
final class LocalShard: ShardFile {
    private let descriptor: FileDescriptor
    /// As messages name it.
    fileprivate let path: FilePath

    /// Takes over an open file.
    init(_ descriptor: FileDescriptor, path: FilePath) {
        (self.descriptor, self.path) = (descriptor, path)
    }

    /// Opens a file.
    ///
    /// - Throws: `DatasetError`.
    convenience init(path: FilePath) throws(DatasetError) {
        do {
            self.init(try FileDescriptor.open(path, .readOnly, options: .closeOnExec), path: path)
        } catch {
            throw DatasetError(path: path, "cannot open: \(error)")
        }
    }

    deinit {
        // Nothing was written: a failing close loses nothing.
        _ = try? descriptor.close()
    }

    func size() throws(DatasetError) -> Int {
        var facts = stat()
        guard fstat(descriptor.rawValue, &facts) == 0 else {
            throw DatasetError(path: path, "cannot tell the size: \(Errno(rawValue: errno))")
        }
        guard facts.st_mode & S_IFMT == S_IFREG else { throw DatasetError(path: path, "is no file") }
        return Int(facts.st_size)
    }

    func stream(_ range: Range<Int>) -> any ByteStream { LocalStream(self, offset: range.lowerBound) }

    /// Reads at a place.
    fileprivate func read(into buffer: UnsafeMutableRawBufferPointer, at offset: Int) throws(DatasetError) {
        var filled = 0
        while filled < buffer.count {
            let count: Int
            do {
                count = try descriptor.read(
                    fromAbsoluteOffset: Int64(offset + filled),
                    into: UnsafeMutableRawBufferPointer(rebasing: buffer[filled...]))
            } catch {
                throw DatasetError(path: path, offset: offset + filled, "cannot read: \(error)")
            }
            guard count > 0 else { throw DatasetError(path: path, offset: offset + filled, "the file ends here") }
            filled += count
        }
    }
}

/// Reads on in a local file.
private final class LocalStream: ByteStream {
    private let shard: LocalShard
    private var offset: Int

    init(_ shard: LocalShard, offset: Int) { (self.shard, self.offset) = (shard, offset) }

    func read(into buffer: UnsafeMutableRawBufferPointer) throws(DatasetError) {
        try shard.read(into: buffer, at: offset)
        offset += buffer.count
    }
}

/// Reads bytes that are in memory already.
final class MemoryStream: ByteStream {
    private let bytes: [UInt8]
    private var offset = 0

    init(_ bytes: [UInt8]) { self.bytes = bytes }

    func read(into buffer: UnsafeMutableRawBufferPointer) throws(DatasetError) {
        precondition(offset + buffer.count <= bytes.count, "more than is there")
        buffer.copyBytes(from: bytes[offset..<(offset + buffer.count)])
        offset += buffer.count
    }
}
