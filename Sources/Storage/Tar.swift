// By hand, because a shard's bytes must be the same at every build and every member's place be known: libarchive hides
// places when it reads, and chooses the kind of header when it writes.
import Glibc
package import SystemPackage

/// The header block of a tar member (POSIX.1-1988 `ustar`).
package struct TarHeader: Sendable, Equatable {
    /// Bytes of a block: headers take one, payloads are padded to whole ones.
    package static let blockSize = 512
    /// Bytes of zeros that end an archive.
    package static let endSize = 2 * blockSize

    /// The most bytes of a name that ``block`` can write.
    package static let longestName = 100

    /// What a header announces.
    package enum Kind: Sendable, Equatable {
        /// A file.
        case file
        /// A pax extended header for the next member; the payload is its records.
        case extended
        /// GNU's long name for the next member; the payload is the name.
        case longName
        /// A folder, link, or anything else that carries no sample.
        case other
    }

    /// The path in the archive.
    package var name: String
    /// Bytes of the payload.
    package var size: Int
    /// What it is.
    package var kind: Kind

    /// The header of a file: mode 0444, user, group and time 0.
    ///
    /// - Parameter name: at most 100 bytes of UTF-8.
    package init(file name: String, size: Int) {
        precondition(name.utf8.count <= Self.longestName, "tar names have at most 100 bytes")
        (self.name, self.size, kind) = (name, size, .file)
    }

    /// What is wrong with a header block.
    package enum Problem: Error, Sendable, Equatable {
        /// All zero: the archive ends here.
        case end
        /// No tar header, or a damaged one.
        case damaged
    }

    /// Reads a block of 512 bytes.
    ///
    /// - Throws: `Problem`.
    package init(_ block: UnsafeRawBufferPointer) throws(Problem) {
        precondition(block.count == Self.blockSize, "a tar header has 512 bytes")
        guard block.contains(where: { $0 != 0 }) else { throw .end }
        guard let stored = Self.octal(block[148..<156]), stored == Self.checksum(block),
            let size = Self.number(block[124..<136]), size >= 0, size < 1 << 50
        else { throw .damaged }
        let prefix = block[257..<262].elementsEqual("ustar".utf8) ? Self.text(block[345..<500]) : ""
        name = (prefix.isEmpty ? "" : prefix + "/") + Self.text(block[0..<100])
        self.size = size
        kind =
            switch block[156] {
            case UInt8(ascii: "0"), 0, UInt8(ascii: "7"): .file
            case UInt8(ascii: "x"): .extended
            case UInt8(ascii: "L"): .longName
            default: .other
            }
    }

    /// The block as it stands in the archive.
    package var block: [UInt8] {
        var block = [UInt8](repeating: 0, count: Self.blockSize)
        func put(_ text: String, at offset: Int) {
            block.replaceSubrange(offset..<(offset + text.utf8.count), with: text.utf8)
        }
        put(name, at: 0)
        put("0000444\0", at: 100)
        put("0000000\0", at: 108)
        put("0000000\0", at: 116)
        put(Self.octal(size, digits: 11) + "\0", at: 124)
        put("00000000000\0", at: 136)
        put("0", at: 156)
        put("ustar\u{0}00", at: 257)
        let sum = block.withUnsafeBytes { Self.checksum($0) }
        put(Self.octal(sum, digits: 6) + "\0 ", at: 148)
        return block
    }

    /// Bytes that a payload of `size` takes with its padding.
    package static func padded(_ size: Int) -> Int { (size + blockSize - 1) / blockSize * blockSize }

    /// The sum of all bytes, those of the checksum itself counted as spaces.
    private static func checksum(_ block: UnsafeRawBufferPointer) -> Int {
        block.enumerated().reduce(0) { $0 + (148..<156 ~= $1.offset ? 0x20 : Int($1.element)) }
    }

    private static func octal(_ value: Int, digits: Int) -> String {
        let text = value.zeroPadded(digits, radix: 8)
        precondition(text.count == digits, "too large a number for a tar header")
        return text
    }

    private static func octal(_ field: Slice<UnsafeRawBufferPointer>) -> Int? {
        let digits = field.drop { $0 == 0x20 }.prefix { $0 != 0 && $0 != 0x20 }
        return digits.isEmpty ? nil : Int(String(decoding: digits, as: UTF8.self), radix: 8)
    }

    /// Octal digits, or GNU's base-256 for payloads of 8 GiB and more.
    private static func number(_ field: Slice<UnsafeRawBufferPointer>) -> Int? {
        guard let first = field.first, first & 0x80 != 0 else { return octal(field) }
        guard first == 0x80, field.dropFirst().prefix(3).allSatisfy({ $0 == 0 }) else { return nil }
        return field.suffix(8).reduce(0) { $0 << 8 | Int($1) }
    }

    private static func text(_ field: Slice<UnsafeRawBufferPointer>) -> String {
        String(decoding: field.prefix { $0 != 0 }, as: UTF8.self)
    }
}

/// A member of a tar file.
package struct TarEntry: Equatable {
    /// The path in the archive, long names resolved.
    package var name: String
    /// Where its first header begins, that of a long name included.
    package var start: Int
    /// Where its bytes begin.
    package var offset: Int
    /// How many they are.
    package var size: Int
    /// Whether it is a file.
    package var isFile: Bool

    /// Where the next header begins.
    package var end: Int { offset + TarHeader.padded(size) }
}

