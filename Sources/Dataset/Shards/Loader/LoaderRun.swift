import Storage

/// One pass over what is left of an epoch: what its threads share, and what ends them together.
package final class LoaderRun: Sendable {
    /// The epoch.
    package let epoch: Int
    /// The files, read until this run is cancelled.
    package let store: ShardStore
    /// The shards that are open.
    package let cache: ShardCache

    /// Plans a pass; nothing is opened yet.
    package init(
        epoch: Int, store: ShardStore, shards: [DatasetDescription.Shard], ahead: Int, checks: ShardChecks
    ) {
        self.epoch = epoch
        self.store = store.with(Cancellation())
        cache = ShardCache(store: self.store, shards: shards, ahead: ahead, checks: checks)
    }

    /// Ends what is being read and waited for.
    package var cancellation: Cancellation { store.cancellation }
}
