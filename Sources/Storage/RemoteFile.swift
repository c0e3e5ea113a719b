import Synchronization

/// A file on a server.
package final class RemoteFile: Sendable {
    private let address: RemoteAddress
    private let readers: RemoteReaders
    private let patience: Patience
    private let cancellation: Cancellation
    /// The most bytes that a file may have: a pebibyte.
    private static let largest = 1 << 50
    /// What the server told first of the file.
    private let first = Mutex<Facts?>(nil)

    /// What a server tells of a file.
    package struct Facts: Sendable, Equatable {
        /// In bytes; nil if the server does not say.
        package var size: Int?
        /// When it changed last, in seconds since 1970; nil if the server does not say.
        package var modified: Int?
        /// Its strong entity tag; nil if the server gives none.
        var tag: String?
    }

    /// Names a file; nothing is asked yet.
    ///
    /// - Throws: `PFrameError` if the address is incomplete.
    package init(
        _ address: String, readers: RemoteReaders = .shared, patience: Patience = Patience(),
        cancellation: Cancellation = Cancellation()
    ) throws(PFrameError) {
        do throws(RemoteError) { self.address = try RemoteAddress(address) } catch {
            throw PFrameError(error.code, error.message)
        }
        (self.readers, self.patience, self.cancellation) = (readers, patience, cancellation)
    }

    /// Its size in bytes, on a server that gives ranges of bytes.
    ///
    /// - Throws: `PFrameError` after the last try; `unsupported` if the server gives no ranges or no size.
    package func size() throws(PFrameError) -> Int {
        let reader = readers.take()
        defer { readers.give(reader) }
        return try patience.retrying(cancellation) { () throws(RemoteError) in
            ask(reader, from: 0, to: 1)
            guard let size = try checkedSize(of: reader) else {
                throw RemoteError("\(address.name): the server tells no size", code: .unsupported)
            }
            var byte: UInt8 = 0
            // Only a reply that was read to its end leaves its connection open.
            _ = try withUnsafeMutableBytes(of: &byte) { bytes throws(RemoteError) in try reader.read(into: bytes) }
            return size
        }
    }

    /// What the server tells of the file, whether it gives ranges of bytes or not.
    ///
    /// - Throws: `PFrameError` after the last try.
    package func facts() throws(PFrameError) -> Facts {
        let reader = readers.take()
        defer { readers.give(reader) }
        return try patience.retrying(cancellation) { () throws(RemoteError) in
            ask(reader, from: 0, to: nil)
            _ = try checkedSize(of: reader)
            return Facts(size: try reader.size(), modified: reader.modified, tag: reader.tag)
        }
    }

    /// Begins to read `range`, which holds at least one byte.
    package func stream(_ range: Range<Int>) -> Stream { Stream(self, range) }

    /// Begins to read the whole file from its start, on a server that need not give ranges of bytes.
    package func forwards() -> Forwards { Forwards(self) }

    /// Reads the whole file; where the connection breaks, on from there if the server gives ranges of bytes.
    ///
    /// - Throws: `PFrameError` after the last try.
    package func contents() throws(PFrameError) -> [UInt8] {
        let reader = readers.take()
        defer { readers.give(reader) }
        var bytes: [UInt8] = []
        let piece = UnsafeMutableRawBufferPointer.allocate(byteCount: 1 << 16, alignment: 16)
        defer { piece.deallocate() }
        return try patience.retrying(cancellation) { () throws(RemoteError) in
            if !reader.givesRanges { bytes = [] }
            ask(reader, from: bytes.count, to: nil)
            _ = try checkedSize(of: reader)
            while true {
                let count = try reader.read(into: piece)
                guard count > 0 else { return bytes }
                bytes += piece[..<count]
            }
        }
    }

    private func ask(_ reader: RemoteReader, from start: Int, to end: Int?) {
        reader.ask(address, from: start, to: end, timeout: patience.timeout) { [cancellation] in
            cancellation.isRequested
        }
    }

    /// Waits for a reply, and compares what it tells of the whole file with what was told before.
    private func checkedSize(of reader: RemoteReader) throws(RemoteError) -> Int? {
        guard let size = try reader.size() else { return nil }
        guard size <= Self.largest else {
            throw RemoteError("\(address.name): the server tells a size of \(size) bytes", code: .damaged)
        }
        let now = Facts(size: size, modified: nil, tag: reader.tag)
        let first = self.first.withLock { first in
            if first == nil { first = now }
            return first ?? now
        }
        guard size == first.size else {
            throw RemoteError(
                "\(address.name): the file changed from \(first.size ?? 0) to \(size) bytes while it was read: start again",
                code: .conflict)
        }
        guard first.tag == nil || now.tag == nil || now.tag == first.tag else {
            throw RemoteError("\(address.name): the file changed while it was read: start again", code: .conflict)
        }
        return size
    }

    /// Reads a range of a file, and asks for the rest of it when the connection breaks.
    package final class Stream {
        private let file: RemoteFile
        private var rest: Range<Int>
        /// Reads `rest`; nil before the first request, after an error, and at the end.
        private var reader: RemoteReader?

        init(_ file: RemoteFile, _ range: Range<Int>) { (self.file, rest) = (file, range) }

        deinit { giveBack() }

        /// Fills a buffer with the next bytes.
        ///
        /// - Throws: `PFrameError` after the last try; the count of tries starts over with every call.
        package func read(into buffer: UnsafeMutableRawBufferPointer) throws(PFrameError) {
            var left = buffer
            try file.patience.retrying(file.cancellation) { () throws(RemoteError) in
                do throws(RemoteError) {
                    while !left.isEmpty {
                        let count = try readSome(into: left)
                        left = UnsafeMutableRawBufferPointer(rebasing: left[count...])
                    }
                } catch {
                    giveBack()
                    throw error
                }
            }
        }

        private func readSome(into buffer: UnsafeMutableRawBufferPointer) throws(RemoteError) -> Int {
            let reader: RemoteReader
            if let open = self.reader {
                reader = open
            } else {
                reader = file.readers.take()
                self.reader = reader
                file.ask(reader, from: rest.lowerBound, to: rest.upperBound)
                _ = try file.checkedSize(of: reader)
            }
            let count = try reader.read(into: buffer)
            guard count > 0 else {
                throw RemoteError(
                    "\(file.address.name): the reply ends before byte \(rest.lowerBound)", mayPass: true)
            }
            rest = (rest.lowerBound + count)..<rest.upperBound
            if rest.isEmpty { giveBack() }
            return count
        }

        private func giveBack() {
            if let reader = reader.take() { file.readers.give(reader) }
        }
    }

    /// Reads a whole file from start to end. Where the connection breaks and the server gives no ranges of bytes, it
    /// reads the file again up to where it was.
    package final class Forwards {
        private let file: RemoteFile
        /// Bytes that were handed over.
        private var position = 0
        /// Reads on from `position`; nil before the first request, after an error, and at the end.
        private var reader: RemoteReader?
        private var hasEnded = false

        init(_ file: RemoteFile) { self.file = file }

        deinit { giveBack() }

        /// Reads up to a buffer's size; 0 only at the end of the file.
        ///
        /// - Throws: `PFrameError` after the last try.
        package func read(into buffer: UnsafeMutableRawBufferPointer) throws(PFrameError) -> Int {
            guard !hasEnded else { return 0 }
            let count = try file.patience.retrying(file.cancellation) { () throws(RemoteError) in
                do throws(RemoteError) { return try readSome(into: buffer) } catch {
                    giveBack()
                    throw error
                }
            }
            position += count
            if count == 0 {
                hasEnded = true
                giveBack()
            }
            return count
        }

        private func readSome(into buffer: UnsafeMutableRawBufferPointer) throws(RemoteError) -> Int {
            if let reader { return try reader.read(into: buffer) }
            let reader = file.readers.take()
            self.reader = reader
            file.ask(reader, from: 0, to: nil)
            _ = try file.checkedSize(of: reader)
            var left = position
            while left > 0 {
                let count = try reader.read(into: UnsafeMutableRawBufferPointer(rebasing: buffer.prefix(left)))
                guard count > 0 else {
                    throw RemoteError("\(file.address.name): the reply ends before byte \(position)", mayPass: true)
                }
                left -= count
            }
            return try reader.read(into: buffer)
        }

        private func giveBack() {
            if let reader = reader.take() { file.readers.give(reader) }
        }
    }
}

@available(*, unavailable)
extension RemoteFile.Stream: Sendable {}

@available(*, unavailable)
extension RemoteFile.Forwards: Sendable {}

/// Readers that nothing is being read with: each keeps its connection for the next file.
package final class RemoteReaders: Sendable {
    /// Those of all videos and lists of this process.
    package static let shared = RemoteReaders()

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
