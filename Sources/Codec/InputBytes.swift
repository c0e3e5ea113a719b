import Glibc
import Storage
import SystemPackage

/// The bytes of a video that is no local file.
protocol InputBytes: AnyObject {
    /// In bytes; nil while it is not known.
    var knownSize: Int? { get }
    /// Whether the bytes come only from start to end, and the container can be read so.
    var readsForwards: Bool { get }

    /// In bytes; where they come only from start to end, all are taken first.
    ///
    /// - Throws: `PFrameError` if the bytes cannot be read.
    func size() throws(PFrameError) -> Int

    /// Reads up to a buffer's size from a place in the video; 0 only at the end.
    ///
    /// - Throws: `PFrameError` if the bytes cannot be read.
    func read(at offset: Int, into buffer: UnsafeMutableRawBufferPointer) throws(PFrameError) -> Int

    /// Bytes from a place on, whose neighbours nobody wants; fewer only where the video ends.
    ///
    /// - Throws: `PFrameError` if they cannot be read.
    func bytes(at offset: Int, count: Int) throws(PFrameError) -> [UInt8]
}

extension InputBytes {
    func bytes(at offset: Int, count: Int) throws(PFrameError) -> [UInt8] {
        let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: count, alignment: 1)
        defer { buffer.deallocate() }
        var filled = 0
        while filled < count {
            let more = try read(at: offset + filled, into: UnsafeMutableRawBufferPointer(rebasing: buffer[filled...]))
            guard more > 0 else { break }
            filled += more
        }
        return Array(buffer[..<filled])
    }
}

/// Where the bytes of a video come from.
enum InputSource {
    /// A file that libavformat opens itself.
    case file(FilePath)
    /// A server or a pipe.
    case bytes(any InputBytes)

    /// Finds out what a path stands for, and opens what is no local file.
    ///
    /// - Throws: `PFrameError` if a server refuses or does not answer, or standard input is a terminal.
    init(_ path: FilePath) throws(PFrameError) {
        if let address = path.address {
            self = .bytes(try Self.bytes(of: address))
        } else if let pipe = try SpooledBytes.pipe(path) {
            self = .bytes(pipe)
        } else {
            // What the shell opened for standard input is opened again, from its start.
            self = .file(path.isStandardInput ? "/dev/stdin" : path)
        }
    }

    private static func bytes(of address: String) throws(PFrameError) -> any InputBytes {
        let file = try RemoteFile(address)
        let size: Int
        do throws(PFrameError) { size = try file.size() } catch {
            guard error.code == .unsupported else { throw error }
            // A server without ranges of bytes.
            return SpooledBytes(file.forwards())
        }
        return RemoteBytes(file, size: size)
    }
}

/// A video on a server that gives ranges of bytes.
///
/// Reads ahead in pieces that grow as long as each begins where the one before ended: jumps cost little, and a video that
/// is read from start to end few requests. Each piece is read to its end, so that its connection serves the next.
final class RemoteBytes: InputBytes {
    private static let pieces = (smallest: 1 << 17, largest: 1 << 22)

    let readsForwards = false
    private let file: RemoteFile
    private let end: Int
    private var stream: RemoteFile.Stream?
    /// What `stream` still has to give.
    private var rest = 0..<0
    private var piece = RemoteBytes.pieces.smallest

    init(_ file: RemoteFile, size: Int) { (self.file, end) = (file, size) }

    var knownSize: Int? { end }

    func size() -> Int { end }

    func read(at offset: Int, into buffer: UnsafeMutableRawBufferPointer) throws(PFrameError) -> Int {
        guard offset < end, !buffer.isEmpty else { return 0 }
        if stream == nil || offset != rest.lowerBound || rest.isEmpty {
            let isNext = offset == rest.lowerBound && rest.isEmpty && stream != nil
            piece = isNext ? min(2 * piece, Self.pieces.largest) : Self.pieces.smallest
            rest = offset..<(offset + min(piece, end - offset))
            stream = file.stream(rest)
        }
        let count = min(buffer.count, rest.count)
        do throws(PFrameError) {
            try stream?.read(into: UnsafeMutableRawBufferPointer(rebasing: buffer[..<count]))
        } catch {
            stream = nil
            throw error
        }
        rest = (rest.lowerBound + count)..<rest.upperBound
        return count
    }

    /// Asks for these bytes alone: headers in a row of a file would cost a whole piece each.
    func bytes(at offset: Int, count: Int) throws(PFrameError) -> [UInt8] {
        guard offset < end, count > 0 else { return [] }
        let count = min(count, end - offset)
        let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: count, alignment: 1)
        defer { buffer.deallocate() }
        try file.stream(offset..<(offset + count)).read(into: buffer)
        return Array(buffer)
    }
}
