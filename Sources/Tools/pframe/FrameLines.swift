import Dataset
import ToolOptions

/// The lines of `pframe motion --per-frame` for one video: `frame content hue saturation lightness vector`, or JSON.
struct FrameLines {
    private let settings: MotionCommand.Settings
    private let video: String
    private var lines = ""

    init(_ settings: MotionCommand.Settings, video: String) {
        self.settings = settings
        self.video = video
    }

    /// Adds the line of a frame; before the first, the header, and where there are several videos, the name of this one.
    mutating func append(_ motion: FrameMotion) throws {
        let content = motion.content
        guard settings.json else {
            if motion.frame == 0 {
                if settings.namesVideos { lines += "# \(video)\n" }
                lines += "frame content hue saturation lightness vector\n"
            }
            let values = [content.value, content.hue, content.saturation, content.luma, motion.vectorLength ?? .nan]
            lines += "\(motion.frame) \(values.map { Format.fixed($0, 6) }.joined(separator: " "))\n"
            return
        }
        lines +=
            try Console.jsonLine(
                Row(
                    video: video, frame: motion.frame, content: content.value, hue: content.hue,
                    saturation: content.saturation, lightness: content.luma, vector: motion.vectorLength)) + "\n"
    }

    /// Hands over the lines so far.
    mutating func take() -> String {
        defer { lines = "" }
        return lines
    }

    private struct Row: Encodable {
        let video: String
        let frame: Int
        let content: Double
        let hue: Double
        let saturation: Double
        let lightness: Double
        let vector: Double?
    }
}
