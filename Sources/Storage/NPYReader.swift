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
    /// - Throws: `PFrameError` where it is missing, cut off, or holds something else.
    public init(path: FilePath, type: NPYType) throws(PFrameError) {
        let owner: OpenFile
        do { owner = OpenFile(descriptor: try FileDescriptor.open(path, .readOnly, options: .closeOnExec)) } catch {
            throw PFrameError(path: path, "cannot open: \(error)")
        }
        let (shape, start) = try Self.readHeader(owner.descriptor, path, type)
        let expected = start + shape.reduce(type.size, *)
        do {
            let size = try owner.descriptor.seek(offset: 0, from: .end)
            guard size == expected else {
                throw PFrameError(path: path, "\(size) bytes where its header says \(expected): write it again")
            }
            try owner.descriptor.seek(offset: Int64(start), from: .start)
        } catch let error as PFrameError {
            throw error
        } catch {
            throw PFrameError(path: path, "cannot read: \(error)")
        }
        self.shape = shape
        self.path = path
        self.owner = owner
    }

    /// Fills a buffer with the next elements.
    ///
    /// - Throws: `PFrameError` where the file ends before.
    public func read<Element: BitwiseCopyable>(into buffer: UnsafeMutableBufferPointer<Element>) throws(PFrameError) {
        let bytes = UnsafeMutableRawBufferPointer(buffer)
        var filled = 0
        while filled < bytes.count {
            let count: Int
            do { count = try descriptor.read(into: UnsafeMutableRawBufferPointer(rebasing: bytes[filled...])) } catch {
                throw PFrameError(path: path, "cannot read: \(error)")
            }
            guard count > 0 else { throw PFrameError(path: path, "ends early") }
            filled += count
        }
    }

    private static func readHeader(
        _ descriptor: FileDescriptor, _ path: FilePath, _ type: NPYType
    ) throws(PFrameError) -> (shape: [Int], start: Int) {
        var head = [UInt8](repeating: 0, count: 4096)
        let count: Int
        do { count = try head.withUnsafeMutableBytes { try descriptor.read(into: $0) } } catch {
            throw PFrameError(path: path, "cannot read: \(error)")
        }
        let header: NPYHeader
        do throws(NPYHeader.Problem) {
            header = try head.withUnsafeBytes { head in
                Result { () throws(NPYHeader.Problem) in
                    try NPYHeader(UnsafeRawBufferPointer(rebasing: head.prefix(count)))
                }
            }.get()
        } catch {
            throw PFrameError(path: path, error.description)
        }
        guard header.type == type else { throw PFrameError(path: path, "holds \(header.type) and not \(type)") }
        return (header.shape, header.size)
    }
}

@available(*, unavailable)
extension NPYReader: Sendable {}
