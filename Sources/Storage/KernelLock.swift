import Glibc
package import SystemPackage

/// A lock that the kernel holds for this process (`flock`): SIGKILL frees it.
///
/// The file stays behind empty; only the lock on it means anything.
package final class KernelLock: Sendable {
    private let descriptor: Int32

    /// Takes the lock.
    ///
    /// - Parameter shared: several may hold it so at once.
    /// - Returns: nil where another process holds it.
    /// - Throws: `PFrameError` where the file cannot be made, or the file system has no locks.
    package init?(_ path: FilePath, shared: Bool = false) throws(PFrameError) {
        let descriptor = path.withPlatformString { open($0, O_RDWR | O_CREAT | O_CLOEXEC, 0o666) }
        guard descriptor >= 0 else {
            throw PFrameError(path: path, "cannot create the lock: \(Errno(rawValue: errno))")
        }
        guard flock(descriptor, (shared ? LOCK_SH : LOCK_EX) | LOCK_NB) == 0 else {
            let code = errno
            close(descriptor)
            if code == EWOULDBLOCK { return nil }
            throw PFrameError(path: path, "cannot lock: \(Errno(rawValue: code))")
        }
        self.descriptor = descriptor
    }

    deinit { close(descriptor) }
}
