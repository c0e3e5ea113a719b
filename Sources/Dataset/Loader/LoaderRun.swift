/// One pass over what is left of an epoch: what its threads share, and what ends them together.
final class LoaderRun: Sendable {
    /// The epoch.
    let epoch: Int
    /// The files, read until this run is cancelled.
    let store: ShardStore
    /// The shards that are open.
    let cache: ShardCache

    /// Plans a pass; nothing is opened yet.
    init(
        epoch: Int, store: ShardStore, shards: [DatasetDescription.Shard], ahead: Int, checks: ShardChecks
    ) {
        self.epoch = epoch
        self.store = store.with(Cancellation())
        cache = ShardCache(store: self.store, shards: shards, ahead: ahead, checks: checks)
    }

    /// Ends what is being read and waited for.
    var cancellation: Cancellation { store.cancellation }
}
