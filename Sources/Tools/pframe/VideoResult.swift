import MotionVectors
import ToolOptions

/// What became of one video: a line of JSON, a row of the summary.
struct VideoResult: Encodable, Sendable {
    enum Status: String, Encodable, Sendable {
        case done
        case damaged
        case upToDate = "up-to-date"
        case failed
    }

    let video: String
    var folder: String?
    var status = Status.done
    var error: String?
    var frames: Int?
    var vectors: Int?
    var damaged: Int?
    var interlaced: Int?
    var truncation: String?
    var meanLength: Double?
    var meanResidual: Double?
    var bytes: Int?

    init(video: String, error: String? = nil) {
        self.video = video
        self.error = error
        if error != nil { status = .failed }
    }

    var hasProblems: Bool { status == .failed || status == .damaged }

    mutating func fill(_ summary: ExtractionSummary) {
        status = summary.damaged > 0 || summary.truncation != nil ? .damaged : .done
        frames = summary.frames
        vectors = summary.vectors
        damaged = summary.damaged
        interlaced = summary.interlaced
        truncation = summary.truncation
        meanLength = summary.meanLength
        meanResidual = summary.meanResidual
        bytes = summary.bytes
    }

    /// What to tell at once, nil where all is well.
    var note: String? {
        if let error { return "error: \(error)" }
        var parts: [String] = []
        if let damaged, damaged > 0 {
            parts.append("\(damaged) damaged \(damaged == 1 ? "frame" : "frames"), flagged in frames.csv")
        }
        if let truncation { parts.append("cut off: \(truncation)") }
        if let interlaced, interlaced > 0 {
            parts.append("\(interlaced) interlaced frames, whose vectors are exported but not trusted")
        }
        return parts.isEmpty ? nil : "warning: \(video): " + parts.joined(separator: "; ")
    }

    /// The summary table of all videos.
    static func table(_ results: [VideoResult], seconds: Double) -> String {
        var rows = [["video", "frames", "vectors", "mean px", "residual", "size", "status"]]
        for result in results {
            func number(_ value: Double?, _ decimals: Int) -> String {
                value.map { Format.fixed($0, decimals) } ?? "-"
            }
            rows.append([
                result.video, result.frames.map(Format.count) ?? "-", result.vectors.map(Format.count) ?? "-",
                number(result.meanLength, 2), number(result.meanResidual, 2),
                result.bytes.map { $0 > 0 ? Format.bytes($0) : "-" } ?? "-", result.status.rawValue,
            ])
        }
        let frames = results.reduce(0) { $0 + ($1.frames ?? 0) }
        return Format.table(rows) + "\n"
            + Format.total(
                videos: results.count, frames: frames, seconds: seconds, failed: results.count { $0.status == .failed })
    }
}
