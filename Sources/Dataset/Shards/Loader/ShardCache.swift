package import Storage

/// The shards that are open, by blocks of the epoch's order.
///
/// Of the oldest block of each bucket that is still being read all shards may be open; of the blocks behind them `ahead`
/// in all. A block's shards are closed when its last sample is done. So at most `shardsPerBlock` of each bucket and
/// `ahead` are open, and whoever reads of an oldest block never waits for one who reads ahead.
package final class ShardCache: Sendable {
    private enum Entry {
        case opening
        case open(OpenShard)
        case failed(PFrameError)
    }

    /// A block of a bucket's order.
    private struct Place: Hashable {
        let bucket: Int
        let number: Int
    }

    private struct Block {
        var entries: [Int: Entry] = [:]
        /// Samples that were handed out and are not done.
        var pending = 0
    }

    private struct State {
        var blocks: [Place: Block] = [:]
        /// Blocks of a bucket before this one get no more samples.
        var firstLive: [Int] = []
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
            for item in step.items {
                state.blocks[Place(bucket: step.bucket, number: item.block), default: Block()].pending += 1
            }
            state.firstLive = step.firstBlocksAfter
            Self.close(&state)
        }
    }

    /// Notes that a sample of a block is done.
    package func finish(_ block: Int, of bucket: Int) {
        state.withLock { state in
            state.blocks[Place(bucket: bucket, number: block)]?.pending -= 1
            Self.close(&state)
        }
    }

    /// Wakes those who wait for a place: the work was cancelled.
    package func wake() { state.withLock { _ in } }

    private static func close(_ state: inout State) {
        for (place, block) in state.blocks where block.pending == 0 && place.number < state.firstLive[place.bucket] {
            state.blocks[place] = nil
        }
    }

    /// A shard of a block that a sample is being read of, opened where it is not.
    ///
    /// - Throws: `PFrameError` if it cannot be opened; asking again in this epoch gives the same error at once.
    package func shard(_ number: Int, block: Int, of bucket: Int) throws(PFrameError) -> OpenShard {
        let place = Place(bucket: bucket, number: block)
        enum Found {
            case ready(Result<OpenShard, PFrameError>)
            case toOpen
        }
        let found = state.wait { state -> Found? in
            switch state.blocks[place]?.entries[number] {
            case .open(let shard): return .ready(.success(shard))
            case .failed(let error): return .ready(.failure(error))
            case .opening: return nil
            case nil: break
            }
            var oldest = [bucket: block]
            for place in state.blocks.keys { oldest[place.bucket] = min(oldest[place.bucket] ?? .max, place.number) }
            let total = state.blocks.reduce(0) { $0 + $1.value.entries.count }
            let others = state.blocks.reduce(0) {
                $0 + (oldest[$1.key.bucket] == $1.key.number ? 0 : $1.value.entries.count)
            }
            guard oldest[bucket] == block || others < ahead || store.cancellation.isRequested else { return nil }
            state.blocks[place]?.entries[number] = .opening
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
            case .success(let shard): state.blocks[place]?.entries[number] = .open(shard)
            case .failure(let error): state.blocks[place]?.entries[number] = .failed(error)
            }
        }
        return try result.get()
    }
}
