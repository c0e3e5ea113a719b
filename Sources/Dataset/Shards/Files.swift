import Codec
import Glibc
package import SystemPackage

/// The whole of a file.
///
/// - Throws: `DatasetError` where it cannot be read.
package func readFile(_ path: FilePath) throws(DatasetError) -> [UInt8] {
    do {
        let descriptor = try FileDescriptor.open(path, .readOnly, options: .closeOnExec)
        return try descriptor.closeAfter {
            let size = Int(try descriptor.seek(offset: 0, from: .end))
            var bytes = [UInt8](repeating: 0, count: size)
            var filled = 0
            while filled < size {
                let count = try bytes.withUnsafeMutableBytes {
                    try descriptor.read(
                        fromAbsoluteOffset: Int64(filled), into: UnsafeMutableRawBufferPointer(rebasing: $0[filled...]))
                }
                guard count > 0 else { throw Errno.ioError }
                filled += count
            }
            return bytes
        }
    } catch {
        let remark = error as? Errno == .noSuchFileOrDirectory ? path.nameOfNoFile : nil
        throw DatasetError(path: path, remark ?? "cannot read: \(error)")
    }
}

/// Writes a file and waits until the disk has it.
///
/// - Throws: `DatasetError`, a full disk included.
func writeFile(_ bytes: [UInt8], to path: FilePath) throws(DatasetError) {
    do {
        let descriptor = try FileDescriptor.open(
            path, .writeOnly, options: [.create, .truncate, .closeOnExec],
            permissions: [.ownerReadWrite, .groupRead, .otherRead])
        try descriptor.closeAfter {
            _ = try descriptor.writeAll(bytes)
            try synchronize(descriptor)
        }
    } catch {
        throw DatasetError(path: path, "cannot write: \(error)")
    }
}

/// Writes a file under a hidden name and renames it: readers see the old file or the new one.
///
/// - Throws: `DatasetError`, a full disk included.
package func replaceFile(_ path: FilePath, with text: String) throws(DatasetError) {
    try replaceFile(path, with: Array(text.utf8))
}

/// Writes a file under a hidden name and renames it: readers see the old file or the new one.
///
/// - Throws: `DatasetError`, a full disk included.
func replaceFile(_ path: FilePath, with bytes: [UInt8]) throws(DatasetError) {
    var staged = StagedFile(path: path)
    do throws(DatasetError) { try writeFile(bytes, to: staged.path) } catch {
        throw DatasetError(path: path, error.message)
    }
    do throws(CodecError) { try staged.commit() } catch { throw DatasetError(error) }
}

/// `fsync`.
func synchronize(_ descriptor: FileDescriptor) throws {
    guard fsync(descriptor.rawValue) == 0 else { throw Errno(rawValue: errno) }
}

/// `rename`.
func rename(_ from: FilePath, to target: FilePath) throws(DatasetError) {
    let result = from.withPlatformString { from in target.withPlatformString { Glibc.rename(from, $0) } }
    guard result == 0 else {
        throw DatasetError(path: target, "cannot rename into place: \(Errno(rawValue: errno))")
    }
}

/// The size of a file in bytes, nil where there is none.
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
func isSameFile(_ first: FilePath, _ second: FilePath) -> Bool {
    var facts = (stat(), stat())
    guard first.withPlatformString({ stat($0, &facts.0) }) == 0,
        second.withPlatformString({ stat($0, &facts.1) }) == 0
    else { return false }
    return facts.0.st_dev == facts.1.st_dev && facts.0.st_ino == facts.1.st_ino
}
