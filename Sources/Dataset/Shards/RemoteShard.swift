import Codec
package import Storage

/// A shard on a server.
package final class RemoteShard: ShardFile {
    private let url: String
    private let patience: Patience
    private let cancellation: Cancellation

    /// Names a shard; nothing is asked yet.
    package init(url: String, patience: Patience, cancellation: Cancellation) {
        (self.url, self.patience, self.cancellation) = (url, patience, cancellation)
    }

    package func size() throws(PFrameError) -> Int {
        try patience.retrying(cancellation) { () throws(PFrameError) in
            let file = try Self.open(url, 0..<1, patience, cancellation)
            guard let size = file.size else { throw PFrameError(path: nil, "\(url): the server tells no size") }
            return size
        }
    }

    package func stream(_ range: Range<Int>) -> any ByteStream {
        RemoteStream(url: url, range: range, patience: patience, cancellation: cancellation)
    }

    /// Reads a whole file.
    ///
    /// - Throws: `PFrameError` after the last try.
    package static func contents(
        _ url: String, patience: Patience, cancellation: Cancellation
    ) throws(PFrameError) -> [UInt8] {
        try patience.retrying(cancellation) { () throws(PFrameError) in
            var file = try open(url, nil, patience, cancellation)
            var bytes: [UInt8] = []
            let piece = AlignedBuffer(count: 1 << 16)
            while true {
                let count: Int
                do throws(PFrameError) { count = try file.read(into: piece.bytes) } catch { throw PFrameError(error) }
                guard count > 0 else { break }
                bytes += piece.bytes[..<count]
            }
            guard file.size == nil || file.size == bytes.count else {
                throw PFrameError(path: nil, "\(url): the connection broke after \(bytes.count) bytes")
            }
            return bytes
        }
    }

    fileprivate static func open(
        _ url: String, _ range: Range<Int>?, _ patience: Patience, _ cancellation: Cancellation
    ) throws(PFrameError) -> RemoteFile {
        try carrying { () throws(PFrameError) in
            try RemoteFile(url: url, range: range, timeout: patience.timeout) { cancellation.isRequested }
        }
    }
}

/// Reads a range of a file on a server, and asks for the rest of it when the connection breaks.
private final class RemoteStream: ByteStream {
    private let url: String
    private var rest: Range<Int>
    private let patience: Patience
    private let cancellation: Cancellation
    private var file: RemoteFile?

    init(url: String, range: Range<Int>, patience: Patience, cancellation: Cancellation) {
        (self.url, rest, self.patience, self.cancellation) = (url, range, patience, cancellation)
    }

    func read(into buffer: UnsafeMutableRawBufferPointer) throws(PFrameError) {
        var left = buffer
        while !left.isEmpty {
            // Tries count anew after every byte that came.
            let count = try patience.retrying(cancellation) { () throws(PFrameError) in
                do throws(PFrameError) { return try readSome(into: left) } catch {
                    file = nil
                    throw error
                }
            }
            left = UnsafeMutableRawBufferPointer(rebasing: left[count...])
        }
    }

    private func readSome(into buffer: UnsafeMutableRawBufferPointer) throws(PFrameError) -> Int {
        let bytes = "bytes \(rest.lowerBound)-\(rest.upperBound - 1)"
        do throws(PFrameError) {
            var file: RemoteFile
            if let open = self.file.take() {
                file = open
            } else {
                file = try RemoteFile(url: url, range: rest, timeout: patience.timeout) { [cancellation] in
                    cancellation.isRequested
                }
            }
            let count = try file.read(into: buffer)
            guard count > 0 else { throw PFrameError(path: nil, "\(url): the connection broke") }
            self.file = consume file
            rest = (rest.lowerBound + count)..<rest.upperBound
            return count
        } catch {
            throw PFrameError(path: nil, "\(error.message) (\(bytes))")
        }
    }
}
