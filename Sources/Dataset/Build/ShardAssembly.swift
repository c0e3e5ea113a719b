import Codec
import Storage
import Synchronization
import SystemPackage

/// One shard in the making: takes the samples of its videos from any thread in any order, and writes them in the order of
/// the input list, so that the bytes depend on nothing else.
///
/// The samples of the first unfinished video are written at once; those of later ones wait in spools.
final class ShardAssembly: Sendable {
    private struct Slot {
        let spool: SampleSpool
        var isFinished = false
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
    /// - Throws: `DatasetError`, a full disk included.
    func add(_ sample: sending Sample, slot: Int) throws(DatasetError) {
        try state.withLock { state throws(DatasetError) in
            guard slot == state.head else { return try state.slots[slot].spool.append(sample) }
            try flush(slot, &state)
            try writer(&state).append(sample)
        }
    }

    /// Notes that the video in place `slot` gave all its samples; the last one completes the shard.
    ///
    /// - Returns: whether the shard is now complete.
    /// - Throws: `DatasetError`, a full disk included.
    func finish(slot: Int, reject: Reject?, totals: [String: Int]) throws(DatasetError) -> Bool {
        try state.withLock { state throws(DatasetError) in
            state.slots[slot].isFinished = true
            if let reject { state.receipt.rejects.append(reject) }
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

    private func flush(_ slot: Int, _ state: inout State) throws(DatasetError) {
        let writer = { (state: inout State) throws(DatasetError) in try self.writer(&state) }
        let spool = state.slots[slot].spool
        try spool.drain { sample throws(DatasetError) in try writer(&state).append(sample) }
    }

    private func writer(_ state: inout State) throws(DatasetError) -> ShardWriter {
        if let writer = state.writer { return writer }
        let writer = try ShardWriter(folder: folder, name: ShardWriter.name(of: number), number: number)
        state.writer = writer
        return writer
    }

    private func complete(_ state: inout State) throws(DatasetError) {
        state.receipt.shard = try state.writer?.finish()
        // In the order of the input list, whichever came first.
        state.receipt.rejects.sort { $0.video.utf8.lexicographicallyPrecedes($1.video.utf8) }
        try replaceFile(receiptPath, with: state.receipt.json)
        state.writer = nil
        state.lock = nil
    }
}
