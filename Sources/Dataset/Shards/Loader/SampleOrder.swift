import Storage

/// Where a sample is stored.
package struct SamplePlace: Sendable, Hashable {
    /// The number of the shard in `dataset.json`.
    package var shard: Int
    /// The number of the row in the shard's row file.
    package var sample: Int

    /// Names a place.
    package init(shard: Int, sample: Int) { (self.shard, self.sample) = (shard, sample) }
}

/// The order in which epochs visit the samples of a data set: a pure function of seed and epoch, the same on every
/// machine and for ever.
///
/// Shuffled, the shards are permuted and cut into blocks of `shardsPerBlock`; the samples of a block are permuted among
/// each other (Fisher–Yates on SplitMix64). So few shards are open at a time, and every sample comes once an epoch.
package struct SampleOrder: Sendable {
    private let samplesPerShard: [Int]
    private let seed: UInt64
    private let shuffle: Bool
    private let shardsPerBlock: Int
    /// Samples of an epoch.
    package let count: Int

    /// Describes the order of a set.
    ///
    /// - Parameters:
    ///   - samplesPerShard: how many samples each shard holds, in the order of `dataset.json`.
    ///   - shuffle: false for the stored order, whatever the seed.
    ///   - shardsPerBlock: shards whose samples are shuffled among each other, at least 1.
    package init(samplesPerShard: [Int], seed: UInt64, shuffle: Bool, shardsPerBlock: Int) {
        precondition(shardsPerBlock > 0, "a block has one shard or more")
        (self.samplesPerShard, self.seed, self.shuffle) = (samplesPerShard, seed, shuffle)
        // In the stored order blocks mean nothing but how many shards are open at a time.
        self.shardsPerBlock = shuffle ? shardsPerBlock : 1
        count = samplesPerShard.reduce(0, +)
    }

    /// The order of epoch `number`, from 0.
    package func epoch(_ number: Int) -> EpochOrder {
        var seeds = SplitMix64(seed: seed, stream: UInt64(bitPattern: Int64(number)))
        let seed = shuffle ? seeds.next() : nil
        var shards = Array(samplesPerShard.indices)
        if let seed { Self.permute(&shards, seed: seed, stream: 0) }
        var starts = [0]
        for first in stride(from: 0, to: shards.count, by: shardsPerBlock) {
            let block = shards[first..<min(first + shardsPerBlock, shards.count)]
            starts.append(block.reduce(starts[starts.count - 1]) { $0 + samplesPerShard[$1] })
        }
        return EpochOrder(
            shards: shards, samplesPerShard: samplesPerShard, shardsPerBlock: shardsPerBlock, starts: starts, seed: seed
        )
    }

    /// Fisher–Yates from the last element down.
    package static func permute<Element>(_ elements: inout [Element], seed: UInt64, stream: UInt64) {
        var generator = SplitMix64(seed: seed, stream: stream)
        for last in stride(from: elements.count - 1, to: 0, by: -1) {
            elements.swapAt(last, generator.below(last + 1))
        }
    }
}

