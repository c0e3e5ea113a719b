public import Codec
public import Dataset
public import MotionVectors

/// A clip as a model made it.
public struct MadeClip: Sendable {
    /// All frames, the given one first.
    public var frames: [RGBImage]
    /// The motion of frames 1…, whole pixels in quarter-pel units; empty where the model has none.
    public var motion: [MotionField] = []
    /// The residuals of frames 1…, `(H, W, 3)` each; empty where the model has none.
    public var residuals: [[Int16]] = []
}

/// Turns samples into what a model diffuses, and what it diffused into video.
public struct ClipCoder {
    let options: DiffusionOptions
    /// Of ED-VDM's motion and latents; nil for the other models.
    let statistics: ClipStatistics?
    /// Of ED-VDM; nil for the other models.
    let autoencoder: ResidualAutoencoder?

    /// A coder for a model; ED-VDM wants the statistics of its data set, and to rebuild video its autoencoder.
    public init(_ options: DiffusionOptions, statistics: ClipStatistics?, autoencoder: ResidualAutoencoder?) {
        precondition(options.kind != .edVDM || statistics != nil, "ED-VDM standardises by statistics")
        (self.options, self.statistics, self.autoencoder) = (options, statistics, autoencoder)
    }

    /// The diffused clips of a batch: float32 `(B·T, h, w, channels)`, about −1…1 or of deviation 1.
    ///
    /// - Throws: `TrainError` where the arrays are not of the model's size.
    public func clean(_ batch: Batch) throws(TrainError) -> Tensor {
        switch options.kind {
        case .edVDM:
            guard let statistics else { preconditionFailure("ED-VDM standardises by statistics") }
            let motion =
                try tensor(batch, "mv.npy", channels: 2).clamped(
                    Double(-4 * statistics.radius), Double(4 * statistics.radius)) * 0.25
            let latents = try Companding.compressed(tensor(batch, "latent.npy", channels: options.latentChannels))
            let means = try Tensor(statistics.means.map(Float.init))
            let factors = try Tensor(statistics.deviations.map { Float(1 / $0) })
            return try (Tensor.concatenated([motion, latents], along: 3) - means) * factors
        case .dVDM: return try tensor(batch, "difference.npy", channels: 3) * (1 / 255)
        case .vdm: return try tensor(batch, "frames.npy", channels: 3).affine(1 / 127.5, -1)
        case .autoencoder: preconditionFailure("the autoencoder diffuses nothing")
        }
    }

    /// The first frames of a batch: uint8 `(B, H, W, 3)`.
    public func first(_ batch: Batch) throws(TrainError) -> Tensor {
        let wanted = [batch.count, options.height, options.width, 3]
        if options.kind == .vdm {
            return try tensor(batch, "frames.npy", channels: 3, asFloat: false)
                .reshaped([batch.count, options.frames, options.height, options.width, 3])
                .sliced(0..<1, along: 1).reshaped(wanted)
        }
        let result = try Self.tensor(batch, "first.npy")
        guard result.shape == wanted else { throw unfit("first.npy", result.shape.dropFirst(), wanted.dropFirst()) }
        return result
    }

    private func tensor(
        _ batch: Batch, _ member: String, channels: Int, asFloat: Bool = true
    ) throws(TrainError) -> Tensor {
        let result = try Self.tensor(batch, member)
        let clip = options.clipShape
        let wanted = [clip[0], clip[1], clip[2], channels]
        guard Array(result.shape.dropFirst()) == wanted else {
            throw unfit(member, result.shape.dropFirst(), wanted[...])
        }
        let folded = try result.reshaped([batch.count * clip[0]] + wanted.dropFirst())
        return asFloat ? try folded.to(.float32) : folded
    }

    private func unfit(_ member: String, _ found: ArraySlice<Int>, _ wanted: ArraySlice<Int>) -> TrainError {
        TrainError(
            "\(member) of the data set is \(Array(found)) where the model takes \(Array(wanted)): build the set with "
                + "--size \(options.width)x\(options.height) --frames \(options.frames), or train a model of its size")
    }

    /// A batch's array as a tensor of its own type, `(B, …)`.
    static func tensor(_ batch: Batch, _ member: String) throws(TrainError) -> Tensor {
        try batch.withArray(member) { (bytes, type, shape) throws(TrainError) in
            guard let element = ElementType(type) else {
                throw TrainError("\(member) has elements of type \(type.rawValue), which tensors do not have")
            }
            return try Tensor(bytes: bytes, type: element, shape: shape)
        }
    }

