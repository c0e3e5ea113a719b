public import Codec
public import SystemPackage

/// Reads a NumPy `.npy` file from start to end: format versions 1 to 3, little-endian, C order.
public final class NPYReader {
    /// The dimensions.
    public let shape: [Int]
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
    /// - Throws: `CodecError` where it is missing, cut off, or holds something else.
    public init(path: FilePath, type: NPYWriter.ElementType) throws(CodecError) {
        let owner: OpenFile
        do { owner = OpenFile(descriptor: try FileDescriptor.open(path, .readOnly, options: .closeOnExec)) } catch {
            throw CodecError(path: path, "cannot open: \(error)")
        }
        let (shape, start) = try Self.readHeader(owner.descriptor, path, type)
        let expected = start + shape.reduce(type.size, *)
        do {
            let size = try owner.descriptor.seek(offset: 0, from: .end)
            guard size == expected else {
                throw CodecError(path: path, "\(size) bytes where its header says \(expected): extract again")
            }
            try owner.descriptor.seek(offset: Int64(start), from: .start)
        } catch let error as CodecError {
            throw error
        } catch {
            throw CodecError(path: path, "cannot read: \(error)")
        }
        self.shape = shape
        self.path = path
        self.owner = owner
    }

    /// Fills a buffer with the next elements.
    ///
    /// - Throws: `CodecError` where the file ends before.
    public func read<Element: BitwiseCopyable>(into buffer: UnsafeMutableBufferPointer<Element>) throws(CodecError) {
        let bytes = UnsafeMutableRawBufferPointer(buffer)
        var filled = 0
        while filled < bytes.count {
            let count: Int
            do { count = try descriptor.read(into: UnsafeMutableRawBufferPointer(rebasing: bytes[filled...])) } catch {
                throw CodecError(path: path, "cannot read: \(error)")
            }
            guard count > 0 else { throw CodecError(path: path, "ends early") }
            filled += count
        }
    }

    private static func readHeader(
        _ descriptor: FileDescriptor, _ path: FilePath, _ type: NPYWriter.ElementType
    ) throws(CodecError) -> (shape: [Int], start: Int) {
        var head = [UInt8](repeating: 0, count: 4096)
        let count: Int
        do { count = try head.withUnsafeMutableBytes { try descriptor.read(into: $0) } } catch {
            throw CodecError(path: path, "cannot read: \(error)")
        }
        guard count >= 12, head.starts(with: [0x93] + Array("NUMPY".utf8)) else {
            throw CodecError(path: path, "is no .npy file")
        }
        let prefix = head[6] == 1 ? 10 : 12
        let length = Int(head[8]) | Int(head[9]) << 8
        guard prefix + length <= count else { throw CodecError(path: path, "its header is cut off or too long") }
        let text = String(decoding: head[prefix..<(prefix + length)], as: UTF8.self)
        guard text.contains("'descr': '\(type.rawValue)'"), text.contains("'fortran_order': False"),
            let open = text.firstIndex(of: "("), let close = text[open...].firstIndex(of: ")")
        else {
            throw CodecError(path: path, "holds no C-ordered \(type) array; its header says \(text.prefix(80))")
        }
        let parts = text[text.index(after: open)..<close].split(separator: ",")
        let shape = parts.compactMap { Int($0.filter { $0 != " " }) }
        let isSane = shape.count == parts.count && shape.allSatisfy { (0...1 << 40).contains($0) }
        var total = type.size
        for dimension in shape where isSane {
            let (product, overflow) = total.multipliedReportingOverflow(by: dimension)
            guard !overflow, product < Int.max / 2 else {
                throw CodecError(path: path, "its shape \(shape) is too large")
            }
            total = product
        }
        guard isSane else { throw CodecError(path: path, "its shape is unreadable: \(text.prefix(80))") }
        return (shape, prefix + length)
    }
}

@available(*, unavailable)
extension NPYReader: Sendable {}
