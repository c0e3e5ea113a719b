// By hand, because the format is a line of text before the bytes, and arrays are read in place out of larger files.
package import SystemPackage

/// An element type of a NumPy array, little-endian; the raw value is NumPy's `descr`.
public enum NPYType: String, Sendable, CaseIterable {
    /// `bool`.
    case bool = "|b1"
    /// `uint8`.
    case uint8 = "|u1"
    /// `int8`.
    case int8 = "|i1"
    /// `uint16`.
    case uint16 = "<u2"
    /// `int16`.
    case int16 = "<i2"
    /// `uint32`.
    case uint32 = "<u4"
    /// `int32`.
    case int32 = "<i4"
    /// `int64`.
    case int64 = "<i8"
    /// `float16`.
    case float16 = "<f2"
    /// `float32`.
    case float32 = "<f4"
    /// `float64`.
    case float64 = "<f8"

    /// Bytes of one element.
    public var size: Int {
        switch self {
        case .bool, .uint8, .int8: 1
        case .uint16, .int16, .float16: 2
        case .uint32, .int32, .float32: 4
        case .int64, .float64: 8
        }
    }
}

/// A field of a record of a NumPy structured array.
package struct NPYField: Sendable, Equatable {
    /// Its name, without quotes in it.
    package let name: String
    /// Its type.
    package let type: NPYType

    /// Names a field.
    package init(_ name: String, _ type: NPYType) { (self.name, self.type) = (name, type) }
}

/// What an array is made of.
package enum NPYElement: Sendable, Equatable {
    /// Numbers.
    case number(NPYType)
    /// Records, packed: each field begins where the one before ends.
    case record([NPYField])

    /// Bytes of one element.
    package var size: Int {
        switch self {
        case .number(let type): type.size
        case .record(let fields): fields.reduce(0) { $0 + $1.type.size }
        }
    }

    /// For messages.
    var name: String {
        switch self {
        case .number(let type): "\(type)"
        case .record(let fields): "records of " + fields.map(\.name).joined(separator: ", ")
        }
    }

    /// NumPy's `descr`, as it stands in a header.
    var description: String {
        switch self {
        case .number(let type): "'\(type.rawValue)'"
        case .record(let fields):
            "[" + fields.map { "('\($0.name)', '\($0.type.rawValue)')" }.joined(separator: ", ") + "]"
        }
    }
}

