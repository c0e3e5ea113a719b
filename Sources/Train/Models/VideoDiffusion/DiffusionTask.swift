import Codec
import Dataset
import MotionVectors
import Shards
import Storage

/// Trains a ``VideoModel``.
final class DiffusionTask<Family: VideoDiffusionFamily>: TrainingTask {
    private let model: any VideoModel<Family>
    private let codec: any ClipCodec
    private let captions: CaptionReader?

    init(_ model: any VideoModel<Family>, codec: any ClipCodec, captions: CaptionReader?) {
        (self.model, self.codec, self.captions) = (model, codec, captions)
    }

    var store: ParameterStore { model.store }
    var metrics: [String] { model.metrics }

    func inputs(_ batch: Batch, seeds: [RandomSeed]) throws(PFrameError) -> [Tensor] {
        let tokens = try captions.map { reader throws(PFrameError) in try reader.tokens(batch) }
        return try model.inputs(
            clean: codec.clean(batch), first: codec.first(batch), captions: tokens, seeds: seeds)
    }

    func loss(_ inputs: [Tensor]) throws(PFrameError) -> BatchLoss { try model.batchLoss(inputs) }

    /// Of the first two records: the clip as the data set holds it above, what the model makes of its first frame and
    /// caption below.
    func picture(_ batch: Batch, seed: RandomSeed) throws(PFrameError) -> RGBImage {
        let count = min(2, batch.count)
        let frames = model.options.diffusedFrames
        let images = try firstImages(batch, count)
        let clean = try codec.clean(batch).sliced(0..<(count * frames), along: 0)
        let first = try codec.first(batch).sliced(0..<count, along: 0)
        let tokens = try captions.map { reader throws(PFrameError) in try reader.tokens(batch, first: count) }
        let options = SamplerOptions(steps: 20)
        let made = try model.sample(
            first: first, captions: tokens, seeds: (0..<count).map { seed.mixed($0) }, options: options, guidance: 1
        ) { _ in }
        let (truth, samples) = (try codec.rebuild(clean, first: images), try codec.rebuild(made, first: images))
        return PictureStrip.of(zip(truth, samples).flatMap { [$0.frames, $1.frames] })
    }

    private func firstImages(_ batch: Batch, _ count: Int) throws(PFrameError) -> [RGBImage] {
        let first = try codec.first(batch)
        let (bytes, width, height) = (try first.bytes(), first.shape[2], first.shape[1])
        let size = width * height * 3
        return (0..<count).map {
            RGBImage(width: width, height: height, pixels: Array(bytes[($0 * size)..<(($0 + 1) * size)]))
        }
    }
}

/// Makes clips with a ``VideoModel``.
struct DiffusionGenerator<Family: VideoDiffusionFamily>: Generator {
    let model: any VideoModel<Family>
    let codec: any ClipCodec
    let captions: CaptionReader?

    var size: Size { Size(width: model.options.width, height: model.options.height) }
    var sizes: [Size] { model.options.frameSizes }
    var frames: Int { model.options.frames }
    var makesMotion: Bool { Family.makesMotion }

    func check(_ options: SamplerOptions) throws(PFrameError) { try model.check(options) }

    func generate(
        _ requests: [SampleRequest], options: SamplerOptions, guidance: Double,
        progress: (Int) throws(PFrameError) -> Void
    ) throws(PFrameError) -> [Clip] {
        let size = Size(width: requests[0].first.width, height: requests[0].first.height)
        let pixels = requests.flatMap(\.first.pixels)
        let first = try Tensor.frames(pixels.span, size: size)
        let tokens = try captions?.tokens(captions: requests.map(\.caption))
        let diffused = try model.sample(
            first: first, captions: tokens, seeds: requests.map { RandomSeed($0.seed) }, options: options,
            guidance: guidance, progress: progress)
        return try codec.rebuild(diffused, first: requests.map(\.first))
    }
}
