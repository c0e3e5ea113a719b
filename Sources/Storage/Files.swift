import Glibc
package import SystemPackage

/// The whole of a file.
///
/// - Throws: `PFrameError` if it cannot be read.
package func readFile(_ path: FilePath) throws(PFrameError) -> [UInt8] {
    do {
        let descriptor = try FileDescriptor.open(path, .readOnly, options: .closeOnExec)
        return try descriptor.closeAfter {
            let size = Int(try descriptor.seek(offset: 0, from: .end))
            var bytes = [UInt8](repeating: 0, count: size)
            guard try bytes.withUnsafeMutableBytes({ try descriptor.fill($0, at: 0) }) == size else {
                throw Errno.ioError
            }
            return bytes
        }
    } catch {
        if error as? Errno == .noSuchFileOrDirectory, let remark = path.nameOfNoFile {
            throw PFrameError(.usage, path: path, remark)
        }
        throw PFrameError(error, path: path, "cannot read")
    }
}

extension FileDescriptor {
    /// `pread` until a buffer is full.
    ///
    /// - Returns: the bytes that were read; fewer than the buffer holds only where the file ends.
    package func fill(_ buffer: UnsafeMutableRawBufferPointer, at offset: Int) throws -> Int {
        var filled = 0
        while filled < buffer.count {
            let rest = UnsafeMutableRawBufferPointer(rebasing: buffer[filled...])
            let count = try read(fromAbsoluteOffset: Int64(offset + filled), into: rest)
            if count == 0 { break }
            filled += count
        }
        return filled
    }
}

/// A file without a name in the folder for temporary files (`TMPDIR`), which is gone with its last descriptor.
///
/// - Parameter name: what its name begins with while it has one.
/// - Throws: `PFrameError` if it cannot be made.
package func temporaryFile(_ name: String) throws(PFrameError) -> FileDescriptor {
    let folder = getenv("TMPDIR").map { String(cString: $0) } ?? ""
    let path = FilePath(folder.isEmpty ? "/tmp" : folder)
        .appending("\(name)-" + String(UInt64.random(in: 0...UInt64.max), radix: 36))
    do {
        let descriptor = try FileDescriptor.open(
            path, .readWrite, options: [.create, .exclusiveCreate, .closeOnExec], permissions: .ownerReadWrite)
        _ = path.withPlatformString { unlink($0) }
        return descriptor
    } catch {
        throw PFrameError(error, path: path, "cannot make a temporary file")
    }
}

/// The size of a file in bytes, nil if there is none.
package func fileSize(_ path: FilePath) -> Int? {
    var facts = stat()
    guard path.withPlatformString({ stat($0, &facts) }) == 0, facts.st_mode & S_IFMT == S_IFREG else { return nil }
    return Int(facts.st_size)
}

/// Whether a path leads to a folder.
package func isFolder(_ path: FilePath) -> Bool {
    var facts = stat()
    return path.withPlatformString { stat($0, &facts) } == 0 && facts.st_mode & S_IFMT == S_IFDIR
}

/// Whether two paths lead to one file or folder.
package func isSameFile(_ first: FilePath, _ second: FilePath) -> Bool {
    var facts = (stat(), stat())
    guard first.withPlatformString({ stat($0, &facts.0) }) == 0,
        second.withPlatformString({ stat($0, &facts.1) }) == 0
    else { return false }
    return facts.0.st_dev == facts.1.st_dev && facts.0.st_ino == facts.1.st_ino
}

