package import Storage

/// The order in which epochs visit the batches of a data set: a pure function of seed, epoch and batch size.
///
/// The records of each bucket have a ``SampleOrder`` of their own, whose seed is `seed + b` for bucket b, and are cut
/// into batches. The batches of all buckets are permuted among each other (Fisher–Yates on SplitMix64); without
/// shuffling the buckets follow each other. The end of a bucket that fills no batch is a smaller batch, or left out by
/// ``LastBatch/drop``. A set without buckets is one bucket whose batches follow each other.
package struct BatchOrder: Sendable {
    /// The buckets of the set by number, sorted; one that is nil for a set without buckets.
    package let buckets: [Bucket?]
    private let orders: [SampleOrder]
    /// The numbers in `dataset.json` of each bucket's shards.
    private let shards: [[Int]]
    private let options: LoaderOptions

    /// Describes the order of a set.
    package init(shards: [DatasetDescription.Shard], options: LoaderOptions) {
        let numbers = Dictionary(grouping: shards.indices) { shards[$0].bucket }
        let known = numbers.keys.compactMap(\.self).sorted()
        buckets = numbers[Bucket?.none] == nil && !known.isEmpty ? known : [nil] + known
        self.shards = buckets.map { numbers[$0] ?? [] }
        self.options = options
        orders = self.shards.enumerated().map { bucket, numbers in
            SampleOrder(
                samplesPerShard: numbers.map { shards[$0].samples }, seed: options.seed &+ UInt64(bucket),
                shuffle: options.shuffle, shardsPerBlock: options.shardsPerBlock)
        }
    }

    /// The batches of an epoch from a position on.
    ///
    /// - Throws: `PFrameError` if the set has several buckets and no batch ends at the position.
    package func epoch(at start: LoaderPosition) throws(PFrameError) -> EpochBatches {
        let epochs = orders.map { $0.epoch(start.epoch) }
        guard epochs.count > 1 else { return EpochBatches(epochs[0], shards: shards[0], from: start.samples, options) }
        var labels: [UInt32] = []
        for (bucket, order) in orders.enumerated() {
            let left = options.lastBatch == .drop ? 0 : options.batchSize - 1
            labels += repeatElement(UInt32(bucket), count: (order.count + left) / options.batchSize)
        }
        if options.shuffle {
            var seeds = SplitMix64(seed: options.seed, stream: UInt64(bitPattern: Int64(start.epoch)))
            SampleOrder.permute(&labels, seed: seeds.next(), stream: .max)
        }
        var batches = EpochBatches(epochs, shards: shards, labels: labels, options)
        while batches.position < start.samples, batches.next() != nil {}
        guard batches.position == start.samples || batches.left == 0 && batches.position < start.samples else {
            throw PFrameError(
                .usage,
                "no batch of \(options.batchSize) ends at position \(start.samples): where clips have several buckets, a "
                    + "position holds for the batch size that it was saved with")
        }
        return batches
    }
}

/// What is left of an epoch, cut into batches that hold records of one bucket.
package struct EpochBatches: Sendable {
    /// A batch.
    package struct Cut: Sendable {
        /// The number of the bucket.
        package let bucket: Int
        /// The positions of its records in the epoch.
        package let positions: Range<Int>
        /// The position of its first record in the order of its bucket.
        package let first: Int
    }

    private var orders: [EpochOrder]
    private let shards: [[Int]]
    /// The bucket of each batch of the epoch; nil for a set of one bucket.
    private let labels: [UInt32]?
    private let batchSize: Int
    private let isWhole: Bool
    /// Batches before this one are done, of several buckets.
    private var number = 0
    /// The position in its order of the first record of each bucket that is left.
    private var heads: [Int]
    /// The position of the first record that is left.
    package private(set) var position: Int

    /// The batches of one bucket from any position on.
    package init(_ order: EpochOrder, shards: [Int], from start: Int, _ options: LoaderOptions) {
        (orders, self.shards, labels, heads, position) = ([order], [shards], nil, [start], start)
        (batchSize, isWhole) = (options.batchSize, options.lastBatch == .drop)
    }

    fileprivate init(_ orders: [EpochOrder], shards: [[Int]], labels: [UInt32], _ options: LoaderOptions) {
        (self.orders, self.shards, self.labels, position) = (orders, shards, labels, 0)
        heads = orders.map { _ in 0 }
        (batchSize, isWhole) = (options.batchSize, options.lastBatch == .drop)
    }

    /// Buckets of the set.
    package var bucketCount: Int { orders.count }

    /// Batches that are left.
    package var left: Int {
        if let labels { return labels.count - number }
        let records = max(0, orders[0].count - position)
        return (records + (isWhole ? 0 : batchSize - 1)) / batchSize
    }

    /// The next batch; nil at the end.
    package mutating func next() -> Cut? {
        guard left > 0 else { return nil }
        let bucket = labels.map { Int($0[number]) } ?? 0
        let count = min(batchSize, orders[bucket].count - heads[bucket])
        let cut = Cut(bucket: bucket, positions: position..<(position + count), first: heads[bucket])
        number += 1
        heads[bucket] += count
        position += count
        return cut
    }

    /// The block of a bucket's order that the first record falls in that is left of it, by bucket.
    package var blocks: [Int] {
        orders.indices.map { left > 0 ? orders[$0].block(at: min(heads[$0], orders[$0].count)) : Int.max }
    }

    /// The records of a batch: where each is stored, and the block of its bucket's order.
    package mutating func records(of cut: Cut) -> [(place: SamplePlace, block: Int)] {
        (cut.first..<(cut.first + cut.positions.count)).map { position in
            var place = orders[cut.bucket].place(at: position)
            place.shard = shards[cut.bucket][place.shard]
            return (place, orders[cut.bucket].block(at: position))
        }
    }
}
