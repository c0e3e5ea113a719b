package import Storage

/// The shards that are open, by blocks of the epoch's order.
///
/// Of the oldest block that is still being read all shards may be open; of the blocks behind it `ahead` in all. A block's
/// shards are closed when its last sample is done. So at most `shardsPerBlock + ahead` are open, and whoever reads of the
/// oldest block never waits for one who reads ahead.
package final class ShardCache: Sendable {
    private enum Entry {
        case opening
        case open(OpenShard)
        case failed(PFrameError)
    }

    private struct Block {
        var entries: [Int: Entry] = [:]
        /// Samples that were handed out and are not done.
        var pending = 0
    }

    private struct State {
        var blocks: [Int: Block] = [:]
        /// Blocks before this one get no more samples.
        var firstLive = 0
        var largest = 0
    }

    private let state = Monitor(State())
    private let store: ShardStore
    private let shards: [DatasetDescription.Shard]
    private let ahead: Int
    private let checks: ShardChecks

    /// A cache without open shards.
    package init(store: ShardStore, shards: [DatasetDescription.Shard], ahead: Int, checks: ShardChecks) {
        (self.store, self.shards, self.ahead, self.checks) = (store, shards, ahead, checks)
    }

    /// The most shards that were open at once.
    package var largest: Int { state.withLock { $0.largest } }

    /// Notes that a step was handed out; steps come in order.
    package func begin(_ step: LoaderSchedule.Step) {
        state.withLock { state in
            for item in step.items { state.blocks[item.block, default: Block()].pending += 1 }
            state.firstLive = step.firstBlockAfter
            Self.close(&state)
        }
    }

    /// Notes that a sample of a block is done.
    package func finish(_ block: Int) {
        state.withLock { state in
            state.blocks[block]?.pending -= 1
            Self.close(&state)
        }
    }

    /// Wakes those who wait for a place: the work was cancelled.
    package func wake() { state.withLock { _ in } }

    private static func close(_ state: inout State) {
        for (number, block) in state.blocks where block.pending == 0 && number < state.firstLive {
            state.blocks[number] = nil
        }
    }

    /// A shard of a block that a sample is being read of, opened where it is not.
    ///
    /// - Throws: `PFrameError` if it cannot be opened; asking again in this epoch gives the same error at once.
    package func shard(_ number: Int, block: Int) throws(PFrameError) -> OpenShard {
        enum Found {
            case ready(Result<OpenShard, PFrameError>)
            case toOpen
        }
        let found = state.wait { state -> Found? in
            switch state.blocks[block]?.entries[number] {
            case .open(let shard): return .ready(.success(shard))
            case .failed(let error): return .ready(.failure(error))
            case .opening: return nil
            case nil: break
            }
            let oldest = state.blocks.keys.min() ?? block
            let total = state.blocks.reduce(0) { $0 + $1.value.entries.count }
            let others = total - (state.blocks[oldest]?.entries.count ?? 0)
            guard block == oldest || others < ahead || store.cancellation.isRequested else { return nil }
            state.blocks[block]?.entries[number] = .opening
            state.largest = max(state.largest, total + 1)
            return .toOpen
        }
        if case .ready(let result) = found { return try result.get() }
        let result = Result { () throws(PFrameError) in
            let shard = try OpenShard(shards[number], in: store)
            try checks.run(number, on: shard)
            return shard
        }
        state.withLock { state in
            switch result {
            case .success(let shard): state.blocks[block]?.entries[number] = .open(shard)
            case .failure(let error): state.blocks[block]?.entries[number] = .failed(error)
            }
        }
        return try result.get()
    }
}
