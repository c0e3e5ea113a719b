import Codec
import Glibc
import SystemPackage

/// A folder whose files appear together: each is written under a hidden name, and renamed when all are complete.
///
/// Deleting one that was not committed removes what it staged and leaves what stood there before.
struct StagedFolder: ~Copyable {
    /// The folder.
    let path: FilePath
    private var names: [String] = []
    private var isCommitted = false

    /// Creates the folder where it is missing.
    init(path: FilePath) throws(CodecError) {
        self.path = path
        try createFolder(path)
    }

    deinit {
        guard !isCommitted else { return }
        for name in names { _ = path.appending(Self.hidden(name)).withPlatformString { unlink($0) } }
    }

    /// Where to write the file that will be called `name`.
    mutating func stage(_ name: String) -> FilePath {
        names.append(name)
        return path.appending(Self.hidden(name))
    }

    /// Renames every staged file, `last` at the very end; files in `stale` that were not staged are removed.
    mutating func commit(last: String, stale: [String]) throws(CodecError) {
        // Without its last file the folder counts as incomplete, should this be interrupted.
        _ = path.appending(last).withPlatformString { unlink($0) }
        for name in stale where !names.contains(name) { _ = path.appending(name).withPlatformString { unlink($0) } }
        for name in names.filter({ $0 != last }) + names.filter({ $0 == last }) {
            let target = path.appending(name)
            let result = path.appending(Self.hidden(name)).withPlatformString { from in
                target.withPlatformString { rename(from, $0) }
            }
            guard result == 0 else {
                throw CodecError(path: target, "cannot rename into place: \(Errno(rawValue: errno))")
            }
        }
        isCommitted = true
    }

    private static func hidden(_ name: String) -> String { ".partial-" + name }
}
