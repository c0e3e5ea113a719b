import Codec
import Glibc
import Shards
import Storage
import Synchronization
import SystemPackage

/// One shard in the making: takes the samples of its videos from any thread in any order, and writes them in the order of
/// the input list, so that the bytes depend on nothing else.
///
/// The records of the first unfinished video are written at once; the records of later videos wait in spools.
final class ShardAssembly: Sendable {
    private struct Slot {
        let spool: SampleSpool
        var isFinished = false
        var reject: Reject?
    }

    private struct State {
        var writer: ShardWriter?
        var slots: [Slot]
        var head = 0
        var receipt: ShardReceipt
        var lock: KernelLock?
    }

    private let state: Mutex<State>
    private let folder: FilePath
    private let number: Int
    private let receiptPath: FilePath

    /// Prepares shard `number` of `videos` videos.
    ///
    /// - Parameters:
    ///   - receipt: of a shard without samples; completed as videos finish.
    ///   - lock: held until the shard is complete or given up.
    init(
        folder: FilePath, number: Int, videos: Int, receipt: ShardReceipt, lock: KernelLock,
        budget: SpoolBudget
    ) {
        (self.folder, self.number) = (folder, number)
        let hidden = folder.appending(ShardReceipt.folderName)
        receiptPath = ShardReceipt.path(in: folder, number: number)
        let slots = (0..<videos).map { _ in Slot(spool: SampleSpool(budget: budget, folder: hidden)) }
        state = Mutex(State(writer: nil, slots: slots, receipt: receipt, lock: lock))
    }

    /// Takes the next sample of the video in place `slot`.
    ///
    /// - Throws: `PFrameError`, a full disk included.
    func add(_ sample: sending Sample, slot: Int) throws(PFrameError) {
        try state.withLock { state throws(PFrameError) in
            guard slot == state.head else { return try state.slots[slot].spool.append(sample) }
            try flush(slot, &state)
            try writer(&state).append(sample)
        }
    }

    /// Notes that the video in place `slot` gave all its samples; the last one completes the shard.
    ///
    /// - Returns: whether the shard is now complete.
    /// - Throws: `PFrameError`, a full disk included.
    func finish(slot: Int, reject: Reject?, totals: [String: Int]) throws(PFrameError) -> Bool {
        try state.withLock { state throws(PFrameError) in
            state.slots[slot].isFinished = true
            state.slots[slot].reject = reject
            state.receipt.totals.merge(totals) { $0 + $1 }
            while state.head < state.slots.count, state.slots[state.head].isFinished {
                try flush(state.head, &state)
                state.head += 1
            }
            guard state.head == state.slots.count else { return false }
            try complete(&state)
            return true
        }
    }

    private func flush(_ slot: Int, _ state: inout State) throws(PFrameError) {
        let writer = { (state: inout State) throws(PFrameError) in try self.writer(&state) }
        let spool = state.slots[slot].spool
        try spool.drain { sample throws(PFrameError) in try writer(&state).append(sample) }
    }

    private func writer(_ state: inout State) throws(PFrameError) -> ShardWriter {
        if let writer = state.writer { return writer }
        let writer = try ShardWriter(folder: folder, name: ShardWriter.name(of: number), number: number)
        state.writer = writer
        return writer
    }

    private func complete(_ state: inout State) throws(PFrameError) {
        state.receipt.shard = try state.writer?.finish()
        // By name, and those of one name in the order of the input list.
        state.receipt.rejects = (state.receipt.rejects + state.slots.compactMap(\.reject)).enumerated().sorted {
            if $0.element.video.utf8.elementsEqual($1.element.video.utf8) { return $0.offset < $1.offset }
            return $0.element.video.utf8.lexicographicallyPrecedes($1.element.video.utf8)
        }.map(\.element)
        try replaceFile(receiptPath, with: state.receipt.json)
        state.writer = nil
        state.lock = nil
    }
}

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
    /// - Throws: `PFrameError`, a full disk included.
    func append(_ sample: Sample) throws(PFrameError) {
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
            throw PFrameError(error, path: folder, "cannot keep records that wait for their turn")
        }
        waiting.append(.inFile(columns: sample.columns, members: members))
    }

    /// Hands over every sample in order, and forgets them.
    ///
    /// - Throws: what `body` throws, and `PFrameError` if a sample cannot be read back.
    func drain(_ body: (Sample) throws(PFrameError) -> Void) throws(PFrameError) {
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

    private func bytes(_ offset: Int, _ length: Int) throws(PFrameError) -> [UInt8] {
        do {
            return try [UInt8](unsafeUninitializedCapacity: length) { buffer, filled in
                filled = try file?.fill(UnsafeMutableRawBufferPointer(buffer), at: offset) ?? 0
                guard filled == length else { throw Errno.ioError }
            }
        } catch {
            throw PFrameError(error, path: folder, "cannot read records that waited for their turn")
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
