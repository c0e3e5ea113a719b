import Dispatch
public import Storage

// The files of this folder, in the order in which a sample passes them:
//
//     LoaderOptions   what a reader asks for: batch size, members, seed, ranks, damage
//     SampleOrder     the order of an epoch, and the steps that a rank takes of it
//     BatchOrder      the order of batches, where clips have several shapes
//     LoaderEngine    the threads: who reads which step, and in which order batches come out
//     ShardCache      which shards are open, and for how long
//     OpenShard       one shard in use: file, rows, and what no sample's checksum covers
//     ArrayLayout     the arrays that every sample must have, found in the first sound one
//     BatchFiller     one step: the samples of a batch, damaged ones left out
//     SampleReader    one sample: its bytes into the batch, its checksum, its damage
//     Batch           what comes out, and the memory that is used again
//
// Where the bytes come from lies beside the folder: `ShardSource` (the argument), `ShardStore` (folder, server or
// command); `Patience` (waiting and trying again) and `RemoteFile` in `Storage`.

/// Streams the samples of a data set to training, as batches in an order that seed and epoch alone decide.
///
/// Threads read ahead; neither their number nor their lead changes the batches. The loader checks the CRC-32C of every
/// record, headers and padding included. When a shard is opened for the first time, the loader also checks the bytes
/// after the last record. No flipped byte and no cut goes unnoticed.
///
/// ```swift
/// let loader = try Loader(ShardSource("DATASET"), options: options)
/// for epoch in 0..<epochs {
///     if epoch > 0 { try loader.startEpoch(epoch) }
///     while let batch = try loader.next() {
///         batch.withArray("mv.npy") { elements, type, shape in … }
///     }
/// }
/// ```
public final class Loader: Sendable {
    /// What `dataset.json` says; of the shards of one bucket where the options name it.
    public let dataset: DatasetDescription
    /// The options that it was made with.
    public let options: LoaderOptions
    private let engine: LoaderEngine
    private let threads = DispatchGroup()

    /// Reads `dataset.json` and begins to read ahead from `options.start`.
    ///
    /// - Throws: `PFrameError` if there is no data set, or the options make no sense.
    public init(_ source: ShardSource, options: LoaderOptions = LoaderOptions()) throws(PFrameError) {
        let store = ShardStore(source: source, patience: options.patience, cancellation: Cancellation())
        dataset = try store.description().only(options.bucket)
        try options.validate(samples: dataset.samples)
        self.options = options
        engine = try LoaderEngine(store: store, shards: dataset.shards, options: options)
        for number in 0..<options.threads {
            // The threads know the engine and not the loader, whose end is theirs.
            DispatchQueue(label: "pframe.loader.\(number)", qos: .userInitiated).async(group: threads) { [engine] in
                engine.work()
            }
        }
    }

    deinit {
        engine.stop()
        threads.wait()
    }

    /// The next batch; nil at the end of the epoch.
    ///
    /// With several ranks every rank gets the same number of batches; near the end of the epoch some batches are empty.
    ///
    /// - Throws: `PFrameError` that names shard, record and place if a record is damaged (with `DamagePolicy.fail`),
    ///   cannot be read, or has other arrays than the other records of its bucket. The error stays until the next start.
    public func next() throws(PFrameError) -> Batch? { try engine.next() }

    /// The position of all ranks together after the batches that were taken; a run that starts here reads the next
    /// batch first.
    public var position: LoaderPosition { engine.position }

    /// Goes to an epoch, however much of the previous epoch was read.
    ///
    /// - Parameters:
    ///   - samples: how many of its records are finished.
    ///   - epoch: the epoch, from 0.
    /// - Throws: `PFrameError` if the epoch has no such position.
    public func startEpoch(_ epoch: Int, samples: Int = 0) throws(PFrameError) {
        var options = options
        options.start = LoaderPosition(epoch: epoch, samples: samples)
        try options.validate(samples: dataset.samples)
        try engine.start(options.start)
    }

    /// The damage that was skipped in the batches that were taken, in their order.
    public var damaged: [DamagedSample] { engine.damaged }

    /// Counts and sizes so far.
    public var statistics: LoaderStatistics { engine.statistics }
}

extension Loader {
    /// What a data set, or one bucket of it, says of itself, and its first sample, before anything is asked of it; nil of
    /// an empty one.
    ///
    /// - Throws: `PFrameError`.
    package static func glance(
        _ source: ShardSource, bucket: Bucket? = nil
    ) throws(PFrameError) -> (set: DatasetDescription, first: Batch?) {
        var options = LoaderOptions()
        options.bucket = bucket
        (options.batchSize, options.shuffle, options.prefetch, options.threads) = (1, false, 1, 1)
        let loader = try Loader(source, options: options)
        return (loader.dataset, try loader.next())
    }
}

/// What a loader has done so far.
public struct LoaderStatistics: Sendable, Equatable {
    /// Batches that were taken.
    public internal(set) var batches = 0
    /// Samples in them.
    public internal(set) var samples = 0
    /// Skipped records, and damage outside of records.
    public internal(set) var damaged = 0
    /// Bytes of the samples in the shards, headers and padding included.
    public internal(set) var bytes = 0
    /// Seconds that ``Loader/next()`` waited.
    public internal(set) var waited = 0.0
    /// Batches' memories in use or kept for later.
    public internal(set) var buffers = 0
    /// The most of them at any time.
    public internal(set) var largestBuffers = 0
    /// The most shards that were open at any time.
    public internal(set) var largestOpenShards = 0

    package mutating func add(_ filled: FilledBatch, waited seconds: Double) {
        batches += 1
        samples += filled.batch.count
        damaged += filled.damaged.count
        bytes += filled.bytes
        waited += seconds
    }
}
