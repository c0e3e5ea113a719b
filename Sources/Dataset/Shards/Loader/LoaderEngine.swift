import Glibc
package import Storage

/// Hands steps to the threads that read and batches, in order, to the one who trains.
///
/// At most `prefetch` steps are handed out ahead of the batch that was taken last: who reads waits for who trains.
package final class LoaderEngine: Sendable {
    /// A step to work on, of a run that may have ended since.
    package struct Claim {
        package let run: LoaderRun
        package let step: LoaderSchedule.Step
    }

    private struct State {
        var run: LoaderRun
        var schedule: LoaderSchedule
        /// Steps handed out and batches taken, of this run.
        var claimed = 0
        var taken = 0
        var ready: [Int: Result<FilledBatch, PFrameError>] = [:]
        var hasFailed = false
        var isStopped = false
        var position: LoaderPosition
        var damaged: [DamagedSample] = []
        var statistics = LoaderStatistics()
    }

    private let state: Monitor<State>
    private let order: BatchOrder
    private let options: LoaderOptions
    private let filler: BatchFiller
    private let store: ShardStore
    private let checks: ShardChecks

    /// Plans the first run; nothing is read before someone works.
    ///
    /// - Throws: `PFrameError` if the epoch has no such position.
    package init(
        store: ShardStore, shards: [DatasetDescription.Shard], options: LoaderOptions
    ) throws(PFrameError) {
        order = BatchOrder(shards: shards, options: options)
        filler = BatchFiller(
            options: options, layouts: LayoutSearch(options, shards: shards, buckets: order.buckets),
            pool: BatchPool(kept: options.prefetch + 1), shards: shards)
        (self.options, self.store, checks) = (options, store, ShardChecks(options.damage))
        state = Monitor(
            State(
                run: LoaderRun(
                    epoch: options.start.epoch, store: store, shards: shards, ahead: options.prefetch, checks: checks),
                schedule: LoaderSchedule(try order.epoch(at: options.start), options: options),
                position: options.start))
    }

    /// What was delivered so far ends here.
    package var position: LoaderPosition { state.withLock { $0.position } }
    /// What was left out so far.
    package var damaged: [DamagedSample] { state.withLock { $0.damaged } }
    /// Counts so far.
    package var statistics: LoaderStatistics {
        var statistics = state.withLock { state in
            var statistics = state.statistics
            statistics.largestOpenShards = max(statistics.largestOpenShards, state.run.cache.largest)
            return statistics
        }
        (statistics.buffers, statistics.largestBuffers) = filler.pool.counts
        return statistics
    }

    /// Goes to another place; what was read ahead is dropped.
    ///
    /// - Throws: `PFrameError` if the epoch has no such position.
    package func start(_ position: LoaderPosition) throws(PFrameError) {
        let schedule = LoaderSchedule(try order.epoch(at: position), options: options)
        let before = state.withLock { state in
            let before = state.run
            before.cancellation.request()
            state.statistics.largestOpenShards = max(state.statistics.largestOpenShards, before.cache.largest)
            state.run = LoaderRun(
                epoch: position.epoch, store: store, shards: filler.shards, ahead: options.prefetch, checks: checks)
            state.schedule = schedule
            (state.claimed, state.taken, state.hasFailed) = (0, 0, false)
            state.ready = [:]
            state.position = position
            return before
        }
        wake(before)
    }

    /// Ends all work; threads return from ``work()`` soon.
    package func stop() {
        let run = state.withLock { state in
            state.isStopped = true
            state.run.cancellation.request()
            state.ready = [:]
            return state.run
        }
        wake(run)
    }

    private func wake(_ run: LoaderRun) {
        run.cache.wake()
        filler.layouts.wake()
    }

    /// What each thread runs until the end.
    package func work() {
        let scratch = AlignedBuffer(count: 1 << 18)
        while let claim = claim() {
            var result: Result<FilledBatch, PFrameError>?
            do throws(PFrameError) {
                guard let filled = try filler.fill(claim.step, of: claim.run, scratch: scratch.bytes) else { continue }
                result = .success(filled)
            } catch {
                result = .failure(error)
            }
            state.withLock { state in
                guard state.run === claim.run, !state.isStopped else { return }
                if case .failure = result { state.hasFailed = true }
                // Handed over whole: while this thread held it too, its memory could not be used again.
                state.ready[claim.step.number] = result.take()
            }
        }
    }

    /// Until the first batch of local shards is taken, memory and processors are its own: it is there the sooner.
    private func mayReadAhead(_ state: State) -> Bool {
        guard case .folder = store.source else { return true }
        return state.claimed == 0 || state.taken > 0
    }

    private func claim() -> Claim? {
        state.wait { state -> Claim?? in
            if state.isStopped { return .some(nil) }
            guard !state.hasFailed, state.claimed - state.taken < options.prefetch, mayReadAhead(state),
                let step = state.schedule.next()
            else { return nil }
            state.claimed += 1
            state.run.cache.begin(step)
            return Claim(run: state.run, step: step)
        }
    }

    /// The next batch in order, nil at the end of the epoch.
    ///
    /// - Throws: `PFrameError`, again whenever it is asked, until another start.
    package func next() throws(PFrameError) -> Batch? {
        let asked = monotonicSeconds()
        let result = state.wait { state -> Result<Batch?, PFrameError>? in
            switch state.ready[state.taken] {
            case .failure(let error): return .failure(error)
            case .success(let filled):
                state.ready[state.taken] = nil
                state.taken += 1
                state.position.samples = filled.end
                state.damaged += filled.damaged
                state.statistics.add(filled, waited: monotonicSeconds() - asked)
                return .success(filled.batch)
            case nil:
                let isAtEnd = state.claimed == state.taken && state.schedule.isAtEnd
                return isAtEnd || state.isStopped ? .success(nil) : nil
            }
        }
        return try result.get()
    }
}

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

/// State that threads share and wait on (`pthread_mutex_t` and `pthread_cond_t`).
///
/// Every change wakes those who wait: they look again whether what they wait for has come.
// Unchecked: the state is touched under the lock alone, and the two C objects never move.
package final class Monitor<State>: @unchecked Sendable {
    private var state: State
    private let mutex = UnsafeMutablePointer<pthread_mutex_t>.allocate(capacity: 1)
    private let condition = UnsafeMutablePointer<pthread_cond_t>.allocate(capacity: 1)

    package init(_ state: State) {
        self.state = state
        pthread_mutex_init(mutex, nil)
        pthread_cond_init(condition, nil)
    }

    deinit {
        pthread_cond_destroy(condition)
        pthread_mutex_destroy(mutex)
        condition.deallocate()
        mutex.deallocate()
    }

    /// Changes the state, or reads it.
    package func withLock<Result, Failure: Error>(
        _ body: (inout State) throws(Failure) -> Result
    ) throws(Failure) -> Result {
        pthread_mutex_lock(mutex)
        defer {
            pthread_cond_broadcast(condition)
            pthread_mutex_unlock(mutex)
        }
        return try body(&state)
    }

    /// Waits until `body` gives a value; it is asked at once, and after every change.
    package func wait<Result>(until body: (inout State) -> Result?) -> Result {
        pthread_mutex_lock(mutex)
        defer {
            pthread_cond_broadcast(condition)
            pthread_mutex_unlock(mutex)
        }
        while true {
            if let result = body(&state) { return result }
            pthread_cond_wait(condition, mutex)
        }
    }
}
