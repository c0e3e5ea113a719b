import Glibc
public import Storage
import Synchronization

/// Some records in order. Each array member is contiguous over all records.
///
/// The memory of a batch goes back to the loader with the batch: do not store what it lends.
public final class Batch: Sendable {
    /// The epoch it is of.
    public let epoch: Int
    /// The bucket that all its records are of; nil in a set without buckets.
    public let bucket: Bucket?
    /// The position of each record in the order of the epoch.
    public let positions: [Int]
    /// The rows of the samples: key, caption, scores, metadata.
    public let rows: [ShardRow]
    /// The arrays that it holds.
    public let arrays: [ArrayMember]
    /// For each sample, where the bytes of its row's members begin in the storage's rest; nil if they are not kept.
    private let places: [[Int?]]
    private let seed: UInt64
    private let storage: BatchStorage
    private let pool: BatchPool

    package init(
        epoch: Int, bucket: Bucket?, positions: [Int], rows: [ShardRow], places: [[Int?]], arrays: [ArrayMember],
        seed: UInt64, storage: BatchStorage, pool: BatchPool
    ) {
        (self.epoch, self.bucket, self.seed) = (epoch, bucket, seed)
        (self.positions, self.rows, self.places) = (positions, rows, places)
        (self.arrays, self.storage, self.pool) = (arrays, storage, pool)
    }

    deinit { pool.give(storage) }

    /// The number of records; less than the batch size at the end of an epoch and where damaged records were skipped.
    public var count: Int { rows.count }
    /// The key of each sample.
    public var keys: [String] { rows.map(\.key) }
    /// The caption of each sample, empty if it has none. Of several captions one is drawn, by the seed of the loader, the
    /// epoch and the position: the same one for any number of ranks, and after resuming.
    public var captions: [String] {
        zip(rows, positions).map { $0.columns.caption(seed: seed, epoch: epoch, position: $1) }
    }

    /// Lends an array of all samples, C order, little-endian.
    ///
    /// - Parameters:
    ///   - member: one of ``arrays``.
    ///   - body: takes the elements, their type, and the shape `[count, …]`.
    public func withArray<Result, Failure: Error>(
        _ member: String, _ body: (UnsafeRawBufferPointer, NPYType, [Int]) throws(Failure) -> Result
    ) throws(Failure) -> Result {
        guard let index = arrays.firstIndex(where: { $0.name == member }) else {
            preconditionFailure("the batch has no array \(member)")
        }
        let array = arrays[index]
        let bytes = UnsafeRawBufferPointer(rebasing: storage.arrays[index].bytes[..<(count * array.size)])
        return try body(bytes, array.type, [count] + array.shape)
    }

    /// Lends the bytes of a sample's member that is not an array (`txt`, `json`, `jpg`).
    ///
    /// - Returns: nil if the sample has no such member, or it is an array.
    public func withBytes<Result, Failure: Error>(
        of member: String, sample: Int, _ body: (UnsafeRawBufferPointer) throws(Failure) -> Result
    ) throws(Failure) -> Result? {
        let members = rows[sample].members
        guard let index = members.firstIndex(where: { $0.name == member }), let place = places[sample][index] else {
            return nil
        }
        let bytes = storage.rest.bytes[place..<(place + members[index].length)]
        return try body(UnsafeRawBufferPointer(rebasing: bytes))
    }

    /// The bytes of a sample's member that is not an array, nil as ``withBytes(of:sample:_:)``.
    public func bytes(of member: String, sample: Int) -> [UInt8]? {
        withBytes(of: member, sample: sample) { Array($0) }
    }
}

/// The memory of one batch: an array of every member for all samples, and what else the samples hold.
// Unchecked: one worker fills it, and from then on it is only read until it is filled again.
package final class BatchStorage: @unchecked Sendable {
    /// One buffer a member of the layout.
    package let arrays: [AlignedBuffer]
    /// Headers and members that are no arrays, as they stand in the shards.
    package let rest = AlignedBuffer(count: 1 << 16)
    /// Bytes of `rest` in use.
    package var used = 0

    package init(layout: ArrayLayout, batchSize: Int) {
        arrays = layout.members.map { AlignedBuffer(count: $0.size * batchSize) }
    }

    /// Whether it holds a batch of a layout.
    package func holds(_ layout: ArrayLayout, batchSize: Int) -> Bool {
        arrays.count == layout.members.count
            && zip(arrays, layout.members).allSatisfy { $0.bytes.count >= $1.size * batchSize }
    }
}

/// The storages that nobody uses, and how many there are in all.
package final class BatchPool: Sendable {
    private struct State {
        var free: [BatchStorage] = []
        var alive = 0
        var largest = 0
    }

    private let state = Mutex(State())
    private let kept: Int

    /// A pool that keeps up to `kept` storages for later.
    package init(kept: Int) { self.kept = kept }

    /// Storages in use or kept, now and at most.
    package var counts: (alive: Int, largest: Int) { state.withLock { ($0.alive, $0.largest) } }

    /// A storage for a batch. Buckets share storages; one that is too small gives way to a larger one.
    package func take(_ layout: ArrayLayout, batchSize: Int) -> BatchStorage {
        let kept = state.withLock { state -> BatchStorage? in
            if let index = state.free.lastIndex(where: { $0.holds(layout, batchSize: batchSize) }) {
                return state.free.remove(at: index)
            }
            if state.free.popLast() == nil { state.alive += 1 }
            state.largest = max(state.largest, state.alive)
            return nil
        }
        let storage = kept ?? BatchStorage(layout: layout, batchSize: batchSize)
        storage.used = 0
        return storage
    }

    /// Takes a storage back.
    package func give(_ storage: BatchStorage) {
        state.withLock { state in
            if state.free.count < kept { state.free.append(storage) } else { state.alive -= 1 }
        }
    }
}
