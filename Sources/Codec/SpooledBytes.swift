import Glibc
import Storage
import Synchronization
import SystemPackage

/// A video that comes only once and only forwards: through a pipe, or from a server without ranges of bytes.
///
/// What came is kept in a file without a name, so that it can be read again and out of order: by a second decoding, and
/// for containers whose index stands at their end. No more is taken than was asked for, except where the container needs
/// all of it.
final class SpooledBytes: InputBytes, @unchecked Sendable {
    // Unchecked: whatever changes is used while `lock` is held.

    /// Gives the next bytes into a buffer; 0 at the end.
    private let next: (UnsafeMutableRawBufferPointer) throws(PFrameError) -> Int
    private let name: String
    private let lock = Mutex<Void>(())
    private var spool: FileDescriptor?
    private var count = 0
    private var hasEnded = false
    /// Why bytes that came are lost, or no more can come.
    private var failure: PFrameError?
    private let piece = UnsafeMutableRawBufferPointer.allocate(byteCount: 1 << 16, alignment: 64)

    private init(_ name: String, next: @escaping (UnsafeMutableRawBufferPointer) throws(PFrameError) -> Int) {
        (self.name, self.next) = (name, next)
    }

    /// Reads a file of a server from its start.
    convenience init(_ file: RemoteFile.Forwards) {
        self.init("the video") { buffer throws(PFrameError) in try file.read(into: buffer) }
    }

    deinit {
        piece.deallocate()
        // Nothing in it is wanted any more.
        if let spool { _ = try? spool.close() }
    }

    var knownSize: Int? { lock.withLock { _ in hasEnded ? count : nil } }

    /// Bytes that came so far.
    var received: Int { lock.withLock { _ in count } }

    func size() throws(PFrameError) -> Int {
        try lock.withLock { _ throws(PFrameError) in
            while !hasEnded { try pull() }
            return count
        }
    }

    func read(at offset: Int, into buffer: UnsafeMutableRawBufferPointer) throws(PFrameError) -> Int {
        try lock.withLock { _ throws(PFrameError) in
            while count <= offset, !hasEnded { try pull() }
            guard offset < count, let spool else { return 0 }
            do {
                return try spool.fill(
                    UnsafeMutableRawBufferPointer(rebasing: buffer.prefix(count - offset)), at: offset)
            } catch { throw PFrameError(error, "cannot read again what came of \(name)") }
        }
    }

    /// Takes the next bytes; `lock` is held.
    private func pull() throws(PFrameError) {
        if let failure { throw failure }
        do throws(PFrameError) {
            let came = try next(piece)
            if came == 0 { hasEnded = true } else { try keep(UnsafeRawBufferPointer(rebasing: piece[..<came])) }
        } catch {
            failure = error
            throw error
        }
    }

    private func keep(_ bytes: UnsafeRawBufferPointer) throws(PFrameError) {
        let spool: FileDescriptor
        if let open = self.spool { spool = open } else { spool = try temporaryFile("pframe-video") }
        self.spool = spool
        do { _ = try spool.writeAll(toAbsoluteOffset: Int64(count), bytes) } catch {
            throw PFrameError(error, "cannot keep what comes of \(name): name a folder with more room in TMPDIR")
        }
        count += bytes.count
    }

    /// MP4 with its index at the end cannot be read forwards, and AVI has its own there too.
    var readsForwards: Bool {
        // A byte that cannot be read here cannot be read by the demuxer either, which says so.
        do throws(PFrameError) { return try !needsEnd() } catch { return true }
    }

