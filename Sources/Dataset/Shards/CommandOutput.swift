import Glibc
package import Storage
import SystemPackage

/// Runs a shell command and keeps what it prints in an unlinked temporary file.
package struct CommandOutput {
    private let command: String
    private let patience: Patience
    private let cancellation: Cancellation

    /// Names a command; nothing runs yet.
    package init(_ command: String, patience: Patience, cancellation: Cancellation) {
        (self.command, self.patience, self.cancellation) = (command, patience, cancellation)
    }

    /// Runs the command, again where it fails, and gives its output as a file.
    ///
    /// - Parameter size: the bytes it must print; nil for any number.
    /// - Throws: `PFrameError` after the last try, with the last line that the command wrote on stderr.
    package func shard(size: Int?) throws(PFrameError) -> LocalShard {
        try patience.retrying(cancellation) { () throws(PFrameError) in
            let file = try temporaryFile("pframe-shard")
            let shard = LocalShard(file, path: FilePath(command))
            try run(into: file, shard, limit: size)
            let printed = try shard.size()
            guard size == nil || printed == size else {
                throw failure("printed \(printed) bytes, but dataset.json says \(size ?? 0)")
            }
            return shard
        }
    }

    /// Runs the command, retries it if it fails, and returns its output.
    ///
    /// - Throws: as ``shard(size:)``.
    package func contents() throws(PFrameError) -> [UInt8] {
        let shard = try shard(size: nil)
        let size = try shard.size()
        return try shard.stream(0..<size).bytes(size)
    }

    private func failure(_ what: String, _ code: PFrameError.Code = .failed) -> PFrameError {
        PFrameError(code, "`\(command)` \(what)")
    }

    /// Runs the command once. It counts as dead when it neither prints nor ends for the time of `patience`.
    private func run(into file: FileDescriptor, _ shard: LocalShard, limit: Int?) throws(PFrameError) {
        let (reading, writing): (FileDescriptor, FileDescriptor)
        do { (reading, writing) = try FileDescriptor.pipe() } catch {
            throw PFrameError(error, "cannot make a pipe")
        }
        // A pipe that fails to close has nothing left to tell.
        defer { _ = try? reading.close() }
        for end in [reading, writing] { _ = fcntl(end.rawValue, F_SETFD, FD_CLOEXEC) }
        let started = Result { () throws(PFrameError) in
            try ChildProcess(["/bin/sh", "-c", command], output: file, errors: writing)
        }
        _ = try? writing.close()
        let child = try started.get()
        var errors = LastLine()
        var (size, progress) = (0, monotonicSeconds())
        var exitCode: Int32?
        while exitCode == nil {
            // A process that the command left behind may hold stderr open: its end alone says nothing.
            let isOpen = errors.isOpen && errors.read(from: reading, wait: 0.02)
            exitCode = child.exitCode(wait: false)
            if exitCode == nil, !isOpen { usleep(500) }
            let printed = try shard.size()
            if printed > size { (size, progress) = (printed, monotonicSeconds()) }
            if cancellation.isRequested { throw failure("was stopped", .interrupted) }
            if let limit, size > limit { throw failure("printed more than the \(limit) bytes of dataset.json") }
            if monotonicSeconds() - progress > patience.timeout {
                throw failure("printed nothing for \(patience.timeout) s")
            }
        }
        while errors.isOpen, errors.read(from: reading, wait: 0) {}
        guard exitCode == 0 else {
            throw failure("ended with exit code \(exitCode ?? 0)" + (errors.text.isEmpty ? "" : ": \(errors.text)"))
        }
    }
}

/// The last line of what is read.
private struct LastLine {
    private(set) var isOpen = true
    private var bytes: [UInt8] = []

    /// The last line that is not empty.
    var text: String {
        let lines = String(decoding: bytes, as: UTF8.self).split(whereSeparator: \.isNewline)
        return lines.last.map(String.init) ?? ""
    }

    /// Reads what is there within `wait` seconds; false if nothing came.
    mutating func read(from descriptor: FileDescriptor, wait: Double) -> Bool {
        var entry = pollfd(fd: descriptor.rawValue, events: Int16(POLLIN), revents: 0)
        guard poll(&entry, 1, Int32(wait * 1000)) > 0 else { return isOpen && wait > 0 }
        var chunk = [UInt8](repeating: 0, count: 4096)
        let count = Glibc.read(descriptor.rawValue, &chunk, chunk.count)
        guard count > 0 else {
            isOpen = false
            return false
        }
        bytes = (bytes + chunk[..<count]).suffix(4096)
        return true
    }
}
