package import Storage
import Synchronization

/// A file of a data set on a server.
package final class RemoteShard: ShardFile {
    private let address: RemoteAddress
    private let readers: RemoteReaders
    private let patience: Patience
    private let cancellation: Cancellation
    /// The size that the server told first.
    private let firstSize = Mutex<Int?>(nil)

    /// Names a file; nothing is asked yet.
    ///
    /// - Throws: `PFrameError` if the address is incomplete.
    package init(
        _ address: String, readers: RemoteReaders, patience: Patience, cancellation: Cancellation
    ) throws(PFrameError) {
        do throws(RemoteError) { self.address = try RemoteAddress(address) } catch {
            throw PFrameError(error.code, error.message)
        }
        (self.readers, self.patience, self.cancellation) = (readers, patience, cancellation)
    }

    package func size() throws(PFrameError) -> Int {
        let reader = readers.take()
        defer { readers.give(reader) }
        return try patience.retrying(cancellation) { () throws(RemoteError) in
            ask(reader, from: 0, to: 1)
            let size = try checkedSize(of: reader)
            guard let size else { throw RemoteError("\(address.name): the server tells no size", code: .unsupported) }
            var byte: UInt8 = 0
            // Only a reply that was read to its end leaves its connection open.
            _ = try withUnsafeMutableBytes(of: &byte) { bytes throws(RemoteError) in try reader.read(into: bytes) }
            return size
        }
    }

    package func stream(_ range: Range<Int>) -> any ByteStream { RemoteStream(self, range) }

    /// Reads the whole file; where the connection breaks, on from there if the server gives ranges of bytes.
    ///
    /// - Throws: `PFrameError` after the last try.
    package func contents() throws(PFrameError) -> [UInt8] {
        let reader = readers.take()
        defer { readers.give(reader) }
        var bytes: [UInt8] = []
        let piece = AlignedBuffer(count: 1 << 16)
        return try patience.retrying(cancellation) { () throws(RemoteError) in
            if !reader.givesRanges { bytes = [] }
            ask(reader, from: bytes.count, to: nil)
            _ = try checkedSize(of: reader)
            while true {
                let count = try reader.read(into: piece.bytes)
                guard count > 0 else { return bytes }
                bytes += piece.bytes[..<count]
            }
        }
    }

    private func ask(_ reader: RemoteReader, from start: Int, to end: Int?) {
        reader.ask(address, from: start, to: end, timeout: patience.timeout) { [cancellation] in
            cancellation.isRequested
        }
    }

    /// Waits for a reply, and compares the size of the whole file with the one that was told before.
    private func checkedSize(of reader: RemoteReader) throws(RemoteError) -> Int? {
        guard let size = try reader.size() else { return nil }
        let first = firstSize.withLock { first in
            if first == nil { first = size }
            return first
        }
        guard size == first else {
            throw RemoteError(
                "\(address.name): the file changed from \(first ?? 0) to \(size) bytes while it was read: start again",
                code: .conflict)
        }
        return size
    }

    /// Reads a range of a file, and asks for the rest of it when the connection breaks.
    private final class RemoteStream: ByteStream {
        private let shard: RemoteShard
        private var rest: Range<Int>
        /// Reads `rest`; nil before the first request, after an error, and at the end.
        private var reader: RemoteReader?

        init(_ shard: RemoteShard, _ range: Range<Int>) { (self.shard, rest) = (shard, range) }

        deinit { giveBack() }

        func read(into buffer: UnsafeMutableRawBufferPointer) throws(PFrameError) {
            var left = buffer
            while !left.isEmpty {
                // The count of tries starts over after every byte.
                let count = try shard.patience.retrying(shard.cancellation) { () throws(RemoteError) in
                    do throws(RemoteError) { return try readSome(into: left) } catch {
                        giveBack()
                        throw error
                    }
                }
                left = UnsafeMutableRawBufferPointer(rebasing: left[count...])
            }
        }

        private func readSome(into buffer: UnsafeMutableRawBufferPointer) throws(RemoteError) -> Int {
            let reader: RemoteReader
            if let open = self.reader {
                reader = open
            } else {
                reader = shard.readers.take()
                self.reader = reader
                shard.ask(reader, from: rest.lowerBound, to: rest.upperBound)
                _ = try shard.checkedSize(of: reader)
            }
            let count = try reader.read(into: buffer)
            guard count > 0 else {
                throw RemoteError(
                    "\(shard.address.name): the reply ends before byte \(rest.lowerBound)", mayPass: true)
            }
            rest = (rest.lowerBound + count)..<rest.upperBound
            if rest.isEmpty { giveBack() }
            return count
        }

        private func giveBack() {
            if let reader = reader.take() { shard.readers.give(reader) }
        }
    }
}

/// The readers of a data set's server that nothing is being read with: each keeps its connection for the next.
package final class RemoteReaders: Sendable {
    private let idle = Mutex<[RemoteReader]>([])

    /// No reader yet.
    package init() {}

    /// A reader for one thread.
    func take() -> RemoteReader { idle.withLock { $0.popLast() } ?? RemoteReader() }

    /// Takes a reader back.
    func give(_ reader: RemoteReader) {
        reader.finish()
        idle.withLock { $0.append(reader) }
    }
}

extension Patience {
    /// As ``retrying(_:_:)``, for requests: an error that no wait mends ends at once, and the wait that a server asks for
    /// is kept, up to the time after which a silent server counts as dead.
    func retrying<Result>(
        _ cancellation: Cancellation, _ body: () throws(RemoteError) -> Result
    ) throws(PFrameError) -> Result {
        var number = 1
        while true {
            do throws(RemoteError) { return try body() } catch {
                guard error.mayPass, number < tries, !cancellation.isRequested else {
                    throw PFrameError(error.code, error.message).afterTries(number)
                }
                cancellation.sleep(seconds: max(wait(after: number), min(error.wait, timeout)))
            }
            number += 1
        }
    }
}