/// The header of a `.npy` file: type and shape of the array, and the offset of the elements.
///
/// Written as format version 1.0, padded so that the elements begin at a multiple of 64 bytes; read as versions 1 to 3.
/// Little-endian, C order.
package struct NPYHeader: Sendable, Equatable {
    /// The type of every element.
    package let type: NPYType
    /// The dimensions.
    package let shape: [Int]
    /// Bytes before the first element.
    package let size: Int

    /// What is wrong with a header, in words.
    package struct Problem: Error, Sendable, CustomStringConvertible {
        /// One line without the file's name.
        package let description: String
    }

    /// Bytes of all elements.
    package var payload: Int { shape.reduce(type.size, *) }

    /// The header of a new array.
    package init(type: NPYType, shape: [Int]) {
        self.type = type
        self.shape = shape
        size = Self.size(.number(type), shape)
    }

    /// Reads the header at the start of `bytes`, which may continue after the header.
    ///
    /// - Throws: `Problem` for what is not a header, or that of an array in Fortran order or of another element type.
    package init(_ bytes: UnsafeRawBufferPointer) throws(Problem) {
        let (_, type, shape, size) = try Self.parse(bytes, NPYType.allCases.map { ($0, NPYElement.number($0)) })
        (self.type, self.shape, self.size) = (type, shape, size)
    }

    /// Reads the header of an array whose elements are one of several kinds.
    ///
    /// - Returns: the element, what it stands for, the dimensions, and the bytes before the first element.
    static func parse<Kind>(
        _ bytes: UnsafeRawBufferPointer, _ elements: [(kind: Kind, element: NPYElement)]
    ) throws(Problem) -> (element: NPYElement, kind: Kind, shape: [Int], size: Int) {
        guard bytes.count >= 12, bytes.prefix(6).elementsEqual([0x93] + Array("NUMPY".utf8)) else {
            throw Problem(description: "is not an .npy file")
        }
        let prefix = bytes[6] == 1 ? 10 : 12
        let length = Int(bytes[8]) | Int(bytes[9]) << 8
        guard prefix + length <= bytes.count else { throw Problem(description: "its header is cut off or too long") }
        let text = String(decoding: bytes[prefix..<(prefix + length)], as: UTF8.self)
        guard
            let (kind, element) = elements.first(where: { text.contains("'descr': \($0.element.description)") }),
            text.contains("'fortran_order': False"), let place = text.firstRange(of: "'shape':"),
            let open = text[place.upperBound...].firstIndex(of: "("), let close = text[open...].firstIndex(of: ")")
        else {
            throw Problem(description: "holds no C-ordered array of numbers; its header says \(text.prefix(80))")
        }
        let parts = text[text.index(after: open)..<close].split(separator: ",").filter { !$0.allSatisfy { $0 == " " } }
        let shape = parts.compactMap { Int($0.filter { $0 != " " }) }
        guard shape.count == parts.count, shape.allSatisfy({ (0...1 << 40).contains($0) }) else {
            throw Problem(description: "its shape is unreadable: \(text.prefix(80))")
        }
        var total = element.size
        for dimension in shape {
            let (product, overflow) = total.multipliedReportingOverflow(by: dimension)
            guard !overflow, product < Int.max / 2 else {
                throw Problem(description: "its shape \(shape) is too large")
            }
            total = product
        }
        return (element, kind, shape, prefix + length)
    }

    /// The header as it stands in the file.
    package var bytes: [UInt8] { Self.bytes(.number(type), shape, size: size) }

    /// A header of `size` bytes.
    static func bytes(_ element: NPYElement, _ shape: [Int], size: Int) -> [UInt8] {
        let field = size - 10
        var bytes: [UInt8] = [0x93] + Array("NUMPY".utf8) + [1, 0, UInt8(field & 255), UInt8(field >> 8)]
        bytes += Array(dictionary(element, shape).utf8)
        bytes += [UInt8](repeating: 0x20, count: size - 1 - bytes.count) + [0x0A]
        return bytes
    }

    /// The least size of a header that a header needs, of those after which elements begin at a multiple of 64 bytes.
    static func size(_ element: NPYElement, _ shape: [Int]) -> Int {
        max(128, (10 + dictionary(element, shape).utf8.count + 1 + 63) / 64 * 64)
    }

    private static func dictionary(_ element: NPYElement, _ shape: [Int]) -> String {
        let dimensions = shape.map { "\($0)" }.joined(separator: ", ") + (shape.count == 1 ? "," : "")
        return "{'descr': \(element.description), 'fortran_order': False, 'shape': (\(dimensions)), }"
    }
}

/// Reads a NumPy `.npy` file from start to end: format versions 1 to 3, little-endian, C order.
package final class NPYReader {
    /// What the array is made of.
    package let element: NPYElement
    /// The dimensions.
    package let shape: [Int]
    private let path: FilePath
    private let owner: OpenFile
    private var descriptor: FileDescriptor { owner.descriptor }

    private struct OpenFile: ~Copyable {
        let descriptor: FileDescriptor

        deinit {
            // Nothing was written: a failing close loses nothing.
            _ = try? descriptor.close()
        }
    }

    /// Opens a file and reads its header.
    ///
    /// - Parameter type: the element type it must have.
    /// - Throws: `PFrameError` if it is missing, cut off, or holds something else.
    package convenience init(path: FilePath, type: NPYType) throws(PFrameError) {
        try self.init(path: path, elements: [.number(type)])
    }

    /// Opens a file and reads its header.
    ///
    /// - Parameter elements: what the array may be made of.
    /// - Throws: `PFrameError` if it is missing, cut off, or holds something else.
    package init(path: FilePath, elements: [NPYElement]) throws(PFrameError) {
        let owner: OpenFile
        do { owner = OpenFile(descriptor: try FileDescriptor.open(path, .readOnly, options: .closeOnExec)) } catch {
            throw PFrameError(error, path: path, "cannot open")
        }
        let (element, shape, start) = try Self.readHeader(owner.descriptor, path, elements)
        let expected = start + shape.reduce(element.size, *)
        do {
            let size = try owner.descriptor.seek(offset: 0, from: .end)
            guard size == expected else {
                throw PFrameError(
                    .damaged, path: path, "\(size) bytes, but its header says \(expected): write it again")
            }
            try owner.descriptor.seek(offset: Int64(start), from: .start)
        } catch let error as PFrameError {
            throw error
        } catch {
            throw PFrameError(error, path: path, "cannot read")
        }
        self.element = element
        self.shape = shape
        self.path = path
        self.owner = owner
    }

    /// Fills a buffer with the next elements.
    ///
    /// - Throws: `PFrameError` if the file ends before.
    package func read<Element: BitwiseCopyable>(into buffer: UnsafeMutableBufferPointer<Element>) throws(PFrameError) {
        let bytes = UnsafeMutableRawBufferPointer(buffer)
        var filled = 0
        while filled < bytes.count {
            let count: Int
            do { count = try descriptor.read(into: UnsafeMutableRawBufferPointer(rebasing: bytes[filled...])) } catch {
                throw PFrameError(error, path: path, "cannot read")
            }
            guard count > 0 else { throw PFrameError(.damaged, path: path, "ends early") }
            filled += count
        }
    }

    private static func readHeader(
        _ descriptor: FileDescriptor, _ path: FilePath, _ elements: [NPYElement]
    ) throws(PFrameError) -> (element: NPYElement, shape: [Int], start: Int) {
        var head = [UInt8](repeating: 0, count: 4096)
        let count: Int
        do { count = try head.withUnsafeMutableBytes { try descriptor.read(into: $0) } } catch {
            throw PFrameError(error, path: path, "cannot read")
        }
        // Any other array of numbers is named by its type.
        let known = elements + NPYType.allCases.map { .number($0) }
        let found: (element: NPYElement, kind: Int, shape: [Int], size: Int)
        do throws(NPYHeader.Problem) {
            found = try head.withUnsafeBytes { head in
                Result { () throws(NPYHeader.Problem) in
                    try NPYHeader.parse(
                        UnsafeRawBufferPointer(rebasing: head.prefix(count)),
                        known.enumerated().map { ($0.offset, $0.element) })
                }
            }.get()
        } catch {
            throw PFrameError(.damaged, path: path, error.description)
        }
        guard elements.contains(found.element) else {
            let (there, wanted) = (found.element.name, elements.map(\.name).joined(separator: " or "))
            throw PFrameError(.damaged, path: path, "holds \(there) and not \(wanted)")
        }
        return (found.element, found.shape, found.size)
    }
}

