/// How far apart in time frames lie: the shortest and the longest step from one to the next.
///
/// Frames at 10 per second out of a video of 25 lie 0.08 or 0.12 s apart: what moves evenly there judders in the clip.
package struct StepRange: Sendable, Equatable {
    /// The shortest and the longest step in seconds; nil before the first.
    package private(set) var range: ClosedRange<Double>?

    /// The longest step of even frames, over the shortest: containers round times, to 1/1000 s at worst.
    package static let evenRatio = 1.1

    /// No steps yet.
    package init() {}

    /// The steps between the frames of a clip.
    package init(_ seconds: [Double]) {
        for (time, next) in zip(seconds, seconds.dropFirst()) { add(next - time) }
    }

    /// Takes in a step.
    package mutating func add(_ step: Double) {
        range = range.map { min($0.lowerBound, step)...max($0.upperBound, step) } ?? step...step
    }

    /// The longest step over the shortest, 1 without steps; infinite where a frame stands twice beside others.
    package var ratio: Double {
        guard let range, range.lowerBound != range.upperBound else { return 1 }
        return range.lowerBound > 0 ? range.upperBound / range.lowerBound : .infinity
    }

    /// Whether the frames lie evenly.
    package var isEven: Bool { ratio <= Self.evenRatio + 1e-9 }
}

/// What a source's rate is divided by so that frames lie evenly.
package enum EvenRates {
    /// The divisors whose rates lie nearest to a wanted one, the lower rate first: one, or one below and one above.
    package static func divisors(near framesPerSecond: Double, sourceRate: Double) -> [Int] {
        let exact = min(max(1, sourceRate / framesPerSecond), 1e9)
        // What misses a whole number by little needs no second proposal: 10 of 29.97.
        if abs(exact - exact.rounded()) < 0.05 { return [Int(exact.rounded())] }
        return [Int(exact.rounded(.up)), Int(exact.rounded(.down))]
    }
}
