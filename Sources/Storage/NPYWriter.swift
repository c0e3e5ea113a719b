public import SystemPackage

/// Writes a NumPy `.npy` file (format version 1.0) whose first dimension grows: little-endian, C order.
///
/// The header has 128 bytes, and is written again at `close` when the length is known.
public final class NPYWriter {
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
    /// - Throws: `PFrameError` where it cannot be created.
    public init(path: FilePath, type: NPYType, itemShape: [Int]) throws(PFrameError) {
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
    public func append<Element: BitwiseCopyable>(_ values: UnsafeBufferPointer<Element>) throws(PFrameError) {
        try file.write(UnsafeRawBufferPointer(values))
    }

    /// Appends elements as they lie in memory.
    ///
    /// - Throws: `PFrameError`, a full disk included.
    public func append<Element: BitwiseCopyable>(_ values: [Element]) throws(PFrameError) {
        try values.withUnsafeBufferPointer { values throws(PFrameError) in try append(values) }
    }

    /// Writes the final header and closes the file.
    ///
    /// - Throws: `PFrameError`, also where the last item is not whole.
    public func close() throws(PFrameError) {
        let item = itemShape.reduce(type.size, *)
        let payload = file.size - Self.headerSize
        guard payload % item == 0 else {
            throw PFrameError(path: path, "\(payload) bytes are no whole number of items of \(item) bytes")
        }
        try file.overwriteStart(Self.header(type, [payload / item] + itemShape))
        try file.close()
    }

    /// The dimensions are few: every header has the size of the first.
    private static func header(_ type: NPYType, _ shape: [Int]) -> [UInt8] { NPYHeader(type: type, shape: shape).bytes }
}

@available(*, unavailable)
extension NPYWriter: Sendable {}
