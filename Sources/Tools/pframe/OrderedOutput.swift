import Synchronization
import ToolOptions

/// Lines of several videos on stdout in the order of the videos, though they are worked on at the same time.
///
/// The first video that is not finished writes through; what others write before their turn is kept.
final class OrderedOutput: Sendable {
    private struct State {
        var current = 0
        var kept: [Int: String] = [:]
        var finished: Set<Int> = []
    }

    private let state = Mutex(State())

    /// Writes lines of a video, each ended by a line feed.
    func write(_ index: Int, _ lines: String) {
        state.withLock { state in
            if index == state.current { Console.outputLines(lines) } else { state.kept[index, default: ""] += lines }
        }
    }

    /// Says that a video writes nothing more.
    func finish(_ index: Int) {
        state.withLock { state in
            state.finished.insert(index)
            while state.finished.remove(state.current) != nil {
                state.current += 1
                if let lines = state.kept.removeValue(forKey: state.current) { Console.outputLines(lines) }
            }
        }
    }
}
