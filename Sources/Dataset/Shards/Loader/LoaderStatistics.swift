import Storage

/// What a loader has done so far.
public struct LoaderStatistics: Sendable, Equatable {
    /// Batches that were taken.
    public internal(set) var batches = 0
    /// Samples in them.
    public internal(set) var samples = 0
    /// Samples that were left out, and damage outside of samples.
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
