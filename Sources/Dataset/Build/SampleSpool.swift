import Codec
import Glibc
import Storage
import Synchronization
import SystemPackage

/// How many bytes of samples may wait in memory, over all videos.
final class SpoolBudget: Sendable {
    private let free: Atomic<Int>

    init(bytes: Int) { free = Atomic(bytes) }

    /// Takes bytes from the budget; false, and nothing taken, where there are too few.
    func take(_ bytes: Int) -> Bool {
        let left = free.subtract(bytes, ordering: .relaxed).newValue
        if left >= 0 { return true }
        free.add(bytes, ordering: .relaxed)
        return false
    }

    func give(_ bytes: Int) { free.add(bytes, ordering: .relaxed) }
}

/// Samples of a video that wait for the videos before it to be written: in memory while the budget lasts, then in a file
/// without a name, so that one long video stalls no other and memory stays bounded.
final class SampleSpool {
    private enum Waiting {
        case inMemory(Sample)
        case inFile(columns: SampleColumns, members: [(name: String, offset: Int, length: Int)])
    }

    private let budget: SpoolBudget
    private let folder: FilePath
    private var waiting: [Waiting] = []
    private var file: FileDescriptor?
    private var fileSize = 0
    private var taken = 0

    init(budget: SpoolBudget, folder: FilePath) {
        (self.budget, self.folder) = (budget, folder)
    }

    deinit {
        budget.give(taken)
        // Nothing in it is wanted any more.
        if let file { _ = try? file.close() }
    }

    /// Keeps a sample.
    ///
    /// - Throws: `DatasetError`, a full disk included.
    func append(_ sample: Sample) throws(DatasetError) {
        if budget.take(sample.size) {
            taken += sample.size
            waiting.append(.inMemory(sample))
            return
        }
        var members: [(name: String, offset: Int, length: Int)] = []
        do {
            let file = try openFile()
            for (name, bytes) in sample.members {
                _ = try file.writeAll(toAbsoluteOffset: Int64(fileSize), bytes)
                members.append((name, fileSize, bytes.count))
                fileSize += bytes.count
            }
        } catch {
            throw DatasetError(path: folder, "cannot keep samples that wait for their turn: \(error)")
        }
        waiting.append(.inFile(columns: sample.columns, members: members))
    }

    /// Hands over every sample in order, and forgets them.
    ///
    /// - Throws: what `body` throws, and `DatasetError` where a sample cannot be read back.
    func drain(_ body: (Sample) throws(DatasetError) -> Void) throws(DatasetError) {
        for entry in waiting {
            switch entry {
            case .inMemory(let sample):
                try body(sample)
            case .inFile(let columns, let members):
                var read: [(name: String, bytes: [UInt8])] = []
                for member in members { read.append((member.name, try bytes(member.offset, member.length))) }
                try body(Sample(members: read, columns: columns))
            }
        }
        waiting.removeAll()
        budget.give(taken)
        taken = 0
    }

    private func bytes(_ offset: Int, _ length: Int) throws(DatasetError) -> [UInt8] {
        do {
            return try [UInt8](unsafeUninitializedCapacity: length) { buffer, filled in
                while filled < length, let file {
                    let rest = UnsafeMutableRawBufferPointer(rebasing: UnsafeMutableRawBufferPointer(buffer)[filled...])
                    let count = try file.read(fromAbsoluteOffset: Int64(offset + filled), into: rest)
                    guard count > 0 else { throw Errno.ioError }
                    filled += count
                }
            }
        } catch {
            throw DatasetError(path: folder, "cannot read samples that waited for their turn: \(error)")
        }
    }

    private func openFile() throws -> FileDescriptor {
        if let file { return file }
        let path = folder.appending("spool-\(getpid())-\(UInt(bitPattern: ObjectIdentifier(self).hashValue))")
        let opened = try FileDescriptor.open(
            path, .readWrite, options: [.create, .exclusiveCreate, .closeOnExec], permissions: .ownerReadWrite)
        _ = path.withPlatformString { unlink($0) }
        file = opened
        return opened
    }
}

@available(*, unavailable)
extension SampleSpool: Sendable {}
