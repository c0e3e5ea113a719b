/// Why a sample cannot be delivered.
enum SampleProblem: Error {
    /// Its bytes are not those that were written, or cannot be read: by choice fatal or left out.
    case damaged(DamagedSample, DatasetError)
    /// It is sound, but not what the set promises: fatal.
    case unfit(DatasetError)

    /// A sample whose bytes are not those that were written.
    init(_ row: ShardRow, in shard: OpenShard, damage what: String) {
        self = .damaged(
            DamagedSample(shard: shard.facts.name, key: row.key, offset: row.offset, what: what),
            shard.error(at: row.offset, "sample \(row.key) is damaged: \(what)"))
    }

    /// A sample that cannot be read.
    init(_ row: ShardRow, in shard: OpenShard, unread error: DatasetError) {
        let place = error.offset.map { "at byte \($0): " } ?? ""
        self = .damaged(
            DamagedSample(shard: shard.facts.name, key: row.key, offset: row.offset, what: place + error.message),
            DatasetError(path: error.path, offset: error.offset, "sample \(row.key): \(error.message)"))
    }

    /// A sample whose shard cannot be opened, or whose row is damaged.
    init(number: Int, of shard: DatasetDescription.Shard, _ error: DatasetError) {
        self = .damaged(
            DamagedSample(shard: shard.name, key: "", offset: nil, what: "sample \(number): \(error)"), error)
    }
}
