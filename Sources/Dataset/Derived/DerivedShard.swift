public import Shards
public import Storage
import Synchronization
import SystemPackage

/// A shard in the making, with the name of its source shard.
///
/// Records may be read from any thread at any time; results are appended in the order of the records. An unfinished
/// shard leaves no files.
public final class DerivedShard: Sendable {
    private struct State {
        var writer: ShardWriter?
        /// The first sample that may come next.
        var next = 0
        var samples = 0
        var lock: KernelLock?
    }

    /// The name without an ending: `clips-000000`.
    public let name: String
    private let bucket: Bucket?
    private let source: ShardReader
    private let folder: FilePath
    private let number: Int
    private let receipt: ShardReceipt
    private let state: Mutex<State>

    /// Begins the shard.
    ///
    /// - Parameters:
    ///   - receipt: of a shard without samples.
    ///   - lock: held until the shard is finished or given up.
    init(
        name: String, bucket: Bucket?, number: Int, source: ShardReader, folder: FilePath, receipt: ShardReceipt,
        lock: KernelLock
    ) {
        (self.name, self.bucket) = (name, bucket)
        (self.number, self.source, self.folder, self.receipt) = (number, source, folder, receipt)
        state = Mutex(State(lock: lock))
    }

    /// The rows of the source's samples in order, scores of side files included.
    public var rows: [ShardRow] { source.rows }

    /// Reads a sample of the source; any thread may at any time.
    ///
    /// - Parameter index: its place among ``rows``.
    /// - Throws: `PFrameError` that names shard, sample and place if it is damaged or cannot be read.
    public func sample(_ index: Int) throws(PFrameError) -> Record { try source.record(index) }

    /// Appends a derived record, with the key and the columns of its source record.
    ///
    /// The row has the scores too, and so has a `json` member that PFrame wrote. A `json` member of another program
    /// does not change.
    ///
    /// - Parameters:
    ///   - sample: a record of this shard, after the records that were appended before; skipped records are left out.
    ///   - names: the members to copy if the record has them; `json` is always copied.
    ///   - members: additional members, which replace members of the same name: `latent.npy` and its bytes.
    ///   - scores: additional scores, which replace scores of the same name; NaN if a score could not be computed.
    /// - Throws: `PFrameError`, a full disk included.
    public func append(
        _ sample: Record, keeping names: [String], adding members: [(name: String, bytes: [UInt8])] = [],
        scores: [String: Double] = [:]
    ) throws(PFrameError) {
        precondition(
            members.allSatisfy { SampleName("key." + $0.name)?.member == $0.name },
            "names of members are in small letters and lead to no folder")
        precondition(Set(members.map(\.name)).count == members.count, "each member is added once")
        let made = try sample.derived(keeping: names, adding: members, scores: scores)
        try state.withLock { state throws(PFrameError) in
            precondition(state.lock != nil, "the shard is finished")
            precondition(rows[sample.index].key == sample.row.key, "the sample is of another shard")
            precondition(sample.index >= state.next, "samples are appended in order")
            if state.writer == nil { state.writer = try ShardWriter(folder: folder, name: name, number: number) }
            try state.writer?.append(made, key: sample.row.key)
            state.next = sample.index + 1
            state.samples += 1
        }
    }

    /// Completes the shard and leaves its receipt; a shard without records has only a receipt.
    ///
    /// - Parameter totals: counts that `dataset.json` adds up over all shards, beside `clips`, the appended records,
    ///   and `left_out`, the skipped records.
    /// - Throws: `PFrameError`, a full disk included.
    public func finish(totals: [String: Int] = [:]) throws(PFrameError) {
        try state.withLock { state throws(PFrameError) in
            precondition(state.lock != nil, "the shard is finished")
            var receipt = receipt
            receipt.shard = try state.writer?.finish(bucket: bucket)
            receipt.totals = ["clips": state.samples, "left_out": rows.count - state.samples]
            receipt.totals.merge(totals) { $1 }
            try replaceFile(ShardReceipt.path(in: folder, number: number), with: receipt.json)
            (state.writer, state.lock) = (nil, nil)
        }
    }
}
