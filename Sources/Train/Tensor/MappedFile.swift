import Glibc
import Storage
import SystemPackage

/// A file's bytes as they lie on the disk, mapped read-only; pages are read when they are first touched.
struct MappedFile: ~Copyable, Sendable {
    // Nothing writes through it, and it is unmapped when nobody holds the file any more.
    nonisolated(unsafe) private let bytes: UnsafeRawBufferPointer

    /// `open`, `fstat`, `mmap`.
    ///
    /// - Throws: `PFrameError` if the file cannot be read.
    init(_ path: FilePath) throws(PFrameError) {
        let bytes: UnsafeRawBufferPointer
        do {
            let descriptor = try FileDescriptor.open(path, .readOnly, options: .closeOnExec)
            bytes = try descriptor.closeAfter {
                var facts = stat()
                guard fstat(descriptor.rawValue, &facts) == 0 else { throw Errno(rawValue: errno) }
                guard facts.st_mode & S_IFMT == S_IFREG else {
                    throw PFrameError(.damaged, path: path, "is not a file")
                }
                let size = Int(facts.st_size)
                // Nothing at all cannot be mapped.
                guard size > 0 else { return UnsafeRawBufferPointer(start: nil, count: 0) }
                guard let start = mmap(nil, size, PROT_READ, MAP_PRIVATE, descriptor.rawValue, 0), start != MAP_FAILED
                else { throw Errno(rawValue: errno) }
                return UnsafeRawBufferPointer(start: start, count: size)
            }
        } catch let error as PFrameError {
            throw error
        } catch {
            throw PFrameError(error, path: path, "cannot read")
        }
        self.bytes = bytes
    }

    deinit {
        if let start = bytes.baseAddress { munmap(UnsafeMutableRawPointer(mutating: start), bytes.count) }
    }

    /// Lends the bytes; they must not be kept.
    borrowing func withBytes<Result>(
        _ body: (UnsafeRawBufferPointer) throws(PFrameError) -> Result
    ) throws(PFrameError) -> Result {
        try body(bytes)
    }
}
