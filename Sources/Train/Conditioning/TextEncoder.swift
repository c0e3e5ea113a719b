public import Storage

/// How captions become a condition.
public enum TextKind: String, Sendable, CaseIterable, Codable {
    /// The words of the data set's captions, embedded and pooled; needs no download.
    case vocabulary
    /// One embedding for each label of the data set.
    case labels
    /// CLIP's frozen text tower, and a learned linear map.
    case clip
    /// Captions are not read.
    case none
}

/// What captions look like to a text encoder.
public enum CaptionTokens: Sendable {
    /// Word ids, `length` a caption.
    case words([Int32], length: Int)
    /// Label indices, one a caption.
    case labels([Int64])
    /// Pooled features of CLIP, `width` a caption.
    case features([Float], width: Int)
}

/// Captions as one vector each, learned with the model. The empty caption has its own vector, which also replaces
/// captions that are dropped for classifier-free guidance (Ho & Salimans 2021).
public struct TextEncoder {
    private enum Body {
        case words(table: Tensor, query: Tensor, output: Linear)
        case labels(table: Tensor)
        case features(Linear)
    }

    private let body: Body
    private let empty: Tensor
    private let type: ElementType
    private let device: Device

    /// An encoder over `entries` words or labels, or features of width `entries`, to `width` channels.
    public init(_ scope: ParameterScope, kind: TextKind, entries: Int, width: Int) throws(PFrameError) {
        precondition(kind != .none, "no encoder without text")
        (type, device) = (scope.precision.type, scope.device)
        empty = try scope.parameter("empty", [1, width], .normal(0.02))
        switch kind {
        case .vocabulary:
            body = .words(
                table: try scope.parameter("words", [entries, width], .normal(1)),
                query: try scope.parameter("query", [1, width], .normal(0.02)),
                output: try Linear(scope["output"], 2 * width, width))
        case .labels: body = .labels(table: try scope.parameter("labels", [entries, width], .normal(1)))
        default: body = .features(try Linear(scope["features"], entries, width))
        }
    }

    /// Captions to `(B, width)`.
    ///
    /// - Parameters:
    ///   - isGiven: int64 `(B)`, 1 for a caption, 0 for a dropped one.
    ///   - tokens: the captions as tokens.
    public func callAsFunction(_ tokens: CaptionTokens, isGiven: Tensor) throws(PFrameError) -> Tensor {
        let count = isGiven.count
        let given = try isGiven.reshaped([count, 1]).to(type)
        let vectors = try encode(tokens, count: count)
        return try vectors * given + empty * given.affine(-1, 1)
    }

    private func encode(_ tokens: CaptionTokens, count: Int) throws(PFrameError) -> Tensor {
        switch (body, tokens) {
        case (.words(let table, let query, let output), .words(let ids, let length)):
            // The mean over the words, beside what an attention with one learned query picks.
            let ids = try Tensor(ids.map(Int64.init), shape: [count, length], device: device)
            let words = try table.embedded(ids)
            // 1 for a word, and 0, which is no word's id, behind the caption.
            let isWord = try ids.clamped(0, 1).to(.float32).reshaped([count, length, 1])
            let mask = try isWord.to(type)
            let mean = try (words * mask).sum([1]) / isWord.sum([1]).clamped(1, .infinity).to(type)
            let scores = try (words * query).sum([2], keep: true) + mask.affine(1e4, -1e4)
            let picked = try (words * scores.softmax(along: 1) * mask).sum([1])
            return try output(.concatenated([mean, picked], along: 1))
        case (.labels(let table), .labels(let indices)):
            return try table.embedded(Tensor(indices, shape: [count], device: device))
        case (.features(let linear), .features(let values, let width)):
            return try linear(Tensor(values, shape: [count, width], device: device).to(type))
        default: throw PFrameError(.usage, "captions of another kind than the text encoder reads")
        }
    }
}

@available(*, unavailable)
extension TextEncoder: Sendable {}
