import Glibc
public import SystemPackage

/// A file that is written under a hidden name beside its place, and renamed when complete.
///
/// One that goes away uncommitted removes what was written, and leaves what stood there before.
public struct StagedFile: ~Copyable {
    /// Where to write; the extension is the target's.
    public let path: FilePath
    private let target: FilePath
    private var isCommitted = false

    /// Plans to write `path`.
    public init(path: FilePath) {
        target = path
        // A hash of the name's bytes: short enough for any file system, its own for names that are no UTF-8.
        let hash = (path.lastComponent ?? "file").withPlatformString { name -> UInt64 in
            var (hash, next): (UInt64, UnsafePointer<CChar>) = (0xcbf2_9ce4_8422_2325, name)
            while next.pointee != 0 {
                hash = (hash ^ UInt64(UInt8(bitPattern: next.pointee))) &* 0x100_0000_01b3
                next += 1
            }
            return hash
        }
        let ending = path.extension.map { "." + $0 } ?? ""
        self.path = path.removingLastComponent().appending(".partial-" + String(hash, radix: 16) + ending)
    }

    deinit {
        if !isCommitted { _ = path.withPlatformString { unlink($0) } }
    }

    /// Writes a file: `body` gets the hidden name, and what it threw about that names the file itself.
    ///
    /// - Throws: `PFrameError`.
    public static func write(
        _ path: FilePath, _ body: (FilePath) throws(PFrameError) -> Void
    ) throws(PFrameError) {
        var staged = StagedFile(path: path)
        do throws(PFrameError) { try body(staged.path) } catch { throw staged.named(error) }
        try staged.commit()
    }

    /// An error about the hidden file as one about the file that it was to become.
    private func named(_ error: PFrameError) -> PFrameError {
        error.path == path ? PFrameError(path: target, error.message) : error
    }

    /// Gives the file its name, replacing what stood there.
    ///
    /// - Throws: `PFrameError`.
    public mutating func commit() throws(PFrameError) {
        let result = path.withPlatformString { from in target.withPlatformString { rename(from, $0) } }
        guard result == 0 else {
            throw PFrameError(path: target, "cannot rename into place: \(Errno(rawValue: errno))")
        }
        isCommitted = true
    }
}

@available(*, unavailable)
extension StagedFile: Sendable {}

/// Writes a file and waits until the disk has it.
///
/// - Throws: `PFrameError`, a full disk included.
package func writeFile(_ bytes: [UInt8], to path: FilePath) throws(PFrameError) {
    do {
        let descriptor = try FileDescriptor.open(
            path, .writeOnly, options: [.create, .truncate, .closeOnExec],
            permissions: [.ownerReadWrite, .groupRead, .otherRead])
        try descriptor.closeAfter {
            _ = try descriptor.writeAll(bytes)
            try synchronize(descriptor)
        }
    } catch {
        throw PFrameError(path: path, "cannot write: \(error)")
    }
}

/// Writes a file under a hidden name and renames it: readers see the old file or the new one.
///
/// - Throws: `PFrameError`, a full disk included.
package func replaceFile(_ path: FilePath, with text: String) throws(PFrameError) {
    try replaceFile(path, with: Array(text.utf8))
}

/// Writes a file under a hidden name and renames it: readers see the old file or the new one.
///
/// - Throws: `PFrameError`, a full disk included.
package func replaceFile(_ path: FilePath, with bytes: [UInt8]) throws(PFrameError) {
    var staged = StagedFile(path: path)
    do throws(PFrameError) { try writeFile(bytes, to: staged.path) } catch {
        throw PFrameError(path: path, error.message)
    }
    do throws(PFrameError) { try staged.commit() } catch { throw PFrameError(error) }
}
