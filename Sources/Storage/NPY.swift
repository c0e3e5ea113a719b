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
        case .int32, .float32: 4
        case .int64, .float64: 8
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
        let length = 10 + Self.dictionary(type, shape).utf8.count + 1
        size = max(128, (length + 63) / 64 * 64)
    }

    /// Reads the header at the start of `bytes`, which may continue after the header.
    ///
    /// - Throws: `Problem` for what is not a header, or that of an array in Fortran order or of another element type.
    package init(_ bytes: UnsafeRawBufferPointer) throws(Problem) {
        guard bytes.count >= 12, bytes.prefix(6).elementsEqual([0x93] + Array("NUMPY".utf8)) else {
            throw Problem(description: "is not an .npy file")
        }
        let prefix = bytes[6] == 1 ? 10 : 12
        let length = Int(bytes[8]) | Int(bytes[9]) << 8
        guard prefix + length <= bytes.count else { throw Problem(description: "its header is cut off or too long") }
        let text = String(decoding: bytes[prefix..<(prefix + length)], as: UTF8.self)
        guard let type = NPYType.allCases.first(where: { text.contains("'descr': '\($0.rawValue)'") }),
            text.contains("'fortran_order': False"),
            let open = text.firstIndex(of: "("), let close = text[open...].firstIndex(of: ")")
        else {
            throw Problem(description: "holds no C-ordered array of numbers; its header says \(text.prefix(80))")
        }
        let parts = text[text.index(after: open)..<close].split(separator: ",").filter { !$0.allSatisfy { $0 == " " } }
        let shape = parts.compactMap { Int($0.filter { $0 != " " }) }
        guard shape.count == parts.count, shape.allSatisfy({ (0...1 << 40).contains($0) }) else {
            throw Problem(description: "its shape is unreadable: \(text.prefix(80))")
        }
        var total = type.size
        for dimension in shape {
            let (product, overflow) = total.multipliedReportingOverflow(by: dimension)
            guard !overflow, product < Int.max / 2 else {
                throw Problem(description: "its shape \(shape) is too large")
            }
            total = product
        }
        self.type = type
        self.shape = shape
        size = prefix + length
    }

    /// The header as it stands in the file.
    package var bytes: [UInt8] {
        let field = size - 10
        var bytes: [UInt8] = [0x93] + Array("NUMPY".utf8) + [1, 0, UInt8(field & 255), UInt8(field >> 8)]
        bytes += Array(Self.dictionary(type, shape).utf8)
        bytes += [UInt8](repeating: 0x20, count: size - 1 - bytes.count) + [0x0A]
        return bytes
    }

    private static func dictionary(_ type: NPYType, _ shape: [Int]) -> String {
        let dimensions = shape.map { "\($0)" }.joined(separator: ", ") + (shape.count == 1 ? "," : "")
        return "{'descr': '\(type.rawValue)', 'fortran_order': False, 'shape': (\(dimensions)), }"
    }
}

/// Reads a NumPy `.npy` file from start to end: format versions 1 to 3, little-endian, C order.
package final class NPYReader {
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
    package init(path: FilePath, type: NPYType) throws(PFrameError) {
        let owner: OpenFile
        do { owner = OpenFile(descriptor: try FileDescriptor.open(path, .readOnly, options: .closeOnExec)) } catch {
            throw PFrameError(error, path: path, "cannot open")
        }
        let (shape, start) = try Self.readHeader(owner.descriptor, path, type)
        let expected = start + shape.reduce(type.size, *)
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
        _ descriptor: FileDescriptor, _ path: FilePath, _ type: NPYType
    ) throws(PFrameError) -> (shape: [Int], start: Int) {
        var head = [UInt8](repeating: 0, count: 4096)
        let count: Int
        do { count = try head.withUnsafeMutableBytes { try descriptor.read(into: $0) } } catch {
            throw PFrameError(error, path: path, "cannot read")
        }
        let header: NPYHeader
        do throws(NPYHeader.Problem) {
            header = try head.withUnsafeBytes { head in
                Result { () throws(NPYHeader.Problem) in
                    try NPYHeader(UnsafeRawBufferPointer(rebasing: head.prefix(count)))
                }
            }.get()
        } catch {
            throw PFrameError(.damaged, path: path, error.description)
        }
        guard header.type == type else {
            throw PFrameError(.damaged, path: path, "holds \(header.type) and not \(type)")
        }
        return (header.shape, header.size)
    }
}

@available(*, unavailable)
extension NPYReader: Sendable {}

/// Writes a NumPy `.npy` file (format version 1.0) whose first dimension grows: little-endian, C order.
///
/// The header has 128 bytes, and is written again at `close` when the length is known.
package final class NPYWriter {
    package static let headerSize = 128
    private var file: OutputFile
    private let type: NPYType
    private let path: FilePath
    private let itemShape: [Int]

    /// Creates the file.
    ///
    /// - Parameters:
    ///   - type: of every element.
    ///   - itemShape: the dimensions after the first: `[12]` for rows of twelve.
    /// - Throws: `PFrameError` if it cannot be created.
    package init(path: FilePath, type: NPYType, itemShape: [Int]) throws(PFrameError) {
        var file = try OutputFile(path: path)
        try file.write(Self.header(type, [0] + itemShape))
        self.file = file
        self.type = type
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
        let item = itemShape.reduce(type.size, *)
        let payload = file.size - Self.headerSize
        guard payload % item == 0 else {
            throw PFrameError(.usage, path: path, "\(payload) bytes are no whole number of items of \(item) bytes")
        }
        try file.overwriteStart(Self.header(type, [payload / item] + itemShape))
        try file.close()
    }

    /// The dimensions are few: every header has the size of the first.
    private static func header(_ type: NPYType, _ shape: [Int]) -> [UInt8] { NPYHeader(type: type, shape: shape).bytes }
}

@available(*, unavailable)
extension NPYWriter: Sendable {}
