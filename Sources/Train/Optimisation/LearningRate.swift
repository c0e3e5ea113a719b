import Glibc

/// The learning rate over a run: a linear warm-up, then constant or half a cosine down.
public struct LearningRate: Sendable, Equatable {
    /// What comes after the warm-up.
    public enum Course: String, Sendable, CaseIterable {
        /// The same to the end.
        case constant
        /// Half a cosine from the highest rate to a hundredth of it at the last step.
        case cosine
    }

    /// The highest rate.
    public var highest: Double
    /// Steps from 0 to the highest rate.
    public var warmUp: Int
    /// What comes after the warm-up.
    public var course: Course
    /// Steps in all.
    public var steps: Int

    /// A rate over `steps` steps.
    public init(highest: Double, warmUp: Int, course: Course, steps: Int) {
        (self.highest, self.warmUp, self.course, self.steps) = (highest, warmUp, course, steps)
    }

    /// The rate of step `step`, from 1.
    public subscript(step: Int) -> Double {
        if step < warmUp { return highest * Double(step) / Double(warmUp) }
        guard course == .cosine, steps > warmUp else { return highest }
        let share = min(1, Double(step - warmUp) / Double(steps - warmUp))
        return highest * (0.01 + 0.99 * 0.5 * (1 + cos(.pi * share)))
    }
}
