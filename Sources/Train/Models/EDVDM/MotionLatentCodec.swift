import Codec
import Dataset
import MotionVectors
import Shards
import Storage

/// Motion vectors and latents of residuals as ED-VDM diffuses them.
///
/// Together, motion in pixels and compressed latents are standardised channel by channel. Where motion comes first,
/// motion stays in whole pixels, and latents in units of their deviation; the latent of a block that is not coded is 0.
///
/// Video of them: `mv = round(clamp)`, `p = P(xₙ₋₁, mv)`, `r = round(D(z, p))`, `xₙ = clamp(p + r)`.
struct MotionLatentCodec: ClipCodec {
    private let options: DiffusionOptions<EDVDM>
    private let arrays: ClipArrays
    private let statistics: ClipStatistics
    /// Means, and inverse deviations, on the device.
    private let means, factors: Tensor
    /// Makes residuals of latents.
    private let decoder: any ResidualCoder

    init(
        _ options: DiffusionOptions<EDVDM>, _ device: Device, statistics: ClipStatistics, decoder: any ResidualCoder
    ) throws(PFrameError) {
        (self.options, self.statistics, self.decoder) = (options, statistics, decoder)
        arrays = ClipArrays(options, device)
        means = try Tensor(statistics.means.map(Float.init), device: device)
        factors = try Tensor(statistics.deviations.map { Float(1 / $0) }, device: device)
    }

    func clean(_ batch: Batch) throws(PFrameError) -> Tensor {
        let reach = Double(4 * statistics.radius)
        let motion =
            try arrays.folded(batch, "mv.npy", channels: EDVDM.motion).to(.float32).clamped(-reach, reach) * 0.25
        let latents = try arrays.folded(batch, "latent.npy", channels: options.latentChannels).to(.float32)
        let diffused =
            if let least = statistics.leastNorm { try latents * Self.areCoded(latents, least) } else {
                try Companding.compressed(latents)
            }
        return try (Tensor.concatenated([motion, diffused], along: 3) - means) * factors
    }

    /// 1 for latents that are longer than `least`, else 0.
    private static func areCoded(_ latents: Tensor, _ least: Double) throws(PFrameError) -> Tensor {
        let least = try Tensor.full([1], least * least, device: latents.device)
        return try (least .< latents.squared().sum([3], keep: true)).to(.float32)
    }

    func first(_ batch: Batch) throws(PFrameError) -> Tensor { try arrays.first(batch) }

    func rebuild(_ x: Tensor, first: [RGBImage]) throws(PFrameError) -> [Clip] {
        let values =
            try x.to(.cpu).to(.float32) * Tensor(statistics.deviations.map(Float.init)) + means.to(.cpu)
        let motion = try values.sliced(0..<EDVDM.motion, along: 3).clamped(
            Double(-statistics.radius), Double(statistics.radius)
        ).rounded().contiguous().floats()
        let diffused = try values.sliced(EDVDM.motion..<options.channels, along: 3).contiguous()
        let latents = statistics.leastNorm == nil ? try Companding.expanded(diffused) : diffused
        let size = Size(width: first[0].width, height: first[0].height)
        let frames = arrays.changes
        let cells = size.width / EDVDM.factor * (size.height / EDVDM.factor)
        var clips = first.map { Clip(frames: [$0]) }
        for frame in 0..<frames {
            var predictions: [RGBImage] = []
            for clip in clips.indices {
                var field = MotionField(size: size, cellSize: EDVDM.factor)
                for cell in 0..<cells {
                    let place = ((clip * frames + frame) * cells + cell) * 2
                    field.vectors[cell] = SIMD2(Int16(motion[place]) * 4, Int16(motion[place + 1]) * 4)
                    field.mask[cell] = 1
                }
                clips[clip].motion.append(field)
                predictions.append(WholePixelCompensation.predict(from: clips[clip].frames[frame], field))
            }
            var own: [Tensor] = []
            for clip in clips.indices {
                let place = clip * frames + frame
                own.append(try latents.sliced(place..<(place + 1), along: 0))
            }
            // What is decoded depends on the prediction, so frames are decoded one after the other.
            let residuals = try decoder.residuals(of: .concatenated(own, along: 0), beside: predictions)
            for clip in clips.indices {
                clips[clip].residuals.append(residuals[clip])
                clips[clip].frames.append(WholePixelCompensation.rebuild(predictions[clip], residuals[clip]))
            }
        }
        return clips
    }
}

/// Mean and deviation of a data set per channel; diffused clips are standardised with them.
struct ClipStatistics: Sendable, Equatable, Codable {
    /// The mean of each channel.
    let means: [Double]
    /// The standard deviation of each channel.
    let deviations: [Double]
    /// The largest motion, in pixels.
    let radius: Int
    /// A block is coded if its latent is longer; nil for motion and latents that are diffused together.
    let leastNorm: Double?

    /// Samples that are looked at; more change the third digit at most.
    private static let samples = 4096

