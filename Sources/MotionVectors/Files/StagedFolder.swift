import Codec
import Glibc
import Storage
import SystemPackage

/// A folder whose files appear together: each is written under a hidden name, and renamed when all are complete.
///
/// Deleting one that was not committed removes what it staged, the folder where it is then empty, and leaves what stood
/// there before.
struct StagedFolder: ~Copyable {
    private let folder: OutputFolder
    private var names: [String] = []
    private var isCommitted = false

    /// Creates the folder where it is missing.
    init(path: FilePath) throws(CodecError) {
        folder = try OutputFolder(path)
    }

    deinit {
        guard !isCommitted else { return }
        for name in names { remove(Self.hidden(name)) }
    }

    /// The folder.
    var path: FilePath { folder.path }

    /// Where to write the file that will be called `name`.
    mutating func stage(_ name: String) -> FilePath {
        names.append(name)
        return path.appending(Self.hidden(name))
    }

    /// Renames every staged file, `last` at the very end.
    ///
    /// - Parameter known: every name that may stand here; those that were not staged are removed, and what a killed
    ///   process left of them.
    mutating func commit(last: String, known: [String]) throws(CodecError) {
        // Without its last file the folder counts as incomplete, should this be interrupted.
        remove(last)
        for name in known where !names.contains(name) {
            remove(name)
            remove(Self.hidden(name))
        }
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

    private func remove(_ name: String) { _ = path.appending(name).withPlatformString { unlink($0) } }

    private static func hidden(_ name: String) -> String { ".partial-" + name }
}
