package import Storage
import Synchronization

/// Has each shard looked at outside of its samples, until that has gone well once.
package final class ShardChecks: Sendable {
    private let done = Mutex(Set<Int>())
    private let policy: DamagePolicy

    /// No shard has been looked at.
    package init(_ policy: DamagePolicy) { self.policy = policy }

    /// Looks at a shard, where nobody has.
    ///
    /// - Throws: as ``OpenShard/check(_:)``.
    package func run(_ number: Int, on shard: OpenShard) throws(PFrameError) {
        guard !done.withLock({ $0.contains(number) }) else { return }
        // Damage is told again in every epoch, as that of samples is.
        guard try shard.check(policy) else { return }
        done.withLock { _ = $0.insert(number) }
    }
}
