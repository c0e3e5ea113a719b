import Codec
import Synchronization

extension Parallel {
    /// Calls `body` for every index below `count`, at most `jobs` at a time, and returns what it gave, in order.
    ///
    /// - Throws: the error of the lowest index that failed; no work is begun after an error.
    static func map<Value: Sendable>(
        _ count: Int, jobs: Int, _ body: @Sendable (Int) throws(DatasetError) -> Value
    ) throws(DatasetError) -> [Value] {
        let results = Mutex([Result<Value, DatasetError>?](repeating: nil, count: count))
        let hasFailed = Atomic<Bool>(false)
        forEach(count, jobs: jobs) { index in
            guard !hasFailed.load(ordering: .relaxed) else { return }
            let result = Result { () throws(DatasetError) in try body(index) }
            if case .failure = result { hasFailed.store(true, ordering: .relaxed) }
            results.withLock { $0[index] = result }
        }
        var values: [Value] = []
        values.reserveCapacity(count)
        for result in results.withLock({ $0 }) {
            // One that was not begun has a failed one behind it or before it.
            if let result { values.append(try result.get()) }
        }
        return values
    }
}
