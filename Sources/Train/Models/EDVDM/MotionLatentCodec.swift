import Codec
import Dataset
import MotionVectors

/// Motion vectors and compressed latents of residuals, standardised channel by channel.
///
/// Video of them: `mv = round(clamp)`, `r = round(D(z))`, `xₙ = clamp(P(xₙ₋₁, mv) + r)`.
struct MotionLatentCodec: ClipCodec {
    private let options: DiffusionOptions<EDVDM>
    private let arrays: ClipArrays
    private let statistics: ClipStatistics
    /// Makes residuals of latents.
    private let decoder: any ResidualCoder

    init(_ options: DiffusionOptions<EDVDM>, statistics: ClipStatistics, decoder: any ResidualCoder) {
        (self.options, self.statistics, self.decoder) = (options, statistics, decoder)
        arrays = ClipArrays(options)
    }

    func clean(_ batch: Batch) throws(TrainError) -> Tensor {
        let reach = Double(4 * statistics.radius)
        let motion =
            try arrays.folded(batch, "mv.npy", channels: EDVDM.motion).to(.float32).clamped(-reach, reach) * 0.25
        let latents = try Companding.compressed(
            arrays.folded(batch, "latent.npy", channels: options.latentChannels).to(.float32))
        let means = try Tensor(statistics.means.map(Float.init))
        let factors = try Tensor(statistics.deviations.map { Float(1 / $0) })
        return try (Tensor.concatenated([motion, latents], along: 3) - means) * factors
    }

    func first(_ batch: Batch) throws(TrainError) -> Tensor { try arrays.first(batch) }

    func rebuild(_ x: Tensor, first: [RGBImage]) throws(TrainError) -> [MadeClip] {
        let means = try Tensor(statistics.means.map(Float.init))
        let values = try x.to(.cpu).to(.float32) * Tensor(statistics.deviations.map(Float.init)) + means
        let motion = try values.sliced(0..<EDVDM.motion, along: 3).clamped(
            Double(-statistics.radius), Double(statistics.radius)
        ).rounded().contiguous().floats()
        let latents = try Companding.expanded(values.sliced(EDVDM.motion..<options.channels, along: 3).contiguous())
        let (frames, count) = (arrays.clip[0], arrays.frameCount)
        let cells = arrays.clip[1] * arrays.clip[2]
        var result: [MadeClip] = []
        for (clip, image) in first.enumerated() {
            let decoded = try decoder.decode(latents.sliced((clip * frames)..<((clip + 1) * frames), along: 0))
            let residuals = try decoded.to(.cpu).rounded().clamped(-255, 255).to(.int16).bytes()
            var made = MadeClip(frames: [image])
            for frame in 0..<frames {
                var field = MotionField(size: arrays.size, cellSize: EDVDM.factor)
                for cell in 0..<cells {
                    let place = ((clip * frames + frame) * cells + cell) * 2
                    field.vectors[cell] = SIMD2(Int16(motion[place]) * 4, Int16(motion[place + 1]) * 4)
                    field.mask[cell] = 1
                }
                let residual = residuals.withUnsafeBytes {
                    Array($0.bindMemory(to: Int16.self)[(frame * count)..<((frame + 1) * count)])
                }
                let prediction = WholePixelCompensation.predict(from: made.frames[frame], field)
                made.frames.append(WholePixelCompensation.rebuild(prediction, residual))
                made.motion.append(field)
                made.residuals.append(residual)
            }
            result.append(made)
        }
        return result
    }
}