    /// Video of diffused clips.
    ///
    /// ED-VDM: `mv = round(clamp)`, `r = round(D(z))`, `xₙ = clamp(P(xₙ₋₁, mv) + r)`. D-VDM: a running sum of whole
    /// differences, clamped only at the end. VDM: the frames, the given one in place of the first.
    ///
    /// - Parameters:
    ///   - x: `(B·T, h, w, channels)`, float32.
    ///   - first: the given frames, one a clip.
    public func rebuild(_ x: Tensor, first: [RGBImage]) throws(TrainError) -> [MadeClip] {
        switch options.kind {
        case .edVDM: try motionAndResidual(x, first)
        case .dVDM: try differences(x, first)
        default: try frames(x, first)
        }
    }

    private func motionAndResidual(_ x: Tensor, _ first: [RGBImage]) throws(TrainError) -> [MadeClip] {
        guard let statistics, let autoencoder else {
            throw TrainError("ED-VDM rebuilds video with the vae that its latents were made with, and there is none")
        }
        let means = try Tensor(statistics.means.map(Float.init))
        let values = try x.to(.cpu).to(.float32) * Tensor(statistics.deviations.map(Float.init)) + means
        let motion = try values.sliced(0..<2, along: 3).clamped(
            Double(-statistics.radius), Double(statistics.radius)
        ).rounded().contiguous().floats()
        let latents = try Companding.expanded(values.sliced(2..<options.channels, along: 3).contiguous())
        let (frames, shape) = (options.diffusedFrames, options.clipShape)
        let size = Size(width: options.width, height: options.height)
        let cells = shape[1] * shape[2]
        var result: [MadeClip] = []
        for (clip, image) in first.enumerated() {
            let decoded = try autoencoder.decode(
                latents.sliced((clip * frames)..<((clip + 1) * frames), along: 0).to(autoencoder.store.device))
            let residuals = try decoded.to(.cpu).rounded().clamped(-255, 255).to(.int16).bytes()
            var made = MadeClip(frames: [image])
            let count = options.width * options.height * 3
            for frame in 0..<frames {
                var field = MotionField(size: size, cellSize: options.factor)
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

    private func differences(_ x: Tensor, _ first: [RGBImage]) throws(TrainError) -> [MadeClip] {
        let frames = options.diffusedFrames
        let count = options.width * options.height * 3
        let values = try x.to(.cpu).to(.float32).affine(255, 0).rounded().clamped(-255, 255).contiguous().floats()
        return first.enumerated().map { clip, image in
            var sums = image.pixels.map(Int.init)
            var made = MadeClip(frames: [image])
            for frame in 0..<frames {
                let start = (clip * frames + frame) * count
                for index in 0..<count { sums[index] += Int(values[start + index]) }
                let pixels = sums.map { UInt8(clamping: $0) }
                made.frames.append(RGBImage(width: options.width, height: options.height, pixels: pixels))
            }
            return made
        }
    }

    private func frames(_ x: Tensor, _ first: [RGBImage]) throws(TrainError) -> [MadeClip] {
        let frames = options.diffusedFrames
        let count = options.width * options.height * 3
        let values = try x.to(.cpu).to(.float32).affine(127.5, 127.5).rounded().clamped(0, 255).to(.uint8).bytes()
        return first.enumerated().map { clip, image in
            var made = MadeClip(frames: [image])
            for frame in 1..<frames {
                let start = (clip * frames + frame) * count
                made.frames.append(
                    RGBImage(
                        width: options.width, height: options.height, pixels: Array(values[start..<(start + count)])))
            }
            return made
        }
    }
}

@available(*, unavailable)
extension ClipCoder: Sendable {}

extension ElementType {
    /// The type of elements of a `.npy` file; nil for those that tensors do not have.
    init?(_ type: NPYType) {
        switch type {
        case .float32: self = .float32
        case .float64: self = .float64
        case .float16: self = .float16
        case .int8: self = .int8
        case .int16: self = .int16
        case .int32: self = .int32
        case .int64: self = .int64
        case .uint8: self = .uint8
        case .bool: self = .bool
        default: return nil
        }
    }
}
