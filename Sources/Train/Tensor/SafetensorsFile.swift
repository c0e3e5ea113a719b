// By hand, because safetensors is a length and a JSON object before the bytes; its own library needs Rust.
import Dataset
public import Storage
public import SystemPackage

/// A file of named tensors in the safetensors format, checked when it is opened and read where it lies on the disk.
///
/// The file holds the length of its header (8 bytes, little-endian), the header (JSON: of every tensor its type, its
/// shape and where its elements lie) and the elements, row by row and little-endian, without gaps.
public final class SafetensorsFile: Sendable {
    /// What the header says of a tensor.
    public struct Entry: Sendable, Equatable {
        /// The type of its elements.
        public let type: ElementType
        /// Its size in every dimension, the slowest first; empty for a single number.
        public let shape: [Int]
    }

    /// The largest header that is read, in bytes: the limit that the format's own library has.
    private static let headerLimit = 100_000_000

    /// Where the file lies.
    public let path: FilePath
    /// Texts that its writer added.
    public let metadata: [String: String]
    /// The names of its tensors, in the order of their elements in the file.
    public let names: [String]
    private let entries: [String: (entry: Entry, bytes: Range<Int>)]
    private let file: MappedFile

    /// Maps a file and checks its header.
    ///
    /// - Throws: `PFrameError` if the file cannot be read, is not a safetensors file, is damaged or cut short, or holds
    ///   elements of a type that `ElementType` does not know.
    public init(_ path: FilePath) throws(PFrameError) {
        let file = try MappedFile(path)
        let header = try file.withBytes { bytes throws(PFrameError) in try Header(bytes, path: path) }
        self.path = path
        (metadata, names, entries) = (header.metadata, header.names, header.entries)
        self.file = file
    }

    /// The type and shape of a tensor, nil if the file holds none of that name.
    public subscript(name: String) -> Entry? { entries[name]?.entry }

    /// Lends the elements of a tensor, which must not be kept; they need not lie at a multiple of their size.
    ///
    /// - Throws: `PFrameError` if the file holds no such tensor, and what `body` throws.
    public func withBytes<Result>(
        of name: String, _ body: (UnsafeRawBufferPointer) throws(PFrameError) -> Result
    ) throws(PFrameError) -> Result {
        guard let range = entries[name]?.bytes else {
            let some = names.prefix(3).joined(separator: ", ") + (names.count > 3 ? ", …" : "")
            throw PFrameError(
                .missing, path: path, "holds no tensor '\(name)'; it holds \(names.isEmpty ? "none" : some)")
        }
        return try file.withBytes { bytes throws(PFrameError) in
            try body(UnsafeRawBufferPointer(rebasing: bytes[range]))
        }
    }

    /// The SHA-256 of the file as it was when it was opened, hexadecimal.
    func digest() throws(PFrameError) -> String {
        try file.withBytes { bytes throws(PFrameError) in FileDigest.sha256(bytes) }
    }

    /// What the header says, checked against itself and the size of the file.
    private struct Header {
        let metadata: [String: String]
        let names: [String]
        let entries: [String: (entry: Entry, bytes: Range<Int>)]
        private static let remedy = "the file is damaged; copy or download it again"

        init(_ bytes: UnsafeRawBufferPointer, path: FilePath) throws(PFrameError) {
            let text = try Self.text(of: bytes, path: path)
            let header: JSONValue
            do throws(PFrameError) { header = try JSONValue(text, path: path, offset: 8) } catch {
                throw PFrameError(
                    .damaged, path: path, "at byte \(error.offset ?? 8): \(error.message): \(Self.remedy)")
            }
            guard var tensors = header.members, Self.keyCount(in: text) == Self.memberCount(of: header) else {
                throw PFrameError(.damaged, path: path, "a name occurs twice in the header: \(Self.remedy)")
            }
            metadata = try Self.metadata(tensors.removeValue(forKey: "__metadata__"), path: path)
            var found: [(name: String, entry: Entry, bytes: Range<Int>)] = []
            for (name, value) in tensors {
                let (entry, range) = try Self.entry(value, name: name, path: path)
                found.append((name, entry, range))
            }
            // Tensors without elements share their place with the next one.
            found.sort { a, b in
                (a.bytes.lowerBound, a.bytes.upperBound, a.name) < (b.bytes.lowerBound, b.bytes.upperBound, b.name)
            }
            var end = 0
            for (name, _, range) in found {
                guard range.lowerBound == end else {
                    let what = range.lowerBound < end ? "overlaps the tensor before it" : "leaves a gap before it"
                    throw PFrameError(.damaged, path: path, "tensor '\(name)' \(what): \(Self.remedy)")
                }
                end = range.upperBound
            }
            let start = 8 + text.count
            guard bytes.count - start >= end else {
                throw Self.cutShort(bytes.count, of: NumberText.count(start + end), path)
            }
            guard bytes.count - start == end else {
                let extra = NumberText.count(bytes.count - start - end)
                throw PFrameError(.damaged, path: path, "holds \(extra) bytes behind the last tensor: \(Self.remedy)")
            }
            names = found.map(\.name)
            entries = Dictionary(
                uniqueKeysWithValues: found.map { name, entry, range in
                    (name, (entry, (start + range.lowerBound)..<(start + range.upperBound)))
                })
        }

