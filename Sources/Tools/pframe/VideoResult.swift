import Codec
import MotionVectors
import ToolOptions

/// What `pframe extract` made of a video.
struct VideoResult: VideoOutcome {
    let video: String
    var folder: String?
    var status = VideoStatus.done
    var error: String?
    var frames: Int?
    var vectors: Int?
    var damaged: Int?
    var interlaced: Int?
    var truncation: String?
    var meanLength: Double?
    var meanResidual: Double?
    var intraShare: Double?
    /// How players turn the pictures, in words.
    var shown: String?
    var bytes: Int?

    init(video: String) { self.video = video }

    init(video: String, error: String) {
        self.init(video: video)
        (self.error, status) = (error, .failed)
    }

    mutating func fill(_ summary: ExtractionSummary) {
        status = summary.damaged > 0 || summary.truncation != nil ? .damaged : .done
        (frames, vectors, damaged, interlaced) = (summary.frames, summary.vectors, summary.damaged, summary.interlaced)
        (truncation, meanLength, meanResidual) = (summary.truncation, summary.meanLength, summary.meanResidual)
        (intraShare, shown, bytes) = (summary.intraShare, summary.orientation.words, summary.bytes)
    }

    var remarks: [String] {
        var parts: [String] = []
        if let damaged, damaged > 0 {
            parts.append("\(Format.quantity(damaged, "damaged frame")), flagged in frames.csv")
        }
        if let truncation { parts.append("cut off: \(truncation)") }
        if let interlaced, interlaced > 0 {
            parts.append(
                "\(Format.quantity(interlaced, "interlaced frame")), whose vectors are exported but not trusted")
        }
        return parts
    }

    static func note(on outcomes: [VideoResult]) -> String? {
        let turned = outcomes.filter { $0.shown != nil }
        guard let first = turned.first, let words = first.shown else { return nil }
        let others = turned.count > 1 ? ", as are \(turned.count - 1) more," : ""
        return
            "\(first.video) is shown \(words)\(others) but vectors, residuals and fields are of the pictures as they are "
            + "stored"
    }

    static let columns = ["video", "frames", "vectors", "mean px", "residual", "intra", "size"]

    var row: [String] {
        [
            video, frames.map(Format.count) ?? "-", vectors.map(Format.count) ?? "-", Format.fixed(meanLength, 2),
            Format.fixed(meanResidual, 2), intraShare.map { Format.fixed(100 * $0, 1) + " %" } ?? "-",
            bytes.map { $0 > 0 ? Format.bytes($0) : "-" } ?? "-",
        ]
    }
}
