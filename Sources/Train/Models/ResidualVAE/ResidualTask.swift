import Codec
import Shards
import Storage

/// Trains a ``ResidualAutoencoder`` on the residuals of a data set.
final class ResidualTask: TrainingTask {
    private let model: ResidualAutoencoder

    init(_ model: ResidualAutoencoder) { self.model = model }

    var store: ParameterStore { model.store }
    let metrics = ["squared_error"]

    /// Some residuals of each clip, drawn by their energy, and a seed for each.
    func inputs(_ batch: Batch, seeds: [RandomSeed]) throws(PFrameError) -> [Tensor] {
        let taken = model.options.residualsPerClip
        let (values, shape) = try residuals(batch) { clip, sample in
            clip.drawn(taken, seed: seeds[sample].mixed("frames")).flatMap {
                clip.frame($0, Symmetry(seeds[sample].mixed("symmetry").mixed($0)))
            }
        }
        let draws = seeds.flatMap { seed in (0..<(shape[0] / seeds.count)).map { seed.mixed("latent").mixed($0) } }
        let device = model.store.device
        let residual = try Tensor(elements: values, type: .int16, shape: shape, device: device)
        return [residual, try draws.tensor(on: device)]
    }

    func loss(_ inputs: [Tensor]) throws(PFrameError) -> BatchLoss {
        let result = try model.loss(inputs[0], seeds: inputs[1])
        return BatchLoss(result.loss, metrics: [result.squaredError])
    }

    /// Residuals above, what the autoencoder makes of them below.
    func picture(_ batch: Batch, seed: RandomSeed) throws(PFrameError) -> RGBImage {
        let (values, shape) = try residuals(batch) { clip, sample in
            sample < 2 ? clip.drawn(4, seed: seed.mixed(sample)).flatMap { clip.frame($0) } : []
        }
        let residual = try Tensor(elements: values, type: .int16, shape: shape, device: model.store.device)
        let rebuilt = try model.decode(model.encode(residual).mean).to(.cpu)
        let bytes = try rebuilt.rounded().clamped(-255, 255).to(.int16).bytes()
        let after = bytes.withUnsafeBytes { Array($0.bindMemory(to: Int16.self)) }
        let count = shape[1] * shape[2] * 3
        func row(_ values: [Int16]) -> [RGBImage] {
            (0..<shape[0]).map {
                PictureStrip.picture(
                    ofResidual: values[($0 * count)..<(($0 + 1) * count)], width: shape[2], height: shape[1])
            }
        }
        return PictureStrip.of([row(values), row(after)])
    }

    private func residuals(
        _ batch: Batch, choosing: (Residuals, Int) -> [Int16]
    ) throws(PFrameError) -> (values: [Int16], shape: [Int]) {
        let options = model.options
        return try batch.withArray("residual.npy") { (bytes, type, shape) throws(PFrameError) in
            let size = bytes.count / max(1, batch.count)
            var values: [Int16] = []
            for sample in 0..<batch.count {
                let part = UnsafeRawBufferPointer(rebasing: bytes[(sample * size)..<((sample + 1) * size)])
                guard type == .int16, let clip = Residuals(part, [1] + shape.dropFirst(), options) else {
                    throw Residuals.unfit(shape, options)
                }
                values += choosing(clip, sample)
            }
            let count = options.width * options.height * 3
            return (values, [values.count / count, options.height, options.width, 3])
        }
    }
}