    /// The length of the shortest coded latent in quadratic means of all lengths. Lengths have two heaps, of moving and
    /// of still blocks; the blocks below a quarter hold at most a sixteenth of the mean energy each.
    private static let leastShare = 0.25

    /// Measures the motion (in pixels) and latents of a data set.
    ///
    /// - Throws: `PFrameError` if the set cannot be read or has no latents.
    init(
        of source: ShardSource, bucket: Bucket?, _ options: DiffusionOptions<EDVDM>, radius: Int
    ) throws(PFrameError) {
        let latentChannels = options.latentChannels
        let comesFirst = options.motionRadius != nil
        var sums = [Double](repeating: 0, count: options.channels)
        var squares = sums
        var count = 0.0
        // Squared lengths of latents, where motion comes first.
        var lengths: [Float] = []
        var reading = LoaderOptions()
        reading.members = ["latent.npy", "mv.npy"]
        (reading.batchSize, reading.shuffle, reading.bucket) = (8, true, bucket)
        let loader = try Loader(source, options: reading)
        var seen = 0
        while seen < Self.samples, let batch = try loader.next() {
            seen += batch.count
            batch.withArray("mv.npy") { bytes, _, _ in
                for (index, value) in bytes.bindMemory(to: Int16.self).enumerated() {
                    let pixels = Double(value) / 4
                    sums[index & 1] += pixels
                    squares[index & 1] += pixels * pixels
                    if index & 1 == 0 { count += 1 }
                }
            }
            batch.withArray("latent.npy") { bytes, _, _ in
                var length = 0.0
                for (index, value) in bytes.bindMemory(to: Float16.self).enumerated() {
                    let channel = index % latentChannels
                    let diffused = comesFirst ? Double(value) : Companding.compressed(Double(value))
                    sums[EDVDM.motion + channel] += diffused
                    squares[EDVDM.motion + channel] += diffused * diffused
                    guard comesFirst else { continue }
                    length += diffused * diffused
                    if channel == latentChannels - 1 {
                        lengths.append(Float(length))
                        length = 0
                    }
                }
            }
        }
        guard count > 0 else { throw PFrameError(.missing, "the data set holds no records") }
        var means = sums.map { $0 / count }
        var deviations = zip(squares, means).map { max(($0 / count - $1 * $1).squareRoot(), 1e-3) }
        var leastNorm: Double?
        if comesFirst {
            let least = Self.leastShare * (lengths.reduce(0) { $0 + Double($1) } / count).squareRoot()
            let coded = Double(max(lengths.count { Double($0) > least * least }, 1))
            // Motion stays in pixels. Latents have their deviation from 0 in coded blocks, which hold nearly all energy.
            means = means.map { _ in 0 }
            deviations = squares.enumerated().map { channel, square in
                channel < EDVDM.motion ? 1 : max((square / coded).squareRoot(), 1e-3)
            }
            leastNorm = least
        }
        guard (means + deviations).allSatisfy(\.isFinite) else {
            throw PFrameError(.damaged, "the data set's latents hold values that are not finite: encode it again")
        }
        (self.means, self.deviations, self.radius, self.leastNorm) = (means, deviations, radius, leastNorm)
    }

    /// The statistics that a run records.
    ///
    /// - Throws: `PFrameError` if it records none, or of another number of channels.
    init(of run: RunFolder, _ options: DiffusionOptions<EDVDM>) throws(PFrameError) {
        self = try run.parsed("statistics") { json throws(PFrameError) in
            let found = try json.decoded(as: ClipStatistics.self)
            guard (found.leastNorm == nil) == (options.motionRadius == nil) else {
                let (own, other) = found.leastNorm == nil ? ("joint", "tokens") : ("tokens", "joint")
                throw PFrameError(
                    .conflict,
                    "is of a run with motion \"\(own)\", and the model has motion \"\(other)\": choose \"\(own)\" for both"
                )
            }
            guard found.means.count == options.channels, found.deviations.count == options.channels,
                found.deviations.allSatisfy({ $0 > 0 }), found.radius >= 0,
                found.leastNorm ?? 0 >= 0
            else {
                throw PFrameError(
                    .damaged, "has no valid \"statistics\": it is damaged, or another version of PFrame wrote it")
            }
            return found
        }
    }
}

/// Residual latents as they are diffused: `sign(z) √|z|`.
///
/// Where nothing moves latents are 0 within a hundredth; where something does they are 100 times that. A network that is
/// wrong by a third of their common deviation fills still ground with noise, and over the frames of a clip it adds up. Of
/// roots, the same error is a tenth near 0.
enum Companding {
    static func compressed(_ value: Double) -> Double { value < 0 ? -(-value).squareRoot() : value.squareRoot() }

    static func compressed(_ z: Tensor) throws(PFrameError) -> Tensor {
        // z / √|z|; a value of 10⁻⁶ keeps 0 from dividing by itself.
        try z / (z.squared() + 1e-12).squareRoot().squareRoot()
    }

    static func expanded(_ x: Tensor) throws(PFrameError) -> Tensor { try x * x.squared().squareRoot() }
}
