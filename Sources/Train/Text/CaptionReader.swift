public import Dataset
public import SystemPackage

/// Turns captions into what a model's text encoder reads.
public struct CaptionReader: Sendable {
    private enum Table {
        case words(Vocabulary)
        case labels(LabelTable)
    }

    /// Words of a caption that are read.
    static let length = 24
    /// The column of metadata that labels come from.
    static let labelColumn = "label"

    private let table: Table

    /// Words or labels of a data set.
    ///
    /// - Parameter rows: of all samples.
    /// - Throws: `TrainError` where the data set has no captions or no labels.
    public init(_ kind: TextKind, rows: [ShardRow]) throws(TrainError) {
        switch kind {
        case .labels:
            let labels = LabelTable(rows.compactMap { $0.columns.metadata[Self.labelColumn]?.string })
            guard !labels.labels.isEmpty else {
                throw TrainError("the data set has no column \"label\": take --text vocabulary or --text none")
            }
            table = .labels(labels)
        default:
            let vocabulary = Vocabulary(captions: rows.map(\.columns.caption))
            guard !vocabulary.words.isEmpty else {
                throw TrainError("the data set has no captions: take --text none, or build it with --captions")
            }
            table = .words(vocabulary)
        }
    }

    /// Entries that the text encoder's table needs.
    public var entries: Int {
        switch table {
        case .words(let vocabulary): vocabulary.count
        case .labels(let labels): labels.labels.count
        }
    }

    /// The captions of a batch.
    public func tokens(_ rows: [ShardRow]) throws(TrainError) -> CaptionTokens {
        switch table {
        case .words: return try tokens(captions: rows.map(\.columns.caption))
        case .labels: return try tokens(captions: rows.map { $0.columns.metadata[Self.labelColumn]?.string ?? "" })
        }
    }

    /// Captions, or labels, that a user gave.
    ///
    /// - Throws: `TrainError` for a label that the model does not know.
    public func tokens(captions: [String]) throws(TrainError) -> CaptionTokens {
        switch table {
        case .words(let vocabulary):
            return .words(captions.flatMap { vocabulary.tokens($0, length: Self.length) }, length: Self.length)
        case .labels(let labels):
            var indices: [Int64] = []
            for caption in captions {
                guard let index = labels.index(of: caption) else {
                    let known = labels.labels.prefix(12).joined(separator: ", ")
                    throw TrainError("the model knows no label \"\(caption)\"; it knows \(known)")
                }
                indices.append(Int64(index))
            }
            return .labels(indices)
        }
    }

    /// Words of a caption that the model has never seen.
    public func unknownWords(in caption: String) -> [String] {
        guard case .words(let vocabulary) = table else { return [] }
        return vocabulary.unknownWords(in: caption)
    }

    /// As `config.json` records it.
    public var json: JSONValue {
        switch table {
        case .words(let vocabulary): vocabulary.json
        case .labels(let labels): labels.json
        }
    }

    /// Reads what `json` wrote.
    ///
    /// - Throws: `TrainError` where it is damaged.
    public init(_ kind: TextKind, _ json: JSONValue, path: FilePath) throws(TrainError) {
        table = kind == .labels ? .labels(try LabelTable(json, path: path)) : .words(try Vocabulary(json, path: path))
    }
}
