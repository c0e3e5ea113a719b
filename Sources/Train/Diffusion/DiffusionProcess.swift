public import Storage

/// The forward diffusion process: how noise is added to clips, and what a network predicts to remove it.
///
/// Clips are `(B·T, H, W, C)` with the frames folded into the batch; every clip has its own step. Results are float32
/// for inputs of every type.
public struct DiffusionProcess: Sendable, Equatable {
    /// How much noise there is at every step.
    public let schedule: NoiseSchedule
    /// What the network predicts.
    public let target: PredictionTarget
    /// γ: the signal-to-noise ratio above which the loss in terms of x₀ no longer grows (Hang et al. 2023, whose γ is
    /// 5); nil weights all steps equally.
    public let minSNR: Double?

    /// Noises with `schedule`, and has `target` predicted.
    ///
    /// - Throws: `PFrameError` if the target is the noise although the last step has nothing but noise, and if `minSNR`
    ///   is not above 0.
    public init(
        _ schedule: NoiseSchedule = NoiseSchedule(.cosine), target: PredictionTarget = .velocity, minSNR: Double? = nil
    ) throws(PFrameError) {
        guard target != .noise || !schedule.zeroTerminalSNR else {
            throw PFrameError("zero terminal SNR wants the target v or x0")
        }
        if let minSNR, !(minSNR > 0 && minSNR.isFinite) {
            throw PFrameError("min-SNR weights want γ above 0, usually 5, not \(minSNR)")
        }
        self.schedule = schedule
        self.target = target
        self.minSNR = minSNR
    }

    /// A step in `0..<T`, each as likely as another, that depends on the seed alone.
    public func step(_ seed: RandomSeed) -> Int { Int(seed.unit * Double(schedule.steps)) }

    /// x_t = α_t x₀ + σ_t ε.
    ///
    /// - Parameters:
    ///   - x0: Clips `(B·T, H, W, C)`.
    ///   - noise: ε, as many.
    ///   - levels: Those of the B clips.
    ///   - frames: The frames T of a clip.
    /// - Throws: `PFrameError` if the shapes do not fit.
    public func noised(
        _ x0: Tensor, noise: Tensor, at levels: ClipLevels, frames: Int
    ) throws(PFrameError) -> Tensor {
        try mixed(x0, levels.alphas, noise, levels.sigmas, frames)
    }

    /// What the network should predict for x_t: ε, α_t ε − σ_t x₀, or x₀. Parameters as of `noised`.
    public func target(
        _ x0: Tensor, noise: Tensor, at levels: ClipLevels, frames: Int
    ) throws(PFrameError) -> Tensor {
        switch target {
        case .noise: try noise.to(.float32)
        case .velocity: try mixed(noise, levels.alphas, x0, levels.sigmas.affine(-1, 0), frames)
        case .clean: try x0.to(.float32)
        }
    }

    /// The x₀ of a prediction for x_t, if all clips are at the same step.
    public func clean(_ prediction: Tensor, x: Tensor, step: Int) throws(PFrameError) -> Tensor {
        let (alpha, sigma) = (schedule.alphas[step], schedule.sigmas[step])
        return switch target {
        case .noise: try Self.sum(x, 1 / alpha, prediction, -sigma / alpha)
        case .velocity: try Self.sum(x, alpha, prediction, -sigma)
        case .clean: try prediction.to(.float32)
        }
    }

    /// The ε of a prediction for x_t, if all clips are at the same step.
    public func noise(_ prediction: Tensor, x: Tensor, step: Int) throws(PFrameError) -> Tensor {
        let (alpha, sigma) = (schedule.alphas[step], schedule.sigmas[step])
        return switch target {
        case .noise: try prediction.to(.float32)
        case .velocity: try Self.sum(x, sigma, prediction, alpha)
        case .clean: try Self.sum(x, 1 / sigma, prediction, -alpha / sigma)
        }
    }

