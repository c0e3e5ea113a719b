import Codec
import MotionVectors
import Shards
import Storage

/// Trains a ``ConditionalAutoencoder`` on the predictions of the closed loop: clips are first coded as `pframe encode` codes
/// them, with the weights of the moment, and the loss is of coding their frames again, each by itself.
final class ConditionalTask: TrainingTask {
    private let model: ConditionalAutoencoder
    private let encoder: ClipEncoder

    /// A task that searches motion within ±`radius` pixels.
    init(_ model: ConditionalAutoencoder, radius: Int) {
        (self.model, encoder) = (model, ClipEncoder(model, radius: radius))
    }

    var store: ParameterStore { model.store }
    let metrics = ["squared_error"]

    /// Consecutive frames of each clip and their predictions, from a random frame on, which is given.
    func inputs(_ batch: Batch, seeds: [RandomSeed]) throws(PFrameError) -> [Tensor] {
        let coded = try coded(batch, seeds)
        return try [coded.flatMap(\.frames), coded.flatMap(\.predictions)].map { pictures throws(PFrameError) in
            try Tensor(pixels: pictures, device: model.store.device)
        }
    }

    func loss(_ inputs: [Tensor]) throws(PFrameError) -> BatchLoss {
        let result = try model.loss(inputs[0], predictions: inputs[1])
        return BatchLoss(result.loss, metrics: [result.squaredError])
    }

    /// Frames of two clips, under each its prediction, and under it what the autoencoder makes of both.
    func picture(_ batch: Batch, seed: RandomSeed) throws(PFrameError) -> RGBImage {
        let coded = try coded(batch, (0..<min(2, batch.count)).map { seed.mixed($0) })
        return PictureStrip.of(coded.flatMap { [$0.frames, $0.predictions, $0.rebuilt] })
    }

    /// Frames of a clip as the closed loop meets them.
    private struct Coded {
        let frames: [RGBImage]
        let predictions: [RGBImage]
        let rebuilt: [RGBImage]
    }

    private func coded(_ batch: Batch, _ seeds: [RandomSeed]) throws(PFrameError) -> [Coded] {
        let clips = try frames(batch, seeds)
        return try zip(clips, encoder.closed(clips)).map { frames, coded in
            Coded(
                frames: Array(frames.dropFirst()),
                predictions: zip(coded.frames, coded.motion).map { WholePixelCompensation.predict(from: $0, $1) },
                rebuilt: Array(coded.frames.dropFirst()))
        }
    }

    /// Consecutive frames of the first clips of a batch, one clip for each seed, under a random symmetry.
    private func frames(_ batch: Batch, _ seeds: [RandomSeed]) throws(PFrameError) -> [[RGBImage]] {
        let size = Size(width: model.options.width, height: model.options.height)
        let (type, shape) = batch.withArray("residual.npy") { _, type, shape in (type, shape) }
        guard type == .int16, shape.count == 5, shape[1] > 0, shape[2] == size.height, shape[3] == size.width,
            shape[4] == 3
        else { throw Residuals.unfit(shape, model.options) }
        let (count, cells) = (shape[1], [size.height / Clip.cellSize, size.width / Clip.cellSize])
        for (member, wanted) in [("first.npy", [size.height, size.width, 3]), ("mv.npy", [count] + cells + [2])] {
            let found = batch.withArray(member) { _, _, shape in Array(shape.dropFirst()) }
            guard found == wanted else {
                throw PFrameError(
                    .conflict, "\(member) of the data set is \(found), but its residual.npy goes with \(wanted)")
            }
        }
        let taken = min(model.options.residualsPerClip, count)
        return seeds.enumerated().map { sample, seed in
            func part<Result>(_ member: String, _ body: (UnsafeRawBufferPointer) -> Result) -> Result {
                batch.withArray(member) { bytes, _, _ in
                    let length = bytes.count / batch.count
                    return body(UnsafeRawBufferPointer(rebasing: bytes[(sample * length)..<((sample + 1) * length)]))
                }
            }
            let first = RGBImage(width: size.width, height: size.height, pixels: part("first.npy") { Array($0) })
            let motion = part("mv.npy") { Clip.fields($0, count, size) }
            let clip = Clip(first: first, motion: motion, residuals: part("residual.npy") { Clip.residuals($0, count) })
            let start = Int(seed.mixed("start").unit * Double(count - taken + 1))
            let symmetry = Symmetry(seed.mixed("symmetry"))
            let frames = clip.frames[start...(start + taken)].map { frame in
                let pixels = frame.pixels.withUnsafeBufferPointer {
                    symmetry.turned($0, width: size.width, height: size.height)
                }
                return RGBImage(width: size.width, height: size.height, pixels: pixels)
            }
            return symmetry.reverses ? frames.reversed() : frames
        }
    }
}
