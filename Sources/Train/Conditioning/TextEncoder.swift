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

    /// Captions as a tensor on the encoder's device: word ids, int64 `(B, length)`, label indices, int64 `(B)`, or features,
    /// float32 `(B, width)`.
    ///
    /// - Throws: `PFrameError` if the encoder reads captions of another kind.
    public func tensor(_ tokens: CaptionTokens) throws(PFrameError) -> Tensor {
        switch (body, tokens) {
        case (.words, .words(let ids, let length)):
            return try Tensor(ids.map(Int64.init), shape: [ids.count / length, length], device: device)
        case (.labels, .labels(let indices)): return try Tensor(indices, device: device)
        case (.features, .features(let values, let width)):
            return try Tensor(values, shape: [values.count / width, width], device: device)
        default: throw PFrameError(.usage, "captions of another kind than the text encoder reads")
        }
    }

    /// Captions to `(B, width)`.
    ///
    /// - Parameters:
    ///   - isGiven: int64 `(B)`, 1 for a caption, 0 for a dropped one.
    ///   - captions: what ``tensor(_:)`` made of captions.
    public func callAsFunction(_ captions: Tensor, isGiven: Tensor) throws(PFrameError) -> Tensor {
        let given = try isGiven.reshaped([isGiven.count, 1]).to(type)
        return try encode(captions) * given + empty * given.affine(-1, 1)
    }

    private func encode(_ captions: Tensor) throws(PFrameError) -> Tensor {
        switch body {
        case .words(let table, let query, let output):
            // The mean over the words, beside what an attention with one learned query picks.
            let words = try table.embedded(captions)
            // 1 for a word, and 0, which is no word's id, behind the caption.
            let isWord = try captions.clamped(0, 1).to(.float32).reshaped(captions.shape + [1])
            let mask = try isWord.to(type)
            let mean = try (words * mask).sum([1]) / isWord.sum([1]).clamped(1, .infinity).to(type)
            let scores = try (words * query).sum([2], keep: true) + mask.affine(1e4, -1e4)
            let picked = try (words * scores.softmax(along: 1) * mask).sum([1])
            return try output(.concatenated([mean, picked], along: 1))
        case .labels(let table): return try table.embedded(captions)
        case .features(let linear): return try linear(captions.to(type))
        }
    }
}

@available(*, unavailable)
extension TextEncoder: Sendable {}
