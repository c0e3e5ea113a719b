import Dataset
public import Shards
public import Storage
public import SystemPackage

/// Turns captions into what a model's text encoder reads.
public struct CaptionReader {
    private enum Table {
        case words(Vocabulary)
        case labels(LabelTable)
        case clip(CLIPCaptions)
    }

    /// Words of a caption that are read.
    static let length = 24
    /// The column of metadata that labels come from.
    static let labelColumn = "label"

    private let table: Table

    /// By what captions are read.
    public var kind: TextKind {
        switch table {
        case .words: .vocabulary
        case .labels: .labels
        case .clip: .clip
        }
    }

    /// Words or labels of a data set.
    ///
    /// - Parameters:
    ///   - rows: of all samples.
    ///   - kind: how captions are read.
    /// - Throws: `PFrameError` if the data set has no captions or no labels.
    public init(_ kind: TextKind, rows: [ShardRow]) throws(PFrameError) {
        switch kind {
        case .labels:
            let labels = LabelTable(rows.compactMap { $0.columns.metadata[Self.labelColumn]?.string })
            guard !labels.labels.isEmpty else {
                throw PFrameError(.missing, "the data set has no column \"label\": take the text vocabulary or none")
            }
            table = .labels(labels)
        default:
            let vocabulary = Vocabulary(captions: rows.flatMap { $0.columns.captions ?? [$0.columns.caption] })
            guard !vocabulary.words.isEmpty else {
                throw PFrameError(
                    .missing, "the data set has no captions: take the text none, or build the set with captions")
            }
            table = .words(vocabulary)
        }
    }

    /// Captions as CLIP reads them.
    package init(_ clip: CLIPCaptions) { table = .clip(clip) }

    /// Entries that the text encoder's table needs, or the width of features.
    public var entries: Int {
        switch table {
        case .words(let vocabulary): vocabulary.count
        case .labels(let labels): labels.labels.count
        case .clip(let clip): clip.width
        }
    }

    /// The captions, or labels, of a batch, or of its first records; of several captions the one that the batch draws.
    public func tokens(_ batch: Batch, first count: Int? = nil) throws(PFrameError) -> CaptionTokens {
        let count = count ?? batch.count
        switch table {
        case .words, .clip: return try tokens(captions: Array(batch.captions.prefix(count)))
        case .labels:
            let rows = batch.rows.prefix(count)
            return try tokens(captions: rows.map { $0.columns.metadata[Self.labelColumn]?.string ?? "" })
        }
    }

    /// Captions, or labels, that a user gave.
    ///
    /// - Throws: `PFrameError` for a label that the model does not know.
    public func tokens(captions: [String]) throws(PFrameError) -> CaptionTokens {
        switch table {
        case .words(let vocabulary):
            return .words(captions.flatMap { vocabulary.tokens($0, length: Self.length) }, length: Self.length)
        case .labels(let labels):
            var indices: [Int64] = []
            for caption in captions {
                guard let index = labels.index(of: caption) else {
                    let known = labels.labels.prefix(12).joined(separator: ", ")
                    throw PFrameError(.usage, "the model knows no label \"\(caption)\"; it knows \(known)")
                }
                indices.append(Int64(index))
            }
            return .labels(indices)
        case .clip(let clip): return .features(try clip.features(captions), width: clip.width)
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
        case .clip(let clip): clip.json
        }
    }

    /// Reads what `json` wrote.
    ///
    /// - Throws: `PFrameError` if it is damaged, or the CLIP model that it names is gone.
    public init(_ kind: TextKind, _ json: JSONValue, path: FilePath) throws(PFrameError) {
        switch kind {
        case .labels: table = .labels(try LabelTable(json, path: path))
        case .clip: table = .clip(try CLIPCaptions(json, path: path))
        default: table = .words(try Vocabulary(json, path: path))
        }
    }
}

@available(*, unavailable)
extension CaptionReader: Sendable {}

/// Captions as features of CLIP's frozen text tower (Radford et al. 2021), each computed once.
package final class CLIPCaptions {
    private let weights: FilePath
    private let merges: FilePath
    private let encoder: CLIPTextEncoder
    private let tokenizer: BPETokenizer
    private var known: [String: [Float]] = [:]

    /// Opens a model.
    ///
    /// - Parameters:
    ///   - weights: OpenAI's TorchScript archive or Hugging Face's `model.safetensors`; runs record where it is.
    ///   - merges: OpenAI's `bpe_simple_vocab_16e6.txt` or Hugging Face's `merges.txt`.
    /// - Throws: `PFrameError` if a file cannot be read or is none of these.
    package init(_ weights: FilePath, merges: FilePath) throws(PFrameError) {
        (self.weights, self.merges) = (weights, merges)
        encoder = try CLIPTextEncoder(CLIPWeights(weights))
        tokenizer = try BPETokenizer(merges: merges)
    }

    /// Features of a caption.
    package var width: Int { encoder.projection }

    /// The features of captions one after the other, each scaled to a mean square of 1: their length says nothing in CLIP.
    func features(_ captions: [String]) throws(PFrameError) -> [Float] {
        var result: [Float] = []
        for caption in captions {
            if known[caption] == nil {
                let tokens = tokenizer.tokens(caption, length: encoder.contextLength)
                let values = try encoder([tokens]).features.floats()
                let meanSquare = values.reduce(0) { $0 + Double($1) * Double($1) } / Double(values.count)
                let scale = Float(1 / max(meanSquare.squareRoot(), 1e-12))
                known[caption] = values.map { $0 * scale }
            }
            result += known[caption] ?? []
        }
        return result
    }

    /// As `config.json` records it.
    var json: JSONValue { .object(["clip": .text(weights.string), "clip_vocabulary": .text(merges.string)]) }

    /// Opens what a run was trained with.
    ///
    /// - Throws: `PFrameError` if its files are gone.
    convenience init(_ json: JSONValue, path: FilePath) throws(PFrameError) {
        guard let weights = json["clip"]?.string, let merges = json["clip_vocabulary"]?.string else {
            throw PFrameError(.damaged, path: path, "does not say which CLIP model reads captions: it is damaged")
        }
        for file in [weights, merges] where fileSize(FilePath(file)) == nil {
            throw PFrameError(
                .missing, path: FilePath(file),
                "is missing, with which the run reads captions: put it there, or correct \"captions\" in \(path)")
        }
        try self.init(FilePath(weights), merges: FilePath(merges))
    }
}

@available(*, unavailable)
extension CLIPCaptions: Sendable {}
