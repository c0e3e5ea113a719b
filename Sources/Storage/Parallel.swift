import Dispatch
import FoundationEssentials
import Synchronization

/// Runs independent pieces of work on several threads.
public enum Parallel: Sendable {
    /// Processors that this process may use.
    public static var processors: Int { max(1, ProcessInfo.processInfo.activeProcessorCount) }

    /// Calls `body` once for every index below `count`, at most `jobs` at a time, taking indices in order.
    package static func forEach(_ count: Int, jobs: Int, _ body: @Sendable (Int) -> Void) {
        let next = Atomic<Int>(0)
        DispatchQueue.concurrentPerform(iterations: max(1, min(jobs, count))) { _ in
            while true {
                let index = next.wrappingAdd(1, ordering: .relaxed).oldValue
                guard index < count else { return }
                body(index)
            }
        }
    }

    /// Calls `body` for every index below `count`, at most `jobs` at a time, and returns the results in order.
    ///
    /// - Throws: the error of the lowest index that failed; no work starts after an error.
    package static func map<Value: Sendable>(
        _ count: Int, jobs: Int, _ body: @Sendable (Int) throws(PFrameError) -> Value
    ) throws(PFrameError) -> [Value] {
        let results = Mutex([Result<Value, PFrameError>?](repeating: nil, count: count))
        let hasFailed = Atomic<Bool>(false)
        forEach(count, jobs: jobs) { index in
            guard !hasFailed.load(ordering: .relaxed) else { return }
            let result = Result { () throws(PFrameError) in try body(index) }
            if case .failure = result { hasFailed.store(true, ordering: .relaxed) }
            results.withLock { $0[index] = result }
        }
        var values: [Value] = []
        values.reserveCapacity(count)
        for result in results.withLock({ $0 }) {
            // One that was not begun has a failed one after it or before it.
            if let result { values.append(try result.get()) }
        }
        return values
    }
}
