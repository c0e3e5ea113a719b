public import Storage

/// Finds the cuts of a video from the content values of its pictures: pure bookkeeping, no pixels.
///
/// The values are those of `ContentMeter`, one per picture in display order, 0 for the first. The cuts are those of
/// PySceneDetect from 0.6.4 on: of `ContentDetector` with the filter mode `suppress`, or of `AdaptiveDetector`.
public struct CutDetector: Sendable {
    /// What a picture came to.
    public struct Verdict: Sendable, Equatable {
        /// The content value over the mean of the content values of the two pictures before and the two after, at most
        /// 255 (`adaptive_ratio`); nil for the first two and the last two pictures of a video, and for
        /// `CutRule.Measure.content`.
        public var ratio: Double?
        /// Whether a shot begins with the picture.
        public var isCut: Bool

        /// The verdict on a picture that has too few neighbours.
        public static let none = Verdict(ratio: nil, isCut: false)
    }

    /// Pictures on each side that a content value is compared with (`window_width`).
    private static let reach = 2
    /// The largest ratio, also that of a change between still pictures.
    private static let largestRatio = 255.0

    private let rule: CutRule
    /// The latest content values, at most those of a window.
    private var window: [Double] = []
    private var pictures = 0
    private var start: (frame: Int, seconds: Double)?
    /// The times of the pictures without a verdict.
    private var waiting: [Double] = []

    /// Prepares for the pictures of one video.
    public init(_ rule: CutRule) { self.rule = rule }

    /// How many pictures later the verdict on a picture comes.
    public var delay: Int { rule.measure == .adaptive ? Self.reach : 0 }

    /// Takes the next picture.
    ///
    /// - Parameters:
    ///   - content: its content value.
    ///   - seconds: its time.
    /// - Returns: the verdict on the picture `delay` pictures before it; nil where there is no such picture. The last
    ///   `delay` pictures of a video get none: their verdict is `Verdict.none`.
    public mutating func add(_ content: Double, at seconds: Double) -> Verdict? {
        let newest = pictures
        pictures += 1
        waiting.append(seconds)
        if start == nil { start = (0, seconds) }
        if rule.measure == .adaptive {
            window.append(content)
            if window.count > 2 * Self.reach + 1 { window.removeFirst() }
        }
        guard waiting.count > delay else { return nil }
        let time = waiting.removeFirst()
        var verdict = judge(content)
        // PySceneDetect measures a shot up to the newest picture, not to the one that it judges.
        verdict.isCut = verdict.isCut && isLongEnough(newest, seconds)
        if verdict.isCut { start = (newest - delay, time) }
        return verdict
    }

    /// The verdict by the values alone.
    private func judge(_ content: Double) -> Verdict {
        guard rule.measure == .adaptive else { return Verdict(ratio: nil, isCut: content >= rule.threshold) }
        guard window.count == 2 * Self.reach + 1 else { return .none }
        let middle = window[Self.reach]
        let others = window[..<Self.reach] + window[(Self.reach + 1)...]
        let mean = others.reduce(0, +) / Double(others.count)
        let isLarge = middle >= CutRule.leastContent
        let isStill = abs(mean) < 0.00001
        let ratio = isStill ? (isLarge ? Self.largestRatio : 0) : min(middle / mean, Self.largestRatio)
        return Verdict(ratio: ratio, isCut: ratio >= rule.threshold && isLarge)
    }

    private func isLongEnough(_ frame: Int, _ seconds: Double) -> Bool {
        guard let start else { return true }
        switch rule.shortest {
        case .frames(let count): return frame - start.frame >= count
        // Times are known to a microsecond.
        case .seconds(let least): return seconds - start.seconds >= least - 1e-6
        }
    }
}

/// Where a video is cut into shots.
public struct CutRule: Sendable, Equatable {
    /// What is compared with the threshold.
    public enum Measure: String, Sendable, CaseIterable {
        /// The content value (PySceneDetect's `ContentDetector`).
        case content
        /// The content value over the mean of its neighbours' (PySceneDetect's `AdaptiveDetector`): a pan, whose values
        /// are all large, stays whole.
        case adaptive

        /// PySceneDetect's default: 27, or a ratio of 3.
        public var defaultThreshold: Double { self == .content ? ContentScore.cutThreshold : 3 }
    }

    /// The length of a shot.
    public enum Length: Sendable, Equatable {
        /// In pictures of the source.
        case frames(Int)
        /// In seconds, by presentation time.
        case seconds(Double)

        /// As `dataset.json` records it: `15`, or `"0.6s"`.
        var json: JSONValue {
            switch self {
            case .frames(let count): .integer(count)
            case .seconds(let seconds): .text("\(seconds)s")
            }
        }
    }

    /// What is compared with the threshold. Default: the content value.
    public var measure: Measure
    /// From this value on a picture begins a shot.
    public var threshold: Double
    /// A cut that comes sooner after the cut before, or after the first picture, is left out (`min_scene_len`).
    /// Default: no cut is.
    public var shortest: Length

    /// The least content value of a cut by the adaptive rule (`min_content_val`).
    public static let leastContent = 15.0

    /// Creates a rule.
    ///
    /// - Parameters:
    ///   - measure: what is compared with the threshold.
    ///   - threshold: nil for the measure's default.
    ///   - shortest: how long a shot is at least; earlier cuts are skipped.
    public init(_ measure: Measure = .content, threshold: Double? = nil, shortest: Length = .frames(0)) {
        self.measure = measure
        self.threshold = threshold ?? measure.defaultThreshold
        self.shortest = shortest
    }

    /// Checks the rule.
    ///
    /// - Throws: `PFrameError` that says what is wrong.
    public func validate() throws(PFrameError) {
        guard threshold > 0, threshold <= 255 else {
            throw PFrameError(.usage, "a cut threshold is above 0 and at most 255, not \(threshold)")
        }
        let isValid =
            switch shortest {
            case .frames(let count): count >= 0
            case .seconds(let seconds): seconds >= 0 && seconds.isFinite
            }
        guard isValid else { throw PFrameError(.usage, "the shortest shot has 0 frames or seconds, or more") }
    }

    /// As `dataset.json` records it; what is not the default of `measure` stands there only where it was chosen.
    var json: [String: JSONValue] {
        var members: [String: JSONValue] = ["cut_threshold": .number(threshold)]
        if measure != .content { members["cut_rule"] = .text(measure.rawValue) }
        if shortest != .frames(0) { members["min_shot"] = shortest.json }
        return members
    }
}
