package import SystemPackage

/// A file that is written from start to end through one buffer, with every failure reported (a full disk included).
package struct OutputFile: ~Copyable {
    private static let capacity = 1 << 18
    private let path: FilePath
    private let descriptor: FileDescriptor
    private var buffer: [UInt8] = []
    private var isOpen = true
    /// Bytes written so far.
    package private(set) var size = 0

    /// Creates the file, replacing an existing one.
    ///
    /// - Throws: `PFrameError` if it cannot be created.
    package init(path: FilePath) throws(PFrameError) {
        self.path = path
        do {
            descriptor = try FileDescriptor.open(
                path, .writeOnly, options: [.create, .truncate, .closeOnExec],
                permissions: [.ownerReadWrite, .groupRead, .otherRead])
        } catch {
            throw PFrameError(error, path: path, "cannot create the file")
        }
        buffer.reserveCapacity(Self.capacity)
    }

    deinit {
        // An unfinished file is being given up: there is no one left to tell.
        if isOpen { _ = try? descriptor.close() }
    }

    /// Appends bytes.
    ///
    /// - Throws: `PFrameError`.
    package mutating func write(_ bytes: UnsafeRawBufferPointer) throws(PFrameError) {
        size += bytes.count
        if buffer.count + bytes.count > Self.capacity { try flush() }
        if bytes.count >= Self.capacity {
            try attempt("write") { try descriptor.writeAll(bytes) }
        } else {
            buffer.append(contentsOf: bytes)
        }
    }

    /// Appends bytes.
    ///
    /// - Throws: `PFrameError`.
    package mutating func write(_ bytes: [UInt8]) throws(PFrameError) {
        size += bytes.count
        if buffer.count + bytes.count > Self.capacity { try flush() }
        buffer.append(contentsOf: bytes)
    }

    /// Appends text as UTF-8.
    ///
    /// - Throws: `PFrameError`.
    package mutating func write(_ text: String) throws(PFrameError) {
        try write(Array(text.utf8))
    }

    /// Replaces bytes at the start of the file, as a header whose numbers are known last.
    ///
    /// - Throws: `PFrameError`.
    package mutating func overwriteStart(_ bytes: [UInt8]) throws(PFrameError) {
        try flush()
        try attempt("write") { try descriptor.writeAll(toAbsoluteOffset: 0, bytes) }
    }

    /// Writes what is buffered and closes the file.
    ///
    /// - Throws: `PFrameError`.
    package mutating func close() throws(PFrameError) {
        guard isOpen else { return }
        try flush()
        isOpen = false
        try attempt("close") { try descriptor.close() }
    }

    private mutating func flush() throws(PFrameError) {
        guard !buffer.isEmpty else { return }
        try attempt("write") { try descriptor.writeAll(buffer) }
        buffer.removeAll(keepingCapacity: true)
    }

    private func attempt<T>(_ doing: String, _ body: () throws -> T) throws(PFrameError) {
        do {
            _ = try body()
        } catch {
            throw PFrameError(error, path: path, "cannot \(doing)")
        }
    }
}

@available(*, unavailable)
extension OutputFile: Sendable {}
