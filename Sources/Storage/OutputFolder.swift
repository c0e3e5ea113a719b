import Glibc
import Synchronization
package import SystemPackage

/// Creates a folder and the folders above it, where they are missing.
///
/// - Throws: `PFrameError` if that is not possible.
package func createFolder(_ path: FilePath) throws(PFrameError) {
    var code: CInt = 0
    // Who gives up may remove a folder above that is still empty, just before something is made in it.
    for _ in 0..<10 {
        if path.withPlatformString({ mkdir($0, 0o777) }) == 0 {
            OutputFolder.made.withLock { _ = $0.insert(path) }
            return
        }
        code = errno
        let parent = path.removingLastComponent()
        guard code == ENOENT, !parent.isEmpty else { break }
        try createFolder(parent)
    }
    var facts = stat()
    let isFolder = path.withPlatformString { stat($0, &facts) } == 0 && facts.st_mode & S_IFMT == S_IFDIR
    guard isFolder else { throw PFrameError(Errno(rawValue: code), path: path, "cannot create the folder") }
}

/// A folder that is written into, made where it is missing.
///
/// When it goes away with nothing written, the folders that were made for it go too: a failure leaves none that is empty.
package struct OutputFolder: ~Copyable {
    /// The folders that this process made.
    fileprivate static let made = Mutex<Set<FilePath>>([])

    /// The folder.
    package let path: FilePath

    /// Creates the folder and the folders above it, where they are missing.
    ///
    /// - Throws: `PFrameError` if that is not possible.
    package init(_ path: FilePath) throws(PFrameError) {
        self.path = path
        try createFolder(path)
    }

    deinit {
        var folder = path
        // Only an empty one can be removed.
        while Self.made.withLock({ $0.contains(folder) }), folder.withPlatformString({ rmdir($0) }) == 0 {
            Self.made.withLock { _ = $0.remove(folder) }
            folder.removeLastComponent()
        }
    }
}

@available(*, unavailable)
extension OutputFolder: Sendable {}