        /// The bytes of the header.
        private static func text(
            of bytes: UnsafeRawBufferPointer, path: FilePath
        ) throws(PFrameError) -> UnsafeRawBufferPointer {
            guard bytes.count >= 8 else { throw cutShort(bytes.count, of: "at least 10", path) }
            let length = UInt64(littleEndian: bytes.loadUnaligned(as: UInt64.self))
            guard length >= 2, length <= UInt64(headerLimit), bytes.count == 8 || bytes[8] == UInt8(ascii: "{") else {
                throw PFrameError(.damaged, path: path, "is not a safetensors file: it does not begin with a header")
            }
            let end = 8 + Int(length)
            guard bytes.count >= end else { throw cutShort(bytes.count, of: "at least \(NumberText.count(end))", path) }
            return UnsafeRawBufferPointer(rebasing: bytes[8..<end])
        }

        private static func cutShort(_ count: Int, of expected: String, _ path: FilePath) -> PFrameError {
            let remedy = "the file was cut short; copy or download it again"
            return PFrameError(.damaged, path: path, "holds \(NumberText.count(count)) of \(expected) bytes: \(remedy)")
        }

        private static func metadata(_ value: JSONValue?, path: FilePath) throws(PFrameError) -> [String: String] {
            guard let value else { return [:] }
            let texts = value.members?.compactMapValues(\.string)
            guard let texts, texts.count == value.members?.count else {
                throw PFrameError(.damaged, path: path, "__metadata__ is not an object of strings: \(remedy)")
            }
            return texts
        }

        private static func entry(
            _ value: JSONValue, name: String, path: FilePath
        ) throws(PFrameError) -> (Entry, Range<Int>) {
            guard let dtype = value["dtype"]?.string, let sizes = value["shape"]?.array,
                let offsets = value["data_offsets"]?.array, offsets.count == 2, let start = offsets[0].int,
                let end = offsets[1].int
            else {
                throw PFrameError(
                    .damaged, path: path, "tensor '\(name)' lacks a dtype, a shape or data_offsets: \(remedy)")
            }
            guard let type = ElementType(rawValue: dtype) else {
                let known = ElementType.allCases.map(\.rawValue).joined(separator: ", ")
                throw PFrameError(
                    .unsupported, path: path, "tensor '\(name)' has elements of type '\(dtype)'; known are \(known)")
            }
            let shape = sizes.compactMap(\.int)
            // No file is that large, and sums with the numbers of one that is smaller stay numbers.
            guard shape.count == sizes.count, shape.allSatisfy({ $0 >= 0 }), 0 <= start, start <= end, end < 1 << 60
            else {
                throw PFrameError(.damaged, path: path, "tensor '\(name)' has an impossible shape or place: \(remedy)")
            }
            // The sizes of a damaged header may multiply to anything.
            let size = shape.reduce((partialValue: type.size, overflow: false)) { product, size in
                let next = product.partialValue.multipliedReportingOverflow(by: size)
                return (next.partialValue, product.overflow || next.overflow)
            }
            guard !size.overflow, size.partialValue == end - start else {
                let has = "tensor '\(name)' of \(dtype) \(shape) has \(NumberText.count(end - start)) bytes"
                throw PFrameError(.damaged, path: path, "\(has): \(remedy)")
            }
            return (Entry(type: type, shape: shape), start..<end)
        }

        /// Keys in JSON text, repeated ones included: outside of strings, each is followed by the only colons there are.
        private static func keyCount(in text: UnsafeRawBufferPointer) -> Int {
            var (count, isInString, isEscaped) = (0, false, false)
            for byte in text {
                if isEscaped {
                    isEscaped = false
                } else if byte == UInt8(ascii: "\"") {
                    isInString.toggle()
                } else if isInString {
                    isEscaped = byte == UInt8(ascii: "\\")
                } else if byte == UInt8(ascii: ":") {
                    count += 1
                }
            }
            return count
        }

        /// Keys of an object and of the objects in it, of repeated ones only the last.
        private static func memberCount(of value: JSONValue) -> Int {
            switch value {
            case .object(let members): members.values.reduce(members.count) { $0 + memberCount(of: $1) }
            case .list(let values): values.reduce(0) { $0 + memberCount(of: $1) }
            default: 0
            }
        }
    }
}
