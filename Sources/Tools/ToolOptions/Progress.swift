import Dataset
import Storage
import Synchronization

/// Progress of several videos at once, on stderr: one redrawn line on a terminal, lines every ten seconds elsewhere.
package final class Progress: Sendable {
    private struct State {
        var shares: [Double]
        var counts: [Int]
        var finished = 0
        var rejected = 0
        var clock = ProgressClock()
    }

    private let state: Mutex<State>
    private let weights: [Double]
    private let unit: String
    private let counted: String

    /// Work of the given sizes; `unit` names one piece of it, such as `video`, and `counted` what it gives, such as `frames`.
    package init(weights: [Int], unit: String, counted: String = "frames") {
        let total = max(1, weights.reduce(0, +))
        self.weights = weights.map { Double($0) / Double(total) }
        self.unit = unit
        self.counted = counted
        state = Mutex(State(shares: weights.map { _ in 0 }, counts: weights.map { _ in 0 }))
    }

    /// Seconds since the start.
    package var elapsed: Double { state.withLock(\.clock.elapsed) }

    /// Notes how far a piece is: what it gave so far and its share, 0…1.
    package func update(_ index: Int, count: Int, share: Double) {
        state.withLock { state in
            state.counts[index] = count
            state.shares[index] = share
            drawInTime(&state)
        }
    }

    private func drawInTime(_ state: inout State) {
        if state.clock.isDue() { draw(state) }
    }

    /// Notes that a piece is done, with a line to keep, and whether nothing came of it.
    package func finish(_ index: Int, message: String?, isRejected: Bool = false) {
        state.withLock { state in
            state.shares[index] = 1
            state.finished += 1
            if isRejected { state.rejected += 1 }
            if let message { Console.error(message) }
            if Console.redraws { draw(state) }
        }
    }

    /// Notes that so many pieces are done, one after another, the last of them in part; each gives one.
    package func advance(to done: Double) {
        let whole = min(Int(done), weights.count)
        state.withLock { state in
            for index in state.finished..<max(whole, state.finished) {
                (state.shares[index], state.counts[index]) = (1, 1)
            }
            state.finished = max(whole, state.finished)
            if whole < weights.count { state.shares[whole] = max(state.shares[whole], done - Double(whole)) }
            drawInTime(&state)
        }
    }

    private func draw(_ state: State) {
        let share = zip(state.shares, weights).reduce(0) { $0 + $1.0 * $1.1 }
        let count = state.counts.reduce(0, +)
        let elapsed = state.clock.elapsed
        let rate = Double(count) / max(elapsed, 0.001)
        let left = share > 0.01 ? elapsed * (1 - share) / share : nil
        var line = "\(state.finished)/\(weights.count) \(unit)s  \(Int(share * 100)) %  "
        line += "\(rate < 10 ? Format.fixed(rate, 1) : Format.count(Int(rate))) \(counted)/s"
        if state.rejected > 0 { line += "  \(Format.count(state.rejected)) rejected" }
        if let left { line += "  \(Format.duration(left)) left" }
        Console.progress(
            line,
            [
                "done": .integer(state.finished), "of": .integer(weights.count), "share": .number(share),
                counted: .integer(count), "rejected": .integer(state.rejected),
                "seconds_left": left.map { .number($0) } ?? .null,
            ])
    }
}

/// Says when a line of progress is due: five times per second where it is redrawn, else every ten seconds.
package struct ProgressClock: Sendable {
    private let start = ContinuousClock.now
    private var drawn = 0.0

    package init() {}

    /// Seconds since the start.
    package var elapsed: Double { (ContinuousClock.now - start) / .seconds(1) }

    /// Whether it is time for a line; the next is due later.
    package mutating func isDue() -> Bool {
        let now = elapsed
        guard now - drawn >= (Console.redraws ? 0.2 : 10) else { return false }
        drawn = now
        return true
    }
}

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
