import Codec
public import Dataset
import SystemPackage

/// Scores every clip of a data set by how well CLIP finds its caption in its frames, as column `caption_clip`.
///
/// The score is `CaptionScores`': the cosine of the caption's features with the mean of the frames' normalised ones,
/// −1…1. A clip without a caption has none.
public struct CLIPCaptionScores {
    /// What scoring came to.
    public struct Summary: Sendable, Equatable {
        /// Clips that have a score now.
        public var scored = 0
        /// Clips without a caption, or whose features have no direction.
        public var undefined = 0
    }

    private let folder: DatasetFolder
    private let clips: RealClips
    private let model: CLIPModel
    private let frames: Int

    /// Opens a data set.
    ///
    /// - Parameter frames: of each clip that CLIP looks at, spread evenly from its first to its last; 1 for the middle one.
    /// - Throws: `TrainError` if there is no data set, or its samples do not give frames.
    public init(_ folder: DatasetFolder, model: CLIPModel, frames: Int = 4) throws(TrainError) {
        precondition(frames > 0, "\(frames) frames")
        clips = try RealClips(.folder(folder.path), batch: 8)
        (self.folder, self.model, self.frames) = (folder, model, min(frames, clips.frames))
    }

    /// Clips that are scored.
    public var count: Int { clips.count }

    /// Scores, writes `SHARD.caption_clip.jsonl` beside every shard, and rewrites the index.
    ///
    /// - Parameters:
    ///   - shouldStop: called after every few clips.
    ///   - progress: called with the number of finished clips.
    /// - Returns: nil if it was stopped; then nothing was written.
    public func run(
        shouldStop: () -> Bool = { false }, progress: (Int) -> Void = { _ in }
    ) throws(TrainError) -> Summary? {
        var scores: [String: Double] = [:]
        var summary = Summary()
        var done = 0
        // Captions of data sets come again and again.
        var texts: [String: [Float]] = [:]
        while let batch = try clips.next() {
            for clip in batch {
                let caption = clip.row.columns.caption
                var score = Double.nan
                if !caption.isEmpty {
                    if texts[caption] == nil { texts[caption] = try model.features(of: caption) }
                    score = Self.cosine(try model.features(of: chosen(clip.frames)), texts[caption] ?? [])
                }
                scores[clip.row.key] = score
                if score.isFinite { summary.scored += 1 } else { summary.undefined += 1 }
            }
            done += batch.count
            progress(done)
            if shouldStop() { return nil }
        }
        try reading { [scores] () throws(DatasetError) in
            try folder.write(column: CaptionScores.column) { row, _ in scores[row.key] ?? .nan }
        }
        return summary
    }

    private func chosen(_ all: [RGBImage]) -> [RGBImage] {
        guard frames > 1 else { return [all[all.count / 2]] }
        return (0..<frames).map { all[($0 * (all.count - 1) + (frames - 1) / 2) / (frames - 1)] }
    }

    /// The cosine of a text with the mean of normalised rows; NaN if one has no direction.
    static func cosine(_ rows: [Float], _ text: [Float]) -> Double {
        func length(_ values: [Double]) -> Double { values.reduce(0) { $0 + $1 * $1 }.squareRoot() }
        let direction = text.map(Double.init)
        var mean = [Double](repeating: 0, count: text.count)
        for start in stride(from: 0, to: rows.count, by: text.count) {
            let row = rows[start..<(start + text.count)].map(Double.init)
            let scale = 1 / length(row)
            for index in mean.indices { mean[index] += row[index] * scale }
        }
        let product = zip(mean, direction).reduce(0) { $0 + $1.0 * $1.1 }
        let cosine = product / (length(mean) * length(direction))
        return cosine.isFinite ? min(1, max(-1, cosine)) : .nan
    }
}

@available(*, unavailable)
extension CLIPCaptionScores: Sendable {}
