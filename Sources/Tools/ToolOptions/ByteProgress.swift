import Glibc
import Synchronization

/// Progress in bytes, on stderr: one redrawn line on a terminal, plain lines every ten seconds elsewhere.
package final class ByteProgress: Sendable {
    private struct State {
        var total = 0
        var done = 0
        var lastDrawn = 0.0
    }

    private let state = Mutex(State())
    private let start = ContinuousClock.now

    package init() {}

    /// Seconds since the start.
    package var elapsed: Double { (ContinuousClock.now - start) / .seconds(1) }

    /// Bytes done so far.
    package var done: Int { state.withLock(\.done) }

    /// Says how many bytes there are.
    package func begin(_ total: Int) { state.withLock { $0.total = total } }

    /// Notes that bytes were done.
    package func add(_ bytes: Int) {
        state.withLock { state in
            state.done += bytes
            let now = elapsed
            guard now - state.lastDrawn >= (Console.isTerminal ? 0.2 : 10) else { return }
            state.lastDrawn = now
            let share = Double(state.done) / Double(max(1, state.total))
            var line = "\(Format.bytes(state.done)) of \(Format.bytes(state.total))  \(Int(share * 100)) %  "
            line += "\(Self.rate(state.done, now))"
            if share > 0.01 { line += "  \(Format.duration(now * (1 - share) / share)) left" }
            if Console.isTerminal { Console.draw("\r\u{1B}[K" + line) } else { Console.error(line) }
        }
    }

    /// Clears the redrawn line.
    package func close() {
        if Console.isTerminal { Console.draw("\r\u{1B}[K") }
    }

    /// `1.23 GB/s`.
    package static func rate(_ bytes: Int, _ seconds: Double) -> String {
        "\(Format.fixed(Double(bytes) / max(seconds, 0.001) / 1e9, 2)) GB/s"
    }
}