@available(*, unavailable)
extension NPYReader: Sendable {}

/// Writes a NumPy `.npy` file (format version 1.0) whose first dimension grows: little-endian, C order.
///
/// The header has 128 bytes, of records more, and is written again at `close` when the length is known.
package final class NPYWriter {
    private var file: OutputFile
    private let element: NPYElement
    private let headerSize: Int
    private let path: FilePath
    private let itemShape: [Int]

    /// Creates the file.
    ///
    /// - Parameters:
    ///   - type: of every element.
    ///   - itemShape: the dimensions after the first: `[12]` for rows of twelve.
    /// - Throws: `PFrameError` if it cannot be created.
    package convenience init(path: FilePath, type: NPYType, itemShape: [Int]) throws(PFrameError) {
        try self.init(path: path, element: .number(type), itemShape: itemShape)
    }

    /// Creates the file.
    ///
    /// - Parameters:
    ///   - element: numbers or records.
    ///   - itemShape: the dimensions after the first.
    /// - Throws: `PFrameError` if it cannot be created.
    package init(path: FilePath, element: NPYElement, itemShape: [Int]) throws(PFrameError) {
        // With room for any length.
        headerSize = NPYHeader.size(element, [1 << 40] + itemShape)
        var file = try OutputFile(path: path)
        try file.write(NPYHeader.bytes(element, [0] + itemShape, size: headerSize))
        self.file = file
        self.element = element
        self.path = path
        self.itemShape = itemShape
    }

    /// Appends elements as they lie in memory: whole items of `itemShape`, the last one perhaps in parts.
    ///
    /// - Throws: `PFrameError`, a full disk included.
    package func append<Element: BitwiseCopyable>(_ values: UnsafeBufferPointer<Element>) throws(PFrameError) {
        try file.write(UnsafeRawBufferPointer(values))
    }

    /// Appends elements as they lie in memory.
    ///
    /// - Throws: `PFrameError`, a full disk included.
    package func append<Element: BitwiseCopyable>(_ values: [Element]) throws(PFrameError) {
        try values.withUnsafeBufferPointer { values throws(PFrameError) in try append(values) }
    }

    /// Writes the final header and closes the file.
    ///
    /// - Throws: `PFrameError`, also if the last item is not whole.
    package func close() throws(PFrameError) {
        let item = itemShape.reduce(element.size, *)
        let payload = file.size - headerSize
        guard payload % item == 0 else {
            throw PFrameError(.usage, path: path, "\(payload) bytes are no whole number of items of \(item) bytes")
        }
        try file.overwriteStart(NPYHeader.bytes(element, [payload / item] + itemShape, size: headerSize))
        try file.close()
    }
}

@available(*, unavailable)
extension NPYWriter: Sendable {}
