import Dataset
import ToolOptions

/// The motion scores of one video: a line of JSON, a row of the table.
struct MotionResult: Encodable, Sendable {
    let video: String
    private(set) var rule: ShrinkRule?
    private(set) var status = VideoResult.Status.done
    private(set) var error: String?
    private(set) var motion: VideoMotion?

    init(video: String, rule: ShrinkRule) {
        self.video = video
        self.rule = rule
    }

    init(video: String, error: String) {
        self.video = video
        fail(error)
    }

    mutating func fail(_ message: String) {
        status = .failed
        error = message
    }

    mutating func fill(_ motion: VideoMotion) {
        self.motion = motion
        status = motion.damaged > 0 || motion.truncation != nil ? .damaged : .done
    }

    private enum CodingKeys: CodingKey {
        case video, rule, status, error, frames, meanContent, maxContent, cuts, meanLength, damaged, truncation
    }

    func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: CodingKeys.self)
        try container.encode(video, forKey: .video)
        try container.encode(status, forKey: .status)
        try container.encodeIfPresent(rule, forKey: .rule)
        try container.encodeIfPresent(error, forKey: .error)
        guard let motion else { return }
        try container.encode(motion.frames, forKey: .frames)
        try container.encode(motion.meanContent, forKey: .meanContent)
        try container.encode(motion.maxContent, forKey: .maxContent)
        try container.encode(motion.cuts, forKey: .cuts)
        try container.encode(motion.meanLength, forKey: .meanLength)
        try container.encode(motion.damaged, forKey: .damaged)
        try container.encodeIfPresent(motion.truncation, forKey: .truncation)
    }

    /// What to tell at once, nil where all is well.
    var note: String? {
        if let error { return "error: \(error)" }
        var parts: [String] = []
        if let damaged = motion?.damaged, damaged > 0 {
            parts.append("\(damaged) damaged \(damaged == 1 ? "frame" : "frames")")
        }
        if let truncation = motion?.truncation { parts.append("cut off: \(truncation)") }
        return parts.isEmpty ? nil : "warning: \(video): " + parts.joined(separator: "; ")
    }

    /// The table of all videos.
    static func table(_ results: [MotionResult], seconds: Double) -> String {
        var rows = [["video", "frames", "content", "largest", "cuts", "vector px", "status"]]
        for result in results {
            func number(_ value: Double?, _ decimals: Int) -> String {
                value.map { Format.fixed($0, decimals) } ?? "-"
            }
            let motion = result.motion
            rows.append([
                result.video, motion.map { Format.count($0.frames) } ?? "-", number(motion?.meanContent, 3),
                number(motion?.maxContent, 3), motion.map { Format.count($0.cuts) } ?? "-",
                number(motion?.meanLength, 2), result.status.rawValue,
            ])
        }
        let frames = results.reduce(0) { $0 + ($1.motion?.frames ?? 0) }
        return Format.table(rows) + "\n"
            + Format.total(
                videos: results.count, frames: frames, seconds: seconds, failed: results.count { $0.status == .failed })
    }
}
