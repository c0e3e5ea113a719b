import Dataset
import Synchronization

/// Progress in bytes, on stderr.
package final class ByteProgress: Sendable {
    private struct State {
        var total = 0
        var done = 0
        var clock = ProgressClock()
    }

    private let state = Mutex(State())

    package init() {}

    /// Seconds since the start.
    package var elapsed: Double { state.withLock(\.clock.elapsed) }

    /// Bytes done so far.
    package var done: Int { state.withLock(\.done) }

    /// Says how many bytes there are.
    package func begin(_ total: Int) { state.withLock { $0.total = total } }

    /// Notes that bytes were done.
    package func add(_ bytes: Int) {
        state.withLock { state in
            state.done += bytes
            guard state.clock.isDue() else { return }
            let now = state.clock.elapsed
            let share = Double(state.done) / Double(max(1, state.total))
            let left = share > 0.01 ? now * (1 - share) / share : nil
            var line = "\(Format.bytes(state.done)) of \(Format.bytes(state.total))  \(Int(share * 100)) %  "
            line += "\(Self.rate(state.done, now))"
            if let left { line += "  \(Format.duration(left)) left" }
            Console.progress(
                line,
                [
                    "bytes": .integer(state.done), "of": .integer(state.total), "share": .number(share),
                    "seconds_left": left.map { .number($0) } ?? .null,
                ])
        }
    }

    /// `1.23 GB/s`.
    package static func rate(_ bytes: Int, _ seconds: Double) -> String {
        "\(Format.fixed(Double(bytes) / max(seconds, 0.001) / 1e9, 2)) GB/s"
    }
}