    private func needsEnd() throws(PFrameError) -> Bool {
        var (place, header) = (0, try bytes(at: 0, count: 16))
        if header.starts(with: "RIFF".utf8) { return true }
        guard header.dropFirst(4).starts(with: "ftyp".utf8) else { return false }
        while header.count >= 8 {
            let kind = header[4..<8]
            if kind.elementsEqual("moov".utf8) { return false }
            var size = header[0..<4].reduce(0) { $0 << 8 | Int($1) }
            if size == 1 { size = Int(clamping: header[8...].reduce(UInt64(0)) { $0 << 8 | UInt64($1) }) }
            guard !kind.elementsEqual("mdat".utf8), (8..<1 << 40).contains(size) else { return true }
            place += size
            header = try bytes(at: place, count: 16)
        }
        return true
    }
}

extension SpooledBytes {
    /// What tells a pipe from others.
    private struct Identity: Hashable, Sendable {
        let device: dev_t
        let file: ino_t
    }

    private struct Reference: Sendable {
        weak var bytes: SpooledBytes?
    }

    private static let pipes = Mutex<[Identity: Reference]>([:])

    /// Whether a path leads to a pipe or a socket, which is not opened.
    static func isPipe(_ path: FilePath) -> Bool {
        var facts = stat()
        let isThere =
            path.isStandardInput
            ? fstat(STDIN_FILENO, &facts) == 0 : path.withPlatformString { stat($0, &facts) } == 0
        return isThere && [S_IFIFO, S_IFSOCK].contains(facts.st_mode & S_IFMT)
    }

    /// What a path gives that leads to a pipe or a socket; nil for any other path.
    ///
    /// Whoever reads the same pipe gets the same bytes from the start, as long as anybody holds them.
    ///
    /// - Throws: `PFrameError` if the pipe cannot be opened, or standard input is a terminal.
    static func pipe(_ path: FilePath) throws(PFrameError) -> SpooledBytes? {
        var (facts, input) = (stat(), stat())
        let isKnown = fstat(STDIN_FILENO, &input) == 0
        if path.isStandardInput {
            guard isKnown else { throw PFrameError(.usage, path: path, "is closed: pipe a video to it") }
            guard isatty(STDIN_FILENO) == 0 else {
                throw PFrameError(.usage, path: path, "is a terminal: pipe a video to it, or name a file")
            }
            facts = input
        } else if path.withPlatformString({ stat($0, &facts) }) != 0 {
            return nil
        }
        guard isPipe(path) else { return nil }
        let identity = Identity(device: facts.st_dev, file: facts.st_ino)
        if let known = pipes.withLock({ $0[identity]?.bytes }) { return known }
        let isInput = isKnown && input.st_dev == facts.st_dev && input.st_ino == facts.st_ino
        let descriptor: FileDescriptor
        do {
            // A socket cannot be opened by its path.
            descriptor =
                isInput
                ? try FileDescriptor(rawValue: STDIN_FILENO).duplicate()
                : try FileDescriptor.open(path, .readOnly, options: .closeOnExec)
        } catch { throw PFrameError(error, path: path, "cannot open") }
        let bytes = SpooledBytes(Pipe(descriptor, path))
        return pipes.withLock { pipes in
            // Another thread may have opened it meanwhile: one reads for both.
            if let known = pipes[identity]?.bytes { return known }
            pipes = pipes.filter { $0.value.bytes != nil }
            pipes[identity] = Reference(bytes: bytes)
            return bytes
        }
    }

    private convenience init(_ pipe: Pipe) {
        self.init("the pipe") { buffer throws(PFrameError) in try pipe.read(into: buffer) }
    }

    /// An open pipe.
    private final class Pipe {
        private let descriptor: FileDescriptor
        private let path: FilePath

        init(_ descriptor: FileDescriptor, _ path: FilePath) { (self.descriptor, self.path) = (descriptor, path) }

        // Nothing was written: a failing close loses nothing.
        deinit { _ = try? descriptor.close() }

        func read(into buffer: UnsafeMutableRawBufferPointer) throws(PFrameError) -> Int {
            do { return try descriptor.read(into: buffer) } catch {
                throw PFrameError(error, path: path, "cannot read")
            }
        }
    }
}
