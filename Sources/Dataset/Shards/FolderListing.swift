import Glibc
package import SystemPackage

/// The names of all entries of a folder, sorted by their bytes; names that are no UTF-8 are passed over.
///
/// - Throws: `DatasetError` where it cannot be listed.
package func fileNames(in folder: FilePath) throws(DatasetError) -> [String] {
    guard let stream = folder.withPlatformString({ opendir($0) }) else {
        throw DatasetError(path: folder, "cannot list the folder: \(Errno(rawValue: errno))")
    }
    defer { closedir(stream) }
    var names: [String] = []
    while let entry = readdir(stream) {
        let name = withUnsafePointer(to: &entry.pointee.d_name) { pointer in
            pointer.withMemoryRebound(to: CChar.self, capacity: 256) { String(validatingCString: $0) }
        }
        if let name, name != ".", name != ".." { names.append(name) }
    }
    return names.sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) }
}

/// A folder's own name, however its path was given.
package func ownName(of folder: FilePath) -> String {
    let resolved = folder.withPlatformString { realpath($0, nil) }
    defer { free(resolved) }
    let path = resolved.map { FilePath(platformString: $0) } ?? folder
    return path.lastComponent?.string ?? path.string
}

/// `unlink`; a file that is not there is no error.
///
/// - Throws: `DatasetError`.
func removeFile(_ path: FilePath) throws(DatasetError) {
    guard path.withPlatformString({ unlink($0) }) != 0, errno != ENOENT else { return }
    throw DatasetError(path: path, "cannot remove: \(Errno(rawValue: errno))")
}
