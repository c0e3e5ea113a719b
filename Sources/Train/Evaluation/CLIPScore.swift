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
    /// - Throws: where the frames are no whole rows, or features are all zero or not finite.
    public init(frames: Span<Float>, text: Span<Float>) throws(TrainError) {
        guard !text.isEmpty, !frames.isEmpty, frames.count % text.count == 0 else {
            let found = "\(frames.count) features of frames are no whole rows of \(text.count)"
            throw TrainError("\(found): use one CLIP model for both")
        }
        func product(_ a: Span<Float>, _ b: Span<Float>) -> Double {
            a.indices.reduce(0) { $0 + Double(a[$1]) * Double(b[$1]) }
        }
        let textLength = product(text, text)
        guard textLength.isFinite, textLength > 0 else {
            throw TrainError("the features of the text have no direction")
        }
        var cosines: [Double] = []
        for start in stride(from: 0, to: frames.count, by: text.count) {
            let row = frames.extracting(start..<start + text.count)
            let length = product(row, row)
            guard length.isFinite, length > 0 else {
                throw TrainError("the features of frame \(start / text.count) have no direction")
            }
            cosines.append(min(1, max(-1, product(row, text) / (length * textLength).squareRoot())))
        }
        self.cosines = cosines
    }
}
