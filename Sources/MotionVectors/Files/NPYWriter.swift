public import Codec
public import SystemPackage

/// Writes a NumPy `.npy` file (format version 1.0) whose first dimension grows: little-endian, C order.
///
/// The header has 128 bytes, and is written again at `close` when the length is known.
public final class NPYWriter {
    /// An element type.
    public enum ElementType: String, Sendable {
        /// `uint8`.
        case uint8 = "|u1"
        /// `int16`.
        case int16 = "<i2"
        /// `int32`.
        case int32 = "<i4"

        var size: Int {
            switch self {
            case .uint8: 1
            case .int16: 2
            case .int32: 4
            }
        }
    }

    static let headerSize = 128
    private var file: OutputFile
    private let type: ElementType
    private let path: FilePath
    private let itemShape: [Int]

    /// Creates the file.
    ///
    /// - Parameters:
    ///   - type: of every element.
    ///   - itemShape: the dimensions after the first: `[12]` for rows of twelve.
    /// - Throws: `CodecError` where it cannot be created.
    public init(path: FilePath, type: ElementType, itemShape: [Int]) throws(CodecError) {
        var file = try OutputFile(path: path)
        try file.write(Self.header(type, [0] + itemShape))
        self.file = file
        self.type = type
        self.path = path
        self.itemShape = itemShape
    }

    /// Appends elements as they lie in memory: whole items of `itemShape`, the last one perhaps in parts.
    ///
    /// - Throws: `CodecError`, a full disk included.
    public func append<Element: BitwiseCopyable>(_ values: UnsafeBufferPointer<Element>) throws(CodecError) {
        try file.write(UnsafeRawBufferPointer(values))
    }

    /// Appends elements as they lie in memory.
    ///
    /// - Throws: `CodecError`, a full disk included.
    public func append<Element: BitwiseCopyable>(_ values: [Element]) throws(CodecError) {
        try values.withUnsafeBufferPointer { values throws(CodecError) in try append(values) }
    }

    /// Writes the final header and closes the file.
    ///
    /// - Throws: `CodecError`, also where the last item is not whole.
    public func close() throws(CodecError) {
        let item = itemShape.reduce(type.size, *)
        let payload = file.size - Self.headerSize
        guard payload % item == 0 else {
            throw CodecError(path: path, "\(payload) bytes are no whole number of items of \(item) bytes")
        }
        try file.overwriteStart(Self.header(type, [payload / item] + itemShape))
        try file.close()
    }

    private static func header(_ type: ElementType, _ shape: [Int]) -> [UInt8] {
        let dimensions = shape.map { "\($0)" }.joined(separator: ", ") + (shape.count == 1 ? "," : "")
        let text = "{'descr': '\(type.rawValue)', 'fortran_order': False, 'shape': (\(dimensions)), }"
        var bytes: [UInt8] = [0x93] + Array("NUMPY".utf8) + [1, 0, UInt8(headerSize - 10), 0]
        bytes += Array(text.utf8)
        bytes += [UInt8](repeating: 0x20, count: headerSize - 1 - bytes.count) + [0x0A]
        return bytes
    }
}

@available(*, unavailable)
extension NPYWriter: Sendable {}
