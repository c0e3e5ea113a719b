import Glibc
import Synchronization

/// Progress of several videos at once, on stderr: one redrawn line on a terminal, plain lines every ten seconds elsewhere.
final class Progress: Sendable {
    private struct State {
        var shares: [Double]
        var frames: [Int]
        var finished = 0
        var lastDrawn = 0.0
    }

    private let state: Mutex<State>
    private let weights: [Double]
    private let start = Progress.now()
    private let unit: String

    /// Work of the given sizes; `unit` names one piece of it, such as `video`.
    init(weights: [Int], unit: String) {
        let total = max(1, weights.reduce(0, +))
        self.weights = weights.map { Double($0) / Double(total) }
        self.unit = unit
        state = Mutex(State(shares: weights.map { _ in 0 }, frames: weights.map { _ in 0 }))
    }

    /// Seconds since the start.
    var elapsed: Double { Self.now() - start }

    /// Notes how far a piece is: its frames so far and its share, 0…1.
    func update(_ index: Int, frames: Int, share: Double) {
        state.withLock { state in
            state.frames[index] = frames
            state.shares[index] = share
            let now = elapsed
            guard now - state.lastDrawn >= (Console.isTerminal ? 0.2 : 10) else { return }
            state.lastDrawn = now
            draw(state)
        }
    }

    /// Notes that a piece is done, with a line to keep.
    func finish(_ index: Int, message: String?) {
        state.withLock { state in
            state.shares[index] = 1
            state.finished += 1
            if let message { Console.error((Console.isTerminal ? "\r\u{1B}[K" : "") + message) }
            if Console.isTerminal { draw(state) }
        }
    }

    /// Clears the redrawn line.
    func close() {
        if Console.isTerminal { Console.draw("\r\u{1B}[K") }
    }

    private func draw(_ state: State) {
        let share = zip(state.shares, weights).reduce(0) { $0 + $1.0 * $1.1 }
        let frames = state.frames.reduce(0, +)
        var line = "\(state.finished)/\(weights.count) \(unit)s  \(Int(share * 100)) %  "
        line += "\(Format.count(Int(Double(frames) / max(elapsed, 0.001)))) frames/s"
        if share > 0.01 { line += "  \(Format.duration(elapsed * (1 - share) / share)) left" }
        if Console.isTerminal { Console.draw("\r\u{1B}[K" + line) } else { Console.error(line) }
    }

    private static func now() -> Double {
        var time = timespec()
        clock_gettime(CLOCK_MONOTONIC, &time)
        return Double(time.tv_sec) + Double(time.tv_nsec) * 1e-9
    }
}
