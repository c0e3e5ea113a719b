import MotionVectors
import Storage
import SystemPackage

/// A `.npy` file of embeddings, `(N, D)` or `(N, F, D)`, float16, float32 or float64, of which blocks of rows are read.
final class EmbeddingFile: Sendable {
    let path: FilePath
    /// N.
    let rows: Int
    /// F, 1 for two dimensions.
    let frames: Int
    /// D.
    let dimensions: Int
    private let type: NPYType
    private let start: Int
    private let descriptor: FileDescriptor

    /// Opens a file and reads its header.
    ///
    /// - Throws: `DatasetError` where it is missing, cut off, or holds something else.
    init(_ path: FilePath) throws(DatasetError) {
        self.path = path
        guard let size = fileSize(path) else { throw DatasetError(path: path, "is missing") }
        let descriptor: FileDescriptor
        do { descriptor = try FileDescriptor.open(path, .readOnly, options: .closeOnExec) } catch {
            throw DatasetError(path: path, "cannot open: \(error)")
        }
        self.descriptor = descriptor
        var head = [UInt8](repeating: 0, count: min(size, 1 << 16))
        let header: NPYHeader
        do {
            let count = try head.withUnsafeMutableBytes { try descriptor.read(fromAbsoluteOffset: 0, into: $0) }
            header = try head[..<count].withUnsafeBytes { try NPYHeader($0) }
        } catch {
            throw DatasetError(path: path, "\(error)")
        }
        guard [.float16, .float32, .float64].contains(header.type), [2, 3].contains(header.shape.count),
            header.shape.dropFirst().allSatisfy({ $0 > 0 })
        else {
            throw DatasetError(
                path: path,
                "\(header.type) of shape \(header.shape): expected float16, float32 or float64 of shape (N, D) or (N, F, D)"
            )
        }
        guard size == header.size + header.payload else {
            throw DatasetError(
                path: path, "\(size) bytes where its header says \(header.size + header.payload): cut off?")
        }
        (type, start, rows) = (header.type, header.size, header.shape[0])
        frames = header.shape.count == 3 ? header.shape[1] : 1
        dimensions = header.shape[header.shape.count - 1]
    }

    deinit {
        // Nothing was written: a failing close loses nothing.
        _ = try? descriptor.close()
    }

    /// The numbers of a range of rows, F × D a row.
    ///
    /// - Throws: `DatasetError` where the disk fails.
    func read(_ range: Range<Int>) throws(DatasetError) -> [Double] {
        let width = frames * dimensions
        var bytes = [UInt8](repeating: 0, count: range.count * width * type.size)
        let place = start + range.lowerBound * width * type.size
        var filled = 0
        while filled < bytes.count {
            let count: Int
            do {
                count = try bytes.withUnsafeMutableBytes {
                    try descriptor.read(
                        fromAbsoluteOffset: Int64(place + filled),
                        into: UnsafeMutableRawBufferPointer(rebasing: $0[filled...]))
                }
            } catch {
                throw DatasetError(path: path, offset: place + filled, "cannot read: \(error)")
            }
            guard count > 0 else { throw DatasetError(path: path, offset: place + filled, "ends too early") }
            filled += count
        }
        return bytes.withUnsafeBytes { bytes in
            switch type {
            case .float16:
                bytes.bindMemory(to: UInt16.self).map { Double(Float16(bitPattern: UInt16(littleEndian: $0))) }
            case .float32: bytes.bindMemory(to: UInt32.self).map { Double(Float(bitPattern: UInt32(littleEndian: $0))) }
            default: bytes.bindMemory(to: UInt64.self).map { Double(bitPattern: UInt64(littleEndian: $0)) }
            }
        }
    }
}