/// The order of one epoch. Memory holds the shards and records of one block, never of the whole data set.
package struct EpochOrder: Sendable {
    private let shards: [Int]
    private let samplesPerShard: [Int]
    private let shardsPerBlock: Int
    /// The first position of every block, and after them the end.
    private let starts: [Int]
    /// nil for the stored order.
    private let seed: UInt64?
    /// The block that was asked for last: its shards, where each begins in it, and the order of its samples.
    private var current: (block: Int, shards: ArraySlice<Int>, firsts: [Int], samples: [Int])?

    fileprivate init(
        shards: [Int], samplesPerShard: [Int], shardsPerBlock: Int, starts: [Int], seed: UInt64?
    ) {
        (self.shards, self.samplesPerShard, self.shardsPerBlock) = (shards, samplesPerShard, shardsPerBlock)
        (self.starts, self.seed) = (starts, seed)
    }

    /// Samples of the epoch.
    package var count: Int { starts[starts.count - 1] }

    /// The number of the block that a position of the epoch falls in; after the last, the number of blocks.
    package func block(at position: Int) -> Int {
        Self.last(of: starts, atOrBefore: position)
    }

    /// The last of rising numbers that is not above `bound`.
    private static func last(of numbers: [Int], atOrBefore bound: Int) -> Int {
        var (low, high) = (0, numbers.count)
        while low < high {
            let middle = (low + high) / 2
            if numbers[middle] <= bound { low = middle + 1 } else { high = middle }
        }
        return low - 1
    }

    /// The sample at a position of the epoch; cheap while positions stay in a block.
    package mutating func place(at position: Int) -> SamplePlace {
        precondition((0..<count).contains(position), "a position outside of the epoch")
        let number = block(at: position)
        if current?.block != number { enter(number) }
        guard let current else { preconditionFailure("a block was just entered") }
        let local = position - starts[number]
        let sample = current.samples.isEmpty ? local : current.samples[local]
        let index = Self.last(of: current.firsts, atOrBefore: sample)
        return SamplePlace(
            shard: current.shards[current.shards.startIndex + index], sample: sample - current.firsts[index])
    }

    private mutating func enter(_ number: Int) {
        let first = number * shardsPerBlock
        let shards = self.shards[first..<min(first + shardsPerBlock, self.shards.count)]
        var (firsts, total): ([Int], Int) = ([], 0)
        for shard in shards {
            firsts.append(total)
            total += samplesPerShard[shard]
        }
        var samples: [Int] = []
        if let seed {
            samples = Array(0..<total)
            SampleOrder.permute(&samples, seed: seed, stream: UInt64(number) + 1)
        }
        current = (number, shards, firsts, samples)
    }
}

/// Which samples a rank reads in which step: what is left of an epoch, cut into global steps of all ranks.
///
/// A global step takes as many batches as there are ranks, in the order of the epoch, and rank r the r-th of them. So two
/// ranks at batch B see together exactly what one sees at 2B, in a set without buckets.
package struct LoaderSchedule {
    /// A sample to read.
    package struct Item {
        /// Where it stands in the epoch.
        package let position: Int
        /// Where it is stored.
        package let place: SamplePlace
        /// The block of its bucket's order that it belongs to.
        package let block: Int
    }

    /// A batch to fill.
    package struct Step {
        /// Counted from the start of the schedule.
        package let number: Int
        /// The number of the bucket that all its samples are of.
        package let bucket: Int
        /// Whether no step before has samples of the bucket.
        package let isFirstOfBucket: Bool
        /// This rank's samples, none where the end of the epoch does not reach it.
        package let items: [Item]
        /// The position when all ranks are done with the step.
        package let end: Int
        /// The first block of each bucket that later steps read of.
        package let firstBlocksAfter: [Int]
    }

    private var batches: EpochBatches
    private let rank: Int
    private let ranks: Int
    private let lastBatch: LastBatch
    private var number = 0
    private var seen: Set<Int> = []

    /// Plans what is left of an epoch.
    package init(_ batches: EpochBatches, options: LoaderOptions) {
        self.batches = batches
        (rank, ranks, lastBatch) = (options.rank, options.ranks, options.lastBatch)
    }

    /// Whether there is no other step.
    package var isAtEnd: Bool { batches.left < (lastBatch == .partial ? 1 : ranks) }

    /// The next step, nil at the end of the epoch.
    package mutating func next() -> Step? {
        guard !isAtEnd else { return nil }
        var own: EpochBatches.Cut?
        var bucket = 0
        for index in 0..<ranks {
            guard let cut = batches.next() else { break }
            if index <= rank { bucket = cut.bucket }
            if index == rank { own = cut }
        }
        var items: [Item] = []
        if let own {
            for (position, record) in zip(own.positions, batches.records(of: own)) {
                items.append(Item(position: position, place: record.place, block: record.block))
            }
        }
        let isFirst = seen.insert(bucket).inserted
        let blocks = isAtEnd ? [Int](repeating: .max, count: batches.bucketCount) : batches.blocks
        defer { number += 1 }
        return Step(
            number: number, bucket: bucket, isFirstOfBucket: isFirst, items: items, end: batches.position,
            firstBlocksAfter: blocks)
    }
}
