import Dataset
import ToolOptions

/// What `pframe motion` found in a video.
struct MotionResult: VideoOutcome {
    let video: String
    private(set) var rule: ShrinkRule?
    private(set) var status = VideoStatus.done
    private(set) var error: String?
    private(set) var motion: VideoMotion?

    init(video: String, rule: ShrinkRule) {
        (self.video, self.rule) = (video, rule)
    }

    init(video: String, error: String) {
        self.video = video
        fail(error)
    }

    mutating func fail(_ message: String) { (status, error) = (.failed, message) }

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

    var frames: Int? { motion?.frames }

    var remarks: [String] {
        guard let motion else { return [] }
        let damaged = motion.damaged > 0 ? [Format.quantity(motion.damaged, "damaged frame")] : []
        return damaged + (motion.truncation.map { ["cut off: \($0)"] } ?? [])
    }

    static let columns = ["video", "frames", "content", "largest", "cuts", "vector px"]

    var row: [String] {
        [
            video, frames.map(Format.count) ?? "-", Format.fixed(motion?.meanContent, 3),
            Format.fixed(motion?.maxContent, 3), motion.map { Format.count($0.cuts) } ?? "-",
            Format.fixed(motion?.meanLength, 2),
        ]
    }
}
