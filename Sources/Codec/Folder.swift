import Glibc
public import SystemPackage

/// Creates a folder and the folders above it, where they are missing.
///
/// - Throws: `CodecError` where that is not possible.
public func createFolder(_ path: FilePath) throws(CodecError) {
    if path.withPlatformString({ mkdir($0, 0o777) }) == 0 { return }
    let code = errno
    let parent = path.removingLastComponent()
    if code == ENOENT, !parent.isEmpty {
        try createFolder(parent)
        if path.withPlatformString({ mkdir($0, 0o777) }) == 0 { return }
    }
    var facts = stat()
    let isFolder = path.withPlatformString { stat($0, &facts) } == 0 && facts.st_mode & S_IFMT == S_IFDIR
    guard isFolder else { throw CodecError(path: path, "cannot create the folder: \(Errno(rawValue: code))") }
}
