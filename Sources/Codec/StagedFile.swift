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
        var staged = path
        if let name = path.lastComponent, let hidden = FilePath.Component(".partial-" + name.string) {
            staged.removeLastComponent()
            staged.append(hidden)
        }
        self.path = staged
    }

    deinit {
        if !isCommitted { _ = path.withPlatformString { unlink($0) } }
    }

    /// Gives the file its name, replacing what stood there.
    ///
    /// - Throws: `CodecError`.
    public mutating func commit() throws(CodecError) {
        let result = path.withPlatformString { from in target.withPlatformString { rename(from, $0) } }
        guard result == 0 else {
            throw CodecError(path: target, "cannot rename into place: \(Errno(rawValue: errno))")
        }
        isCommitted = true
    }
}

@available(*, unavailable)
extension StagedFile: Sendable {}