/// The names in a folder but `.` and `..`, each with its zero at the end, in the order of their bytes.
package func folderEntries(_ folder: FilePath) -> Result<[[CChar]], Errno> {
    guard let stream = folder.withPlatformString({ opendir($0) }) else { return .failure(Errno(rawValue: errno)) }
    defer { closedir(stream) }
    var names: [[CChar]] = []
    errno = 0
    while let entry = readdir(stream) {
        let capacity = MemoryLayout.size(ofValue: entry.pointee.d_name)
        let name = withUnsafePointer(to: &entry.pointee.d_name) { pointer in
            pointer.withMemoryRebound(to: CChar.self, capacity: capacity) { name in
                Array(UnsafeBufferPointer(start: name, count: strlen(name) + 1))
            }
        }
        if strcmp(name, ".") != 0, strcmp(name, "..") != 0 { names.append(name) }
        errno = 0
    }
    if errno != 0 { return .failure(Errno(rawValue: errno)) }
    names.sort { $0.lexicographicallyPrecedes($1) { UInt8(bitPattern: $0) < UInt8(bitPattern: $1) } }
    return .success(names)
}

/// The names of all entries of a folder, sorted by their bytes; names that are not UTF-8 are skipped.
///
/// - Throws: `PFrameError` if it cannot be listed.
package func fileNames(in folder: FilePath) throws(PFrameError) -> [String] {
    switch folderEntries(folder) {
    case .success(let names):
        return names.compactMap { String(validating: $0.dropLast().map(UInt8.init(bitPattern:)), as: UTF8.self) }
    case .failure(let error): throw PFrameError(error, path: folder, "cannot list the folder")
    }
}

/// A folder's own name, however its path was given.
package func ownName(of folder: FilePath) -> String {
    let resolved = folder.withPlatformString { realpath($0, nil) }
    defer { free(resolved) }
    let path = resolved.map { FilePath(platformString: $0) } ?? folder
    return path.lastComponent?.string ?? path.string
}

/// `unlink`; a missing file is no error.
///
/// - Throws: `PFrameError`.
package func removeFile(_ path: FilePath) throws(PFrameError) {
    guard path.withPlatformString({ unlink($0) }) != 0, errno != ENOENT else { return }
    throw PFrameError(Errno(rawValue: errno), path: path, "cannot remove")
}

/// A lock that the kernel holds for this process (`flock`): SIGKILL frees it.
///
/// An empty file stays, where the lock is on one; only the lock on it has a meaning.
package final class KernelLock: Sendable {
    private let descriptor: Int32

    /// Takes the lock on an empty file, which is made where it is missing.
    ///
    /// - Parameter shared: several may hold it so at once.
    /// - Returns: nil where another process holds it.
    /// - Throws: `PFrameError` if the file cannot be made, or the file system has no locks.
    package convenience init?(_ path: FilePath, shared: Bool = false) throws(PFrameError) {
        let descriptor = path.withPlatformString { open($0, O_RDWR | O_CREAT | O_CLOEXEC, 0o666) }
        guard descriptor >= 0 else {
            throw PFrameError(Errno(rawValue: errno), path: path, "cannot create the lock")
        }
        try self.init(descriptor, path, shared: shared)
    }

    /// Takes the lock on a folder itself.
    ///
    /// - Returns: nil where another process holds it.
    /// - Throws: `PFrameError` if the folder cannot be opened, or the file system has no locks.
    package convenience init?(folder: FilePath) throws(PFrameError) {
        let descriptor = folder.withPlatformString { open($0, O_RDONLY | O_DIRECTORY | O_CLOEXEC) }
        guard descriptor >= 0 else {
            throw PFrameError(Errno(rawValue: errno), path: folder, "cannot open the folder")
        }
        try self.init(descriptor, folder, shared: false)
    }

    private init?(_ descriptor: Int32, _ path: FilePath, shared: Bool) throws(PFrameError) {
        guard flock(descriptor, (shared ? LOCK_SH : LOCK_EX) | LOCK_NB) == 0 else {
            let code = errno
            close(descriptor)
            if code == EWOULDBLOCK { return nil }
            throw PFrameError(Errno(rawValue: code), path: path, "cannot lock")
        }
        self.descriptor = descriptor
    }

    deinit { close(descriptor) }
}
