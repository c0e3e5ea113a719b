public import Codec
public import SystemPackage

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
    /// - Throws: `TrainError` where a file cannot be read or is none of these.
    public init(_ weights: FilePath, merges: FilePath, device: Device = .cpu) throws(TrainError) {
        let weights = try CLIPWeights(weights)
        text = try CLIPTextEncoder(weights, device: device)
        image = try CLIPImageEncoder(weights, device: device)
        tokenizer = try BPETokenizer(merges: merges)
    }

    /// Pixels of the side of the square that it looks at.
    public var imageSize: Int { image.imageSize }

    /// Features of a caption, not of unit length.
    public func features(of caption: String) throws(TrainError) -> [Float] {
        try text([tokenizer.tokens(caption, length: text.contextLength)]).features.floats()
    }

    /// Features of frames, a row each, not of unit length.
    public func features(of frames: [RGBImage]) throws(TrainError) -> [Float] {
        guard let first = frames.first else { return [] }
        let pixels = frames.flatMap(\.pixels)
        return try image.features(of: pixels.span, size: Size(width: first.width, height: first.height))
    }
}

@available(*, unavailable)
extension CLIPModel: Sendable {}
