/// Says when a line of progress is due: five times a second where it is redrawn, else every ten seconds.
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
