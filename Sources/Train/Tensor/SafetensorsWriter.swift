import Dataset
import Glibc
public import Storage
public import SystemPackage

/// Writes a safetensors file, tensor by tensor, under the name `PATH.tmp` until it is complete.
///
/// One that goes away unfinished removes what it wrote, and leaves what stood at `PATH` before. Where the wider element
/// types come first, the elements of every tensor lie at a multiple of their size.
public struct SafetensorsWriter: ~Copyable {
    private let path: FilePath
    private let temporary: FilePath
    private let descriptor: FileDescriptor
    private var isFinished = false
    /// Names and bytes of the tensors that are still to come, the next one last.
    private var expected: [(name: String, size: Int)]

    /// Creates the file and writes its header.
    ///
    /// - Parameters:
    ///   - path: where the finished file lies; one that is there is replaced.
    ///   - entries: the tensors in the order in which they will be appended, each with a name of its own.
    ///   - metadata: texts to keep with them.
    /// - Throws: `PFrameError`, a full disk included.
    public init(
        path: FilePath, entries: [(name: String, type: ElementType, shape: [Int])], metadata: [String: String] = [:]
    ) throws(PFrameError) {
        var header: [String: JSONValue] = [:]
        if !metadata.isEmpty { header["__metadata__"] = .object(metadata.mapValues { .text($0) }) }
        var sizes: [(name: String, size: Int)] = []
        var end = 0
        for (name, type, shape) in entries {
            precondition(name != "__metadata__" && header[name] == nil, "tensors of the same name: \(name)")
            precondition(shape.allSatisfy { $0 >= 0 }, "a shape below zero")
            let start = end
            end += shape.reduce(type.size, *)
            sizes.append((name, end - start))
            header[name] = .object([
                "dtype": .text(type.rawValue), "shape": .list(shape.map { .integer($0) }),
                "data_offsets": .list([.integer(start), .integer(end)]),
            ])
        }
        var text = Array(JSONValue.object(header).json().utf8)
        text += repeatElement(UInt8(ascii: " "), count: -text.count & 7)
        let length = UInt64(text.count)

        let temporary = path.removingLastComponent().appending((path.lastComponent?.string ?? "") + ".tmp")
        let descriptor: FileDescriptor
        do {
            descriptor = try FileDescriptor.open(
                temporary, .writeOnly, options: [.create, .truncate, .closeOnExec],
                permissions: [.ownerReadWrite, .groupRead, .otherRead])
        } catch {
            throw PFrameError(error, path: path, "cannot create the file")
        }
        do throws(PFrameError) {
            let start = (0..<8).map { UInt8(truncatingIfNeeded: length >> ($0 * 8)) }
            try Self.attempt(path) { _ = try descriptor.writeAll(start + text) }
        } catch {
            Self.abandon(temporary, descriptor)
            throw error
        }
        (self.path, self.temporary, self.descriptor) = (path, temporary, descriptor)
        expected = sizes.reversed()
    }

    deinit {
        if !isFinished { Self.abandon(temporary, descriptor) }
    }

    private static func abandon(_ path: FilePath, _ descriptor: FileDescriptor) {
        // An unfinished file is being given up: there is no one left to tell.
        _ = try? descriptor.close()
        _ = path.withPlatformString { unlink($0) }
    }

    /// Writes the elements of the next tensor, row by row and little-endian: as many bytes as its entry says.
    ///
    /// - Throws: `PFrameError`, a full disk included.
    public mutating func append(_ bytes: UnsafeRawBufferPointer) throws(PFrameError) {
        guard let next = expected.popLast() else { preconditionFailure("more tensors than entries") }
        precondition(bytes.count == next.size, "\(next.name): \(bytes.count) bytes, not \(next.size)")
        try Self.attempt(path) { _ = try descriptor.writeAll(bytes) }
    }

    /// Waits until the disk has the file, and gives it its name.
    ///
    /// - Throws: `PFrameError`, a full disk included.
    public consuming func finish() throws(PFrameError) {
        precondition(expected.isEmpty, "tensors are missing: \(expected.last?.name ?? "")")
        try publish([(temporary, path)])
        isFinished = true
        try Self.attempt(path) { try descriptor.close() }
    }

    private static func attempt(_ path: FilePath, _ body: () throws -> Void) throws(PFrameError) {
        do { try body() } catch {
            let isFull = [Errno.noSpace, Errno.diskQuotaExceeded].contains { $0 == error as? Errno }
            let remedy = isFull ? "; make room, or write elsewhere" : ""
            throw PFrameError(PFrameError.Code(error), path: path, "cannot write: \(error)\(remedy)")
        }
    }
}

@available(*, unavailable)
extension SafetensorsWriter: Sendable {}
