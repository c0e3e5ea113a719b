import Glibc
package import SystemPackage

/// A file that is written under a hidden name beside its place, and renamed when complete.
///
/// A staged file that is not committed is removed; the previous file keeps its place.
package struct StagedFile: ~Copyable {
    /// Where to write; the extension is the target's.
    package let path: FilePath
    private let target: FilePath
    private var isCommitted = false

    /// Plans to write `path`.
    package init(path: FilePath) {
        target = path
        // A hash of the name's bytes: short enough for any file system, its own for names that are not UTF-8.
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

    /// Writes a file. `body` gets the hidden name; an error about the hidden name names the file itself.
    ///
    /// - Throws: `PFrameError`.
    package static func write(
        _ path: FilePath, _ body: (FilePath) throws(PFrameError) -> Void
    ) throws(PFrameError) {
        var staged = StagedFile(path: path)
        do throws(PFrameError) { try body(staged.path) } catch { throw staged.named(error) }
        try staged.commit()
    }

    /// An error about the hidden file as one about the file that it was to become.
    private func named(_ error: PFrameError) -> PFrameError {
        error.path == path ? error.about(target) : error
    }

    /// Gives the file its name and replaces a previous file. File and name are on the disk when the call returns.
    ///
    /// - Throws: `PFrameError`.
    package mutating func commit() throws(PFrameError) {
        try publish([(path, target)])
        isCommitted = true
    }
}

@available(*, unavailable)
extension StagedFile: Sendable {}

/// A folder whose files appear together: each is written under a hidden name, and renamed when all are complete.
///
/// A folder that is not committed removes its staged files, and itself if it is then empty; previous files stay.
package struct StagedFolder: ~Copyable {
    private let folder: OutputFolder
    private let lock: KernelLock
    private var names: [String] = []
    private var isCommitted = false

    /// Creates the folder where it is missing.
    ///
    /// - Throws: `PFrameError`; `busy` while another process writes into it.
    package init(path: FilePath) throws(PFrameError) {
        let folder = try OutputFolder(path)
        guard let lock = try KernelLock(folder: path) else {
            throw PFrameError(.busy, path: path, "another process writes into this folder: wait, or choose another")
        }
        self.folder = folder
        self.lock = lock
    }

    deinit {
        guard !isCommitted else { return }
        for name in names { remove(Self.hidden(name)) }
    }

    /// The folder.
    package var path: FilePath { folder.path }

    /// Where to write the file that will be called `name`.
    package mutating func stage(_ name: String) -> FilePath {
        names.append(name)
        return path.appending(Self.hidden(name))
    }

    /// Renames every staged file, `last` at the very end.
    ///
    /// - Parameter known: every name that may exist here. Files with these names that were not staged are removed, and
    ///   so are the remains of a killed process.
    package mutating func commit(last: String, known: [String]) throws(PFrameError) {
        // Without its last file the folder counts as incomplete, should this be interrupted.
        remove(last)
        for name in known where !names.contains(name) {
            remove(name)
            remove(Self.hidden(name))
        }
        let ordered = names.filter { $0 != last } + names.filter { $0 == last }
        try publish(ordered.map { (path.appending(Self.hidden($0)), path.appending($0)) })
        isCommitted = true
    }

    private func remove(_ name: String) { _ = path.appending(name).withPlatformString { unlink($0) } }

    private static func hidden(_ name: String) -> String { ".partial-" + name }
}

@available(*, unavailable)
extension StagedFolder: Sendable {}

/// Gives complete files their names, in order, and replaces previous files. After a power failure each name belongs to
/// the old file or to the new file, never to a partial file.
///
/// Every file is on the disk (`fsync`) before the first is renamed; the new names are when this returns.
///
/// - Parameter files: all to one folder.
/// - Throws: `PFrameError` that names the target.
package func publish(_ files: [(staged: FilePath, target: FilePath)]) throws(PFrameError) {
    for (staged, target) in files { try flush(staged, .readWrite, of: target) }
    for (staged, target) in files {
        guard staged.withPlatformString({ from in target.withPlatformString { rename(from, $0) } }) == 0 else {
            throw PFrameError(Errno(rawValue: errno), path: target, "cannot rename into place")
        }
    }
    guard let target = files.first?.target else { return }
    let parent = target.removingLastComponent()
    let folder = parent.isEmpty ? FilePath(".") : parent
    // A folder that may be written and not read cannot be opened; its files are there.
    guard folder.withPlatformString({ access($0, R_OK) }) == 0 else { return }
    try flush(folder, .readOnly, of: target)
}

/// Waits until the disk has a file or a folder.
private func flush(_ path: FilePath, _ mode: FileDescriptor.AccessMode, of target: FilePath) throws(PFrameError) {
    do {
        let descriptor = try FileDescriptor.open(path, mode, options: .closeOnExec)
        try descriptor.closeAfter {
            // Some file systems have no `fsync` for folders.
            guard fsync(descriptor.rawValue) == 0 || errno == EINVAL else { throw Errno(rawValue: errno) }
        }
    } catch {
        throw PFrameError(error, path: target, "cannot write")
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
        throw error.about(path)
    }
    try staged.commit()
}

/// Writes a file where it stands, which ``publish(_:)`` names.
///
/// - Throws: `PFrameError`, a full disk included.
package func writeFile(_ bytes: [UInt8], to path: FilePath) throws(PFrameError) {
    do {
        let descriptor = try FileDescriptor.open(
            path, .writeOnly, options: [.create, .truncate, .closeOnExec],
            permissions: [.ownerReadWrite, .groupRead, .otherRead])
        try descriptor.closeAfter { _ = try descriptor.writeAll(bytes) }
    } catch {
        throw PFrameError(error, path: path, "cannot write")
    }
}
