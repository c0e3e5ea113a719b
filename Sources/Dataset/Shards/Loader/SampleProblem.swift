package import Storage

/// Why a sample cannot be delivered.
package enum SampleProblem: Error {
    /// Its bytes are not those that were written, or cannot be read: by choice fatal or left out.
    case damaged(DamagedSample, PFrameError)
    /// It is sound, but not what the set promises: fatal.
    case unfit(PFrameError)

    /// A sample whose bytes are not those that were written.
    package init(_ row: ShardRow, in shard: OpenShard, damage what: String) {
        self = .damaged(
            DamagedSample(shard: shard.facts.name, key: row.key, offset: row.offset, what: what),
            shard.error(at: row.offset, "sample \(row.key) is damaged: \(what)"))
    }

    /// A sample that cannot be read.
    package init(_ row: ShardRow, in shard: OpenShard, unread error: PFrameError) {
        let place = error.offset.map { "at byte \($0): " } ?? ""
        self = .damaged(
            DamagedSample(shard: shard.facts.name, key: row.key, offset: row.offset, what: place + error.message),
            PFrameError(path: error.path, offset: error.offset, "sample \(row.key): \(error.message)"))
    }

    /// A sample whose shard cannot be opened, or whose row is damaged.
    package init(number: Int, of shard: DatasetDescription.Shard, _ error: PFrameError) {
        self = .damaged(
            DamagedSample(shard: shard.name, key: "", offset: nil, what: "sample \(number): \(error)"), error)
    }
}
