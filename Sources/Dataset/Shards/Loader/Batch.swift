public import Storage

/// Some samples in order: each array member contiguous over all of them, everything else at hand.
///
/// Its memory goes back to the loader with it: nothing that is lent may be stored.
public final class Batch: Sendable {
    /// The epoch it is of.
    public let epoch: Int
    /// Where each sample stands in the epoch's order.
    public let positions: [Int]
    /// The rows of the samples: key, caption, scores, metadata.
    public let rows: [ShardRow]
    /// The arrays that it holds.
    public let arrays: [ArrayMember]
    /// For each sample, where the bytes of its row's members begin in the storage's rest; nil where they are not kept.
    private let places: [[Int?]]
    private let storage: BatchStorage
    private let pool: BatchPool

    package init(
        epoch: Int, positions: [Int], rows: [ShardRow], places: [[Int?]], arrays: [ArrayMember], storage: BatchStorage,
        pool: BatchPool
    ) {
        (self.epoch, self.positions, self.rows, self.places) = (epoch, positions, rows, places)
        (self.arrays, self.storage, self.pool) = (arrays, storage, pool)
    }

    deinit { pool.give(storage) }

    /// Samples; fewer than the batch size at the end of an epoch and where damaged ones were left out.
    public var count: Int { rows.count }
    /// The key of each sample.
    public var keys: [String] { rows.map(\.key) }
    /// The caption of each sample, empty where it has none.
    public var captions: [String] { rows.map(\.columns.caption) }

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

    /// Lends the bytes of a sample's member that is no array (`txt`, `json`, `jpg`).
    ///
    /// - Returns: nil where the sample has no such member, or it is an array.
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

    /// The bytes of a sample's member that is no array, nil as ``withBytes(of:sample:_:)``.
    public func bytes(of member: String, sample: Int) -> [UInt8]? {
        withBytes(of: member, sample: sample) { Array($0) }
    }
}
