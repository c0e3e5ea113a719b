/// The header block of a tar member (POSIX.1-1988 `ustar`).
public struct TarHeader: Sendable, Equatable {
    /// Bytes of a block: headers take one, payloads are padded to whole ones.
    public static let blockSize = 512
    /// Bytes of zeros that end an archive.
    public static let endSize = 2 * blockSize

    /// The most bytes of a name that ``block`` can write.
    package static let longestName = 100

    /// What a header announces.
    public enum Kind: Sendable, Equatable {
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
    public var name: String
    /// Bytes of the payload.
    public var size: Int
    /// What it is.
    public var kind: Kind

    /// The header of a file: mode 0444, user, group and time 0.
    ///
    /// - Parameter name: at most 100 bytes of UTF-8.
    public init(file name: String, size: Int) {
        precondition(name.utf8.count <= Self.longestName, "tar names have at most 100 bytes")
        (self.name, self.size, kind) = (name, size, .file)
    }

    /// What is wrong with a header block.
    public enum Problem: Error, Sendable, Equatable {
        /// All zero: the archive ends here.
        case end
        /// No tar header, or a damaged one.
        case damaged
    }

    /// Reads a block of 512 bytes.
    ///
    /// - Throws: `Problem`.
    public init(_ block: UnsafeRawBufferPointer) throws(Problem) {
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
    public var block: [UInt8] {
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
    public static func padded(_ size: Int) -> Int { (size + blockSize - 1) / blockSize * blockSize }

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
