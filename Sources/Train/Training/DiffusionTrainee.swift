public import Codec
public import Dataset

/// Trains a ``VideoDiffusion``.
public final class DiffusionTrainee: Trainee {
    /// The model.
    public let model: VideoDiffusion
    private let coder: ClipCoder
    private let captions: CaptionReader?

    /// Trains `model`.
    ///
    /// - Parameter captions: nil for a model without text.
    public init(_ model: VideoDiffusion, coder: ClipCoder, captions: CaptionReader?) {
        (self.model, self.coder, self.captions) = (model, coder, captions)
    }

    /// Which model it is.
    public var kind: ModelKind { model.options.kind }
    /// Its parameters.
    public var store: ParameterStore { model.store }
    /// None.
    public var notes: Int { 0 }

    /// The diffusion loss of a batch.
    public func loss(
        _ batch: Batch, seeds: [RandomSeed]
    ) throws(TrainError) -> (loss: Tensor, notes: [(name: String, value: Tensor)]) {
        let tokens = try captions.map { reader throws(TrainError) in try reader.tokens(batch.rows) }
        let loss = try model.loss(
            clean: coder.clean(batch).to(model.store.device), first: coder.first(batch), captions: tokens, seeds: seeds)
        return (loss, [])
    }

    /// Of the first two samples: the clip as the data set holds it above, what the model makes of its first frame and
    /// caption below.
    public func picture(_ batch: Batch, seed: RandomSeed) throws(TrainError) -> RGBImage {
        let count = min(2, batch.count)
        let frames = model.options.diffusedFrames
        let images = try firstImages(batch, count)
        let clean = try coder.clean(batch).sliced(0..<(count * frames), along: 0)
        let first = try coder.first(batch).sliced(0..<count, along: 0)
        let tokens = try captions.map { reader throws(TrainError) in
            try reader.tokens(Array(batch.rows.prefix(count)))
        }
        let options = SamplerOptions(steps: 20)
        let made = try model.sample(
            first: first, captions: tokens, seeds: (0..<count).map { seed.mixed($0) }, options: options, guidance: 1)
        let (truth, samples) = (try coder.rebuild(clean, first: images), try coder.rebuild(made, first: images))
        return PictureStrip.of(zip(truth, samples).flatMap { [$0.frames, $1.frames] })
    }

    private func firstImages(_ batch: Batch, _ count: Int) throws(TrainError) -> [RGBImage] {
        let bytes = try coder.first(batch).bytes()
        let (width, height) = (model.options.width, model.options.height)
        let size = width * height * 3
        return (0..<count).map {
            RGBImage(width: width, height: height, pixels: Array(bytes[($0 * size)..<(($0 + 1) * size)]))
        }
    }
}

@available(*, unavailable)
extension DiffusionTrainee: Sendable {}
