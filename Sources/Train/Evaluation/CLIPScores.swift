public import Codec
import Dataset
public import Shards
public import Storage
public import SystemPackage

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
    /// - Parameters:
    ///   - frames: of each clip that CLIP looks at, spread evenly from its first to its last; 1 for the middle one.
    ///   - folder: the folder.
    ///   - model: the name of the family.
    /// - Throws: `PFrameError` if there is no data set, or its samples do not give frames.
    public init(_ folder: DatasetFolder, model: CLIPModel, frames: Int = 4) throws(PFrameError) {
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
    ) throws(PFrameError) -> Summary? {
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
        try folder.write(column: CaptionScores.column) { [scores] row, _ in scores[row.key] ?? .nan }
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

/// CLIP whole: features of captions and of frames.
public struct CLIPModel {
    private let text: CLIPTextEncoder
    private let image: CLIPImageEncoder
    private let tokenizer: BPETokenizer

    /// Opens a model.
    ///
    /// - Parameters:
    ///   - weights: OpenAI's TorchScript archive or Hugging Face's `model.safetensors`.
    ///   - merges: OpenAI's `bpe_simple_vocab_16e6.txt` or Hugging Face's `merges.txt`.
    ///   - device: where it computes.
    /// - Throws: `PFrameError` if a file cannot be read or is none of these.
    public init(_ weights: FilePath, merges: FilePath, device: Device = .cpu) throws(PFrameError) {
        let weights = try CLIPWeights(weights)
        text = try CLIPTextEncoder(weights, device: device)
        image = try CLIPImageEncoder(weights, device: device)
        tokenizer = try BPETokenizer(merges: merges)
    }

    /// Pixels of the side of the square that it looks at.
    public var imageSize: Int { image.imageSize }

    /// Features of a caption, not of unit length.
    public func features(of caption: String) throws(PFrameError) -> [Float] {
        try text([tokenizer.tokens(caption, length: text.contextLength)]).features.floats()
    }

    /// Features of frames, a row each, not of unit length.
    public func features(of frames: [RGBImage]) throws(PFrameError) -> [Float] {
        guard let first = frames.first else { return [] }
        let pixels = frames.flatMap(\.pixels)
        return try image.features(of: pixels.span, size: Size(width: first.width, height: first.height))
    }
}

@available(*, unavailable)
extension CLIPModel: Sendable {}

/// How well a clip fits its text (Hessel et al. 2021), by CLIP's features of its frames and of the text.
///
/// `cosᵗ = ⟨vᵗ, c⟩ / (|vᵗ| |c|)` for frame t; the score is the mean over frames of `100 · max(0, cosᵗ)`, as video papers
/// print it. Hessel's own scale, `2.5 · max(0, cos)`, is a fortieth of it.
public struct CLIPScore: Sendable, Equatable {
    /// cosᵗ of each frame, −1…1.
    public let cosines: [Double]

    /// The mean cosine, unclipped.
    public var cosine: Double { cosines.reduce(0, +) / Double(cosines.count) }
    /// The score, 0…100.
    public var value: Double { 100 * cosines.reduce(0) { $0 + max(0, $1) } / Double(cosines.count) }

    /// Scores a clip.
    ///
    /// - Parameters:
    ///   - frames: float32 (T, P), features of the frames, of any length.
    ///   - text: float32 (P), features of the text, of any length.
    /// - Throws: if the frames are not whole rows, or features are all zero or not finite.
    public init(frames: Span<Float>, text: Span<Float>) throws(PFrameError) {
        guard !text.isEmpty, !frames.isEmpty, frames.count % text.count == 0 else {
            let found = "\(frames.count) features of frames are not whole rows of \(text.count)"
            throw PFrameError(.conflict, "\(found): use one CLIP model for both")
        }
        func product(_ a: Span<Float>, _ b: Span<Float>) -> Double {
            a.indices.reduce(0) { $0 + Double(a[$1]) * Double(b[$1]) }
        }
        let textLength = product(text, text)
        guard textLength.isFinite, textLength > 0 else {
            throw PFrameError(.damaged, "the features of the text have no direction")
        }
        var cosines: [Double] = []
        for start in stride(from: 0, to: frames.count, by: text.count) {
            let row = frames.extracting(start..<start + text.count)
            let length = product(row, row)
            guard length.isFinite, length > 0 else {
                throw PFrameError(.damaged, "the features of frame \(start / text.count) have no direction")
            }
            cosines.append(min(1, max(-1, product(row, text) / (length * textLength).squareRoot())))
        }
        self.cosines = cosines
    }
}
