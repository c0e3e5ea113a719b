public import Storage

/// What a loader does with samples that are damaged or cannot be read.
public enum DamagePolicy: String, Sendable, CaseIterable {
    /// Ends with an error that names shard, sample and place.
    case fail
    /// Leaves them out, and names and counts them.
    case skip
}

/// What becomes of the end of an epoch that does not fill a batch on every rank.
public enum LastBatch: String, Sendable, CaseIterable {
    /// It comes as smaller batches, empty ones on the ranks that it does not reach.
    case partial
    /// It is left out of this epoch; of a set with several buckets also the end of each that fills no batch.
    case drop
}

/// How far training has come: a whole number of samples that all ranks together have seen of an epoch.
///
/// A run that resumes here sees exactly the samples that are left, at any number of ranks and any batch size. Where clips
/// have several buckets, the batch size must be the one that the position was saved with.
public struct LoaderPosition: Sendable, Equatable {
    /// The epoch, from 0.
    public var epoch: Int
    /// Records of the epoch that all ranks together have finished, damaged records included.
    public var samples: Int

    /// Names a position; the default is the very start.
    public init(epoch: Int = 0, samples: Int = 0) { (self.epoch, self.samples) = (epoch, samples) }
}

/// How a ``Loader`` reads.
public struct LoaderOptions: Sendable {
    /// The array members to deliver (`residual.npy`); empty for every `.npy` member of the first sample.
    public var members: [String] = []
    /// The one bucket to read; nil for all clips of the set.
    public var bucket: Bucket?
    /// Samples of a batch on each rank.
    public var batchSize = 8
    /// The seed of the order.
    public var seed: UInt64 = 0
    /// Whether the order is shuffled; the stored order otherwise.
    public var shuffle = true
    /// Shards whose samples are shuffled among each other, and which are open at a time, of each bucket.
    public var shardsPerBlock = 8
    /// This process among `ranks`, from 0.
    public var rank = 0
    /// Processes that share an epoch.
    public var ranks = 1
    /// Where to start.
    public var start = LoaderPosition()
    /// Batches that are ready or being filled, ahead of the batch in use.
    public var prefetch = 4
    /// Threads that read, each a whole batch.
    public var threads = 2
    /// What becomes of the end of an epoch that fills no whole batch on every rank.
    public var lastBatch = LastBatch.partial
    /// What becomes of damaged samples.
    public var damage = DamagePolicy.fail
    /// How often and how long a file is tried that cannot be opened or read.
    public var patience = Patience()

    /// Options with their defaults.
    public init() {}

    /// Tells what makes no sense.
    ///
    /// - Throws: `PFrameError`.
    package func validate(samples: Int) throws(PFrameError) {
        func demand(_ holds: Bool, _ message: String) throws(PFrameError) {
            if !holds { throw PFrameError(.usage, message) }
        }
        try demand(batchSize > 0, "a batch has 1 record or more, not \(batchSize)")
        try demand(shardsPerBlock > 0, "a block has 1 shard or more, not \(shardsPerBlock)")
        try demand(ranks > 0 && (0..<ranks).contains(rank), "rank \(rank) is not one of \(ranks)")
        try demand(prefetch > 0, "1 batch or more is prefetched, not \(prefetch)")
        try demand(threads > 0, "1 thread or more reads, not \(threads)")
        try demand(start.epoch >= 0, "epochs count from 0: there is none \(start.epoch)")
        try demand(
            (0...samples).contains(start.samples),
            "position \(start.samples) is not in this data set of \(samples) records")
        try demand(patience.tries > 0, "a file is tried once or more, not \(patience.tries) times")
    }
}
