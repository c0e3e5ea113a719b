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

/// The header of a `.npy` file: what its array is, and where the elements begin.
///
/// Written as format version 1.0, padded so that the elements begin at a multiple of 64 bytes; read as versions 1 to 3.
/// Little-endian, C order.
public struct NPYHeader: Sendable, Equatable {
    /// The type of every element.
    public let type: NPYType
    /// The dimensions.
    public let shape: [Int]
    /// Bytes before the first element.
    public let size: Int

    /// What is wrong with a header, in words.
    public struct Problem: Error, Sendable, CustomStringConvertible {
        /// One line without the file's name.
        public let description: String
    }

    /// Bytes of all elements.
    public var payload: Int { shape.reduce(type.size, *) }

    /// The header of a new array.
    public init(type: NPYType, shape: [Int]) {
        self.type = type
        self.shape = shape
        let length = 10 + Self.dictionary(type, shape).utf8.count + 1
        size = max(128, (length + 63) / 64 * 64)
    }

    /// Reads the header at the start of `bytes`, which may go on behind it.
    ///
    /// - Throws: `Problem` for what is no header, or that of an array in Fortran order or of another element type.
    public init(_ bytes: UnsafeRawBufferPointer) throws(Problem) {
        guard bytes.count >= 12, bytes.prefix(6).elementsEqual([0x93] + Array("NUMPY".utf8)) else {
            throw Problem(description: "is no .npy file")
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
    public var bytes: [UInt8] {
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
