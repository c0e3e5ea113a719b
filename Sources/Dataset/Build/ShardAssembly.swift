import Codec
import Glibc
import Shards
import Storage
import Synchronization
import SystemPackage

/// The shards of a group of videos in the making, one for each bucket: takes the samples of the videos from any thread in
/// any order, and writes them in the order of the input list, so that the bytes depend on nothing else.
///
/// The records of the first unfinished video are written at once; the records of later videos wait in spools.
final class ShardAssembly: Sendable {
    private struct Slot {
        let spool: SampleSpool
        var isFinished = false
        var reject: Reject?
    }

    private struct State {
        /// By bucket.
        var writers: [ShardWriter?]
        var slots: [Slot]
        var head = 0
        /// By bucket; the first one also tells of the videos.
        var receipts: [ShardReceipt]
        var lock: KernelLock?
    }

    private let state: Mutex<State>
    private let folder: FilePath
    private let number: Int
    private let buckets: [Bucket?]

    /// Prepares the shards of `videos` videos.
    ///
    /// - Parameters:
    ///   - number: of the first shard; that of each further bucket is one more.
    ///   - buckets: the shape of the clips of each shard; one nil for a set without buckets.
    ///   - receipts: of shards without samples; completed as videos finish.
    ///   - lock: held until the shards are complete or given up.
    init(
        folder: FilePath, number: Int, buckets: [Bucket?], videos: Int, receipts: [ShardReceipt], lock: KernelLock,
        budget: SpoolBudget
    ) {
        (self.folder, self.number, self.buckets) = (folder, number, buckets)
        let hidden = folder.appending(ShardReceipt.folderName)
        let slots = (0..<videos).map { _ in Slot(spool: SampleSpool(budget: budget, folder: hidden)) }
        state = Mutex(State(writers: buckets.map { _ in nil }, slots: slots, receipts: receipts, lock: lock))
    }

    /// Takes the next sample of the video in place `slot`.
    ///
    /// - Throws: `PFrameError`, a full disk included.
    func add(_ sample: sending Sample, bucket: Int, slot: Int) throws(PFrameError) {
        try state.withLock { state throws(PFrameError) in
            guard slot == state.head else { return try state.slots[slot].spool.append(sample, bucket: bucket) }
            try flush(slot, &state)
            try writer(bucket, &state).append(sample)
        }
    }

    /// Notes that the video in place `slot` gave all its samples; the last one completes the shards.
    ///
    /// - Returns: whether the shards are now complete.
    /// - Throws: `PFrameError`, a full disk included.
    func finish(slot: Int, reject: Reject?, totals: [String: Int]) throws(PFrameError) -> Bool {
        try state.withLock { state throws(PFrameError) in
            state.slots[slot].isFinished = true
            state.slots[slot].reject = reject
            state.receipts[0].totals.merge(totals) { $0 + $1 }
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
        let writer = { (bucket: Int, state: inout State) throws(PFrameError) in try self.writer(bucket, &state) }
        let spool = state.slots[slot].spool
        try spool.drain { sample, bucket throws(PFrameError) in try writer(bucket, &state).append(sample) }
    }

    private func writer(_ bucket: Int, _ state: inout State) throws(PFrameError) -> ShardWriter {
        if let writer = state.writers[bucket] { return writer }
        let shard = number + bucket
        let writer = try ShardWriter(folder: folder, name: ShardWriter.name(of: shard), number: shard)
        state.writers[bucket] = writer
        return writer
    }

    private func complete(_ state: inout State) throws(PFrameError) {
        // By name, and those of one name in the order of the input list.
        state.receipts[0].rejects = (state.receipts[0].rejects + state.slots.compactMap(\.reject)).enumerated().sorted {
            if $0.element.video.utf8.elementsEqual($1.element.video.utf8) { return $0.offset < $1.offset }
            return $0.element.video.utf8.lexicographicallyPrecedes($1.element.video.utf8)
        }.map(\.element)
        for (index, bucket) in buckets.enumerated() {
            state.receipts[index].shard = try state.writers[index]?.finish(bucket: bucket)
            let path = ShardReceipt.path(in: folder, number: number + index)
            try replaceFile(path, with: state.receipts[index].json)
            state.writers[index] = nil
        }
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
        case inMemory(Sample, bucket: Int)
        case inFile(columns: SampleColumns, members: [(name: String, offset: Int, length: Int)], bucket: Int)
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
    func append(_ sample: Sample, bucket: Int) throws(PFrameError) {
        if budget.take(sample.size) {
            taken += sample.size
            waiting.append(.inMemory(sample, bucket: bucket))
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
        waiting.append(.inFile(columns: sample.columns, members: members, bucket: bucket))
    }

    /// Hands over every sample in order with its bucket, and forgets them.
    ///
    /// - Throws: what `body` throws, and `PFrameError` if a sample cannot be read back.
    func drain(_ body: (Sample, Int) throws(PFrameError) -> Void) throws(PFrameError) {
        for entry in waiting {
            switch entry {
            case .inMemory(let sample, let bucket):
                try body(sample, bucket)
            case .inFile(let columns, let members, let bucket):
                var read: [(name: String, bytes: [UInt8])] = []
                for member in members { read.append((member.name, try bytes(member.offset, member.length))) }
                try body(Sample(members: read, columns: columns), bucket)
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