    /// The weight of the squared error of a clip at each step: 1, or with `minSNR` γ that of Hang et al. (2023), section
    /// 3.4: min(SNR, γ) for x₀, divided by SNR for ε and by SNR + 1 for v.
    ///
    /// With zero terminal SNR and γ the weight of the last step is 0, as in the paper's formula.
    public func lossWeights(_ steps: [Int]) -> [Double] {
        guard let minSNR else { return steps.map { _ in 1 } }
        return steps.map { step in
            let ratio = schedule.signalToNoise(step)
            return switch target {
            case .noise: min(1, minSNR / ratio)
            case .velocity: min(ratio, minSNR) / (ratio + 1)
            case .clean: min(ratio, minSNR)
            }
        }
    }

    /// a x + b y.
    private static func sum(_ x: Tensor, _ a: Double, _ y: Tensor, _ b: Double) throws(PFrameError) -> Tensor {
        try x.to(.float32) * a + y.to(.float32) * b
    }

    /// a x + b y with a and b of each clip, `(B, 1)`.
    private func mixed(
        _ x: Tensor, _ a: Tensor, _ y: Tensor, _ b: Tensor, _ frames: Int
    ) throws(PFrameError) -> Tensor {
        let (shape, clips) = (x.shape, a.shape[0])
        guard y.shape == shape, shape.first == clips * frames else {
            throw PFrameError("clips \(shape) and \(y.shape) where \(clips) of \(frames) frames were expected")
        }
        func weighted(_ x: Tensor, _ weights: Tensor) throws(PFrameError) -> Tensor {
            try x.to(.float32).reshaped([clips, -1]) * weights
        }
        return try (weighted(x, a) + weighted(y, b)).reshaped(shape)
    }
}

/// What a network is trained to give for a noised clip x_t = α_t x₀ + σ_t ε.
public enum PredictionTarget: String, CaseIterable, Sendable, Codable {
    /// The noise ε (Ho et al. 2020).
    case noise = "eps"
    /// v = α_t ε − σ_t x₀ (Salimans & Ho 2022).
    case velocity = "v"
    /// The clean clip x₀.
    case clean = "x0"
}

/// The squared error of a prediction, in float32 whatever the types.
public struct DiffusionLoss {
    /// What training lowers: the mean over all elements of w_b (p − t)², one number.
    public let mean: Tensor
    /// The mean of (p − t)² of every clip, unweighted and unrecorded: `(B)`.
    public let clips: Tensor

    /// Compares the prediction of the network with the target.
    ///
    /// - Parameters:
    ///   - prediction: Clips `(B·T, H, W, C)`.
    ///   - target: As many.
    ///   - weights: The weight of every clip, float32 `(B)`.
    ///   - frames: The frames T of a clip.
    /// - Throws: `PFrameError` if the shapes do not fit.
    public init(_ prediction: Tensor, target: Tensor, weights: Tensor, frames: Int) throws(PFrameError) {
        let shape = prediction.shape
        guard weights.shape.count == 1, target.shape == shape, shape.first == weights.count * frames else {
            throw PFrameError(
                "a prediction \(shape) for \(target.shape): \(weights.count) clips of \(frames) frames were expected")
        }
        let errors = try (prediction.to(.float32) - target.to(.float32)).reshaped([weights.count, -1])
        let each = try errors.squared().mean([1])
        mean = try (each * weights).mean()
        clips = try each.detached()
    }
}

@available(*, unavailable)
extension DiffusionLoss: Sendable {}

/// Classifier-free guidance (Ho & Salimans 2021): p_u + w (p_c − p_u), in float32.
///
/// Guidance is the same for predictions of ε, v and x₀, because linear maps at a given x_t convert them into each
/// other. The scale w is 0 for the model without its condition, 1 for the model with it, and above 1 for samples that
/// follow the condition more closely. The paper writes 1 + w for this scale.
///
/// - Throws: `PFrameError` if the shapes differ.
public func guided(conditional: Tensor, unconditional: Tensor, scale: Double) throws(PFrameError) -> Tensor {
    guard conditional.shape == unconditional.shape else {
        throw PFrameError("guidance of a prediction \(conditional.shape) by \(unconditional.shape)")
    }
    // Written so that a scale of 1 gives the conditional prediction exactly.
    return try conditional.to(.float32) * scale + unconditional.to(.float32) * (1 - scale)
}
