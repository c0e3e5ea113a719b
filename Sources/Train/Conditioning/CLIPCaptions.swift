import Dataset
public import SystemPackage

/// Captions as features of CLIP's frozen text tower (Radford et al. 2021), each computed once.
public final class CLIPCaptions {
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
    /// - Throws: `TrainError` where a file cannot be read or is none of these.
    public init(_ weights: FilePath, merges: FilePath) throws(TrainError) {
        (self.weights, self.merges) = (weights, merges)
        encoder = try CLIPTextEncoder(CLIPWeights(weights))
        tokenizer = try BPETokenizer(merges: merges)
    }

    /// Features of a caption.
    public var width: Int { encoder.projection }

    /// The features of captions one after the other, each scaled to a mean square of 1: their length says nothing in CLIP.
    func features(_ captions: [String]) throws(TrainError) -> [Float] {
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
    /// - Throws: `TrainError` where its files are gone.
    convenience init(_ json: JSONValue, path: FilePath) throws(TrainError) {
        guard let weights = json["clip"]?.string, let merges = json["clip_vocabulary"]?.string else {
            throw TrainError(path: path, "does not say which CLIP model reads captions: it is damaged")
        }
        for file in [weights, merges] where fileSize(FilePath(file)) == nil {
            throw TrainError(
                path: FilePath(file),
                "is missing, with which the run reads captions: put it there, or correct \"captions\" in \(path)")
        }
        try self.init(FilePath(weights), merges: FilePath(merges))
    }
}

@available(*, unavailable)
extension CLIPCaptions: Sendable {}
