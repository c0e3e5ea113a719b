import Dispatch
import FoundationEssentials
import Synchronization

/// Runs independent pieces of work on several threads.
public enum Parallel: Sendable {
    /// Processors that this process may use.
    public static var processors: Int { max(1, ProcessInfo.processInfo.activeProcessorCount) }

    /// Calls `body` once for every index below `count`, at most `jobs` at a time, taking indices in order.
    public static func forEach(_ count: Int, jobs: Int, _ body: @Sendable (Int) -> Void) {
        let next = Atomic<Int>(0)
        DispatchQueue.concurrentPerform(iterations: max(1, min(jobs, count))) { _ in
            while true {
                let index = next.wrappingAdd(1, ordering: .relaxed).oldValue
                guard index < count else { return }
                body(index)
            }
        }
    }
}