/// Reads a tar file once from start to end, hashing every byte that goes by; memory is one buffer.
package final class TarReader {
    /// What stands where a header is expected.
    package enum Step: Equatable {
        /// A member; its bytes come next.
        case entry(TarEntry)
        /// A block of zeros: the archive ends here.
        case end
        /// The file ends, within a header or without an end-of-archive mark.
        case cut
        /// No header, or a damaged one, at that byte.
        case damaged(Int)
    }

    private static let capacity = 1 << 20
    /// More than any name: what a header announces beyond it is damage.
    private static let longestName = 1 << 20

    package let path: FilePath
    /// Bytes of the file.
    package let size: Int
    /// The checksum of all bytes since it was last set.
    package var crc = CRC32C()
    /// Every byte before it has gone by.
    package private(set) var position = 0
    /// The bytes of the headers that `next` read last.
    package private(set) var headers: [UInt8] = []
    private let hash = SHA256()
    private let descriptor: FileDescriptor
    private let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: capacity, alignment: 64)
    private var rest = UnsafeRawBufferPointer(start: nil, count: 0)

    /// Opens a file.
    ///
    /// - Throws: `PFrameError`.
    package init(_ path: FilePath) throws(PFrameError) {
        self.path = path
        guard let size = fileSize(path) else {
            buffer.deallocate()
            throw PFrameError(.missing, path: path, "is missing")
        }
        self.size = size
        do { descriptor = try FileDescriptor.open(path, .readOnly, options: .closeOnExec) } catch {
            buffer.deallocate()
            throw PFrameError(error, path: path, "cannot open")
        }
    }

    deinit {
        // Nothing was written: a failing close loses nothing.
        _ = try? descriptor.close()
        buffer.deallocate()
    }

    /// SHA-256 of all bytes so far, hexadecimal.
    package var digest: String { hash.digest }

    /// Reads on to `end`, or the end of the file, lending the bytes in pieces that must not be stored.
    ///
    /// - Throws: `PFrameError` if the disk fails.
    package func read(to end: Int, _ body: (UnsafeRawBufferPointer) -> Void = { _ in }) throws(PFrameError) {
        while position < end {
            if rest.isEmpty {
                let count: Int
                do { count = try descriptor.read(into: buffer) } catch {
                    throw PFrameError(error, path: path, offset: position, "cannot read")
                }
                guard count > 0 else { return }
                rest = UnsafeRawBufferPointer(rebasing: buffer[..<count])
            }
            let piece = UnsafeRawBufferPointer(rebasing: rest.prefix(end - position))
            rest = UnsafeRawBufferPointer(rebasing: rest.dropFirst(piece.count))
            hash.update(piece)
            crc.update(piece)
            position += piece.count
            body(piece)
        }
    }

    /// The next bytes, fewer at the end of the file.
    ///
    /// - Throws: `PFrameError` if the disk fails.
    package func bytes(_ count: Int) throws(PFrameError) -> [UInt8] {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(min(count, size))
        try read(to: position + count) { bytes.append(contentsOf: $0) }
        return bytes
    }

    /// Reads the header at the present position, with those of long names before it.
    ///
    /// - Throws: `PFrameError` if the disk fails.
    package func next() throws(PFrameError) -> Step {
        let start = position
        headers.removeAll(keepingCapacity: true)
        var (longName, longSize): (String?, Int?) = (nil, nil)
        while true {
            let place = position
            let block = try bytes(TarHeader.blockSize)
            guard block.count == TarHeader.blockSize else { return .cut }
            headers += block
            let header: TarHeader
            do throws(TarHeader.Problem) {
                header = try block.withUnsafeBufferPointer { block throws(TarHeader.Problem) in
                    try TarHeader(UnsafeRawBufferPointer(block))
                }
            } catch {
                return error == .end && place == start ? .end : .damaged(place)
            }
            switch header.kind {
            case .file, .other:
                return .entry(
                    TarEntry(
                        name: longName ?? header.name, start: start, offset: position, size: longSize ?? header.size,
                        isFile: header.kind == .file))
            case .longName, .extended:
                guard header.size <= Self.longestName else { return .damaged(place) }
                let payload = try bytes(TarHeader.padded(header.size))
                guard payload.count == TarHeader.padded(header.size) else { return .cut }
                headers += payload
                if header.kind == .longName {
                    longName = String(decoding: payload.prefix(header.size).prefix { $0 != 0 }, as: UTF8.self)
                } else {
                    guard let records = Self.records(payload.prefix(header.size)) else { return .damaged(place) }
                    longName = records["path"] ?? longName
                    if let text = records["size"] {
                        guard let size = Int(text), (0..<1 << 50).contains(size) else { return .damaged(place) }
                        longSize = size
                    }
                }
            }
        }
    }

    /// The records of a pax header, `LENGTH KEY=VALUE\n`; nil if they are damaged.
    private static func records(_ payload: ArraySlice<UInt8>) -> [String: String]? {
        var records: [String: String] = [:]
        var rest = payload
        while !rest.isEmpty {
            guard let space = rest.firstIndex(of: 0x20),
                let length = Int(String(decoding: rest[..<space], as: UTF8.self)), length <= rest.count,
                length > space - rest.startIndex + 1
            else { return nil }
            let record = rest[rest.index(after: space)..<(rest.startIndex + length - 1)]
            guard let equals = record.firstIndex(of: UInt8(ascii: "=")) else { return nil }
            let key = String(decoding: record[..<equals], as: UTF8.self)
            records[key] = String(decoding: record[record.index(after: equals)...], as: UTF8.self)
            rest = rest.dropFirst(length)
        }
        return records
    }
}

@available(*, unavailable)
extension TarReader: Sendable {}
