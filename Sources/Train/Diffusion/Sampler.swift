import Glibc
public import Storage

/// Makes clips of noise with a trained network.
///
/// The network is asked at `times`, from noise down, as ``SamplerOptions/spacing`` says, and the last step gives its x₀
/// unless ``SamplerOptions/endsAtFirstStep``. Weights are computed in double, tensors in float32, and the noise of a step depends on the seed and
/// its time alone: the same seed gives the same bytes.
public struct Sampler: Sendable {
    /// The process that the network was trained for.
    public let process: DiffusionProcess
    /// How it samples.
    public let options: SamplerOptions
    private let plan: [SamplerStep]

    /// Steps of the schedule at which the network is asked, in that order.
    public var times: [Int] { plan.map(\.time) }

    /// Plans the steps.
    ///
    /// - Throws: `PFrameError` if the options do not fit the process or one another.
    public init(_ process: DiffusionProcess, _ options: SamplerOptions = SamplerOptions()) throws(PFrameError) {
        let most = process.schedule.steps
        guard (1...most).contains(options.steps) else {
            throw PFrameError("\(options.steps) sampling steps: take 1 to \(most), those that the model was trained on")
        }
        guard (0...1).contains(options.eta) else { throw PFrameError("η is \(options.eta): take 0 to 1") }
        guard options.eta == 0 || options.kind == .ddim else {
            throw PFrameError("η is for the sampler ddim: \(options.kind.rawValue) has none")
        }
        if let range = options.clipping, !(range > 0 && range.isFinite) {
            throw PFrameError("x0 cannot be clamped to ±\(range): take a range above 0")
        }
        let times = Self.times(most, options)
        guard times.allSatisfy({ (0..<most).contains($0) }), Set(times).count == times.count else {
            throw PFrameError(
                "\(options.steps) sampling steps with the spacing \(options.spacing) leave the \(most) steps that the "
                    + "model was trained on: take fewer")
        }
        self.process = process
        self.options = options
        plan = Self.plan(process.schedule, options, times)
    }

    /// Turns noise into clips.
    ///
    /// - Parameters:
    ///   - noise: x_T, standard normal numbers `(B·T, H, W, C)`.
    ///   - seeds: The seeds of the noise that DDPM and DDIM with η above 0 add: one per clip, so that a clip does not
    ///     depend on the other clips.
    ///   - progress: Called after every step with the number of those done; what it throws ends sampling.
    ///   - predict: The prediction of the network for x_t, a float32 tensor, at step t of the schedule, with guidance.
    ///     No gradients are recorded.
    /// - Returns: x₀, float32 of the shape of `noise`.
    /// - Throws: `PFrameError` if the network gives no finite numbers or another shape, and what `predict` throws.
    public func sample(
        noise: Tensor, seeds: [RandomSeed], progress: (Int) throws(PFrameError) -> Void = { _ in },
        _ predict: (Tensor, Int) throws(PFrameError) -> Tensor
    ) throws(PFrameError) -> Tensor {
        precondition(noise.shape[0] % seeds.count == 0, "\(seeds.count) seeds for noise of \(noise.shape)")
        return try withoutGradients { () throws(PFrameError) -> Tensor in
            var x = try noise.to(.float32)
            var previous: Tensor?
            // For each step, the seeds of the noise that it adds.
            let stepSeeds = try times.flatMap { time in seeds.map { $0.mixed("step").mixed(time) } }
                .tensor(on: x.device).reshaped([times.count, seeds.count])
            let clip = [x.shape[0] / seeds.count] + x.shape.dropFirst()
            var areFinite: [Tensor] = []
            for (index, step) in plan.enumerated() {
                let prediction = try predict(x, step.time)
                guard prediction.shape == x.shape else {
                    throw PFrameError("the model gives \(prediction.shape) for \(x.shape)")
                }
                areFinite.append(try prediction.isFinite().reshaped([1]))
                let clean = try clamped(process.clean(prediction, x: x, step: step.time))
                let next = try clean * step.clean
                if step.sample != 0 { try next.accumulate(x, scale: step.sample) }
                if let previous, step.previousClean != 0 {
                    try next.accumulate(previous, scale: step.previousClean)
                }
                if step.noise != 0 {
                    let added = try Tensor.normal(clip, seeds: stepSeeds.sliced(index..<index + 1, along: 0))
                    try next.accumulate(added, scale: step.noise)
                }
                (x, previous) = (next, clean)
                try progress(index + 1)
            }
            // One look at all steps: a look at each would let the device wait for the next step.
            if let bad = try Tensor.concatenated(areFinite, along: 0).floats().firstIndex(of: 0) {
                throw PFrameError(
                    "the model gives infinity or NaN at step \(times[bad]): weights are damaged or training diverged")
            }
            return x
        }
    }

    private func clamped(_ clean: Tensor) throws(PFrameError) -> Tensor {
        guard let range = options.clipping else { return clean }
        return try clean.clamped(-range, range)
    }

    /// Steps of a schedule of `most` steps at which the network is asked.
    private static func times(_ most: Int, _ options: SamplerOptions) -> [Int] {
        let count = options.steps
        // DPM-Solver++ counts its end, noise of 0, among the times that it spaces.
        let spaced = options.kind == .dpm ? count + 1 : count
        return switch options.spacing {
        case .trailing:
            (0..<count).map { index in
                let passed = Double(index) * (Double(most) / Double(count))
                return Int((Double(most) - passed).rounded(.toNearestOrEven)) - 1
            }
        case .leading(let offset):
            (0..<count).map { index in (spaced - 1 - index) * (most / spaced) + offset }
        case .even:
            (0..<count).map { index in
                let share = Double(spaced - 1 - index) / Double(max(spaced - 1, 1))
                return Int((Double(most - 1) * share).rounded(.toNearestOrEven))
            }
        }
    }

    private static func plan(
        _ schedule: NoiseSchedule, _ options: SamplerOptions, _ times: [Int]
    ) -> [SamplerStep] {
        let levels = times.map { SamplerStep.Level(schedule, $0) }
        return times.indices.map { index in
            let (time, t) = (times[index], levels[index])
            guard index + 1 < times.count else {
                guard options.endsAtFirstStep, options.kind == .ddim else { return SamplerStep(last: time) }
                return SamplerStep(ddim: time, from: t, to: SamplerStep.Level(schedule, 0), eta: options.eta)
            }
            let s = levels[index + 1]
            return switch options.kind {
            case .ddpm: SamplerStep(ddpm: time, from: t, to: s)
            case .ddim: SamplerStep(ddim: time, from: t, to: s, eta: options.eta)
            case .dpm: SamplerStep(dpm: time, from: t, to: s, previous: index > 0 ? levels[index - 1] : nil)
            }
        }
    }
}

/// A way from noise to a clip.
public enum SamplerKind: String, CaseIterable, Sendable {
    /// Ancestral sampling with the posterior variance β̃ (Ho et al. 2020, algorithm 2): wants many steps.
    case ddpm
    /// Denoising diffusion implicit models (Song et al. 2021, equation 12).
    case ddim
    /// DPM-Solver++(2M) (Lu et al. 2022, algorithm 2): the best of the three at 50 steps and fewer.
    case dpm = "dpm-solver++"
}

/// At which steps of a schedule of T steps n calls of the network lie (Lin et al. 2024, table 2; names are diffusers').
public enum TimestepSpacing: Sendable, Equatable {
    /// From the last step down, T / n apart: the first call sees noise alone.
    case trailing
    /// Multiples of ⌊T / n⌋ plus an offset, the highest first; of DPM-Solver++ the multiples of ⌊T / (n + 1)⌋ but 0.
    case leading(offset: Int)
    /// Evenly from T − 1 to 0 (`linspace`); of DPM-Solver++ n + 1 steps without 0.
    case even
}

/// How clips are sampled.
public struct SamplerOptions: Sendable, Equatable {
    /// The method: DPM-Solver++(2M) where nothing is said.
    public var kind: SamplerKind
    /// Calls of the network: 50.
    public var steps: Int
    /// η of DDIM, 0…1: the share of DDPM's noise that every step adds, 0 for none.
    public var eta: Double
    /// The range ±c that every intermediate x₀ is clamped to; nil for no clamping.
    ///
    /// Data with a known range need clamping. The target eps on the cosine schedule needs clamping too: σ/α of its last
    /// step is 20,000 and multiplies the error of the network in x₀. Rounding a perfect prediction to bfloat16 is
    /// enough for samples that spread 1.4 times too far after 50 steps.
    public var clipping: Double?
    /// The temperature of tokens, for models that draw some: 1 draws with the network's probabilities, less favours
    /// likely tokens; nil for 0.5.
    public var temperature: Double?
    /// Calls of the network of residuals, for models that draw motion first: 1 gives the mean of the residuals that fit
    /// the motion, more draw one of them; nil for 1.
    public var residualSteps: Int?
    /// The steps of the schedule that are asked: trailing.
    public var spacing = TimestepSpacing.trailing
    /// Whether DDIM ends at the noise of step 0 and not at x₀ (diffusers' `set_alpha_to_one` is false): no.
    public var endsAtFirstStep = false

    /// What is not given is as described.
    public init(
        kind: SamplerKind = .dpm, steps: Int = 50, eta: Double = 0, clipping: Double? = nil, temperature: Double? = nil,
        residualSteps: Int? = nil
    ) {
        self.kind = kind
        self.steps = steps
        self.eta = eta
        self.clipping = clipping
        self.temperature = temperature
        self.residualSteps = residualSteps
    }
}

/// One step of a sampler from time t to s, as weights: x_s = a x_t + b x₀(t) + c x₀(previous t) + d z.
///
/// All methods here have that form once ε is written as (x_t − α_t x₀) / σ_t, which also keeps ε and a clamped x₀
/// consistent.
struct SamplerStep: Sendable, Equatable {
    /// The time t of the schedule.
    let time: Int
    /// The weight of x_t.
    var sample = 0.0
    /// The weight of the x₀ that the network gives at t.
    var clean = 1.0
    /// The weight of the x₀ that it gave one step before.
    var previousClean = 0.0
    /// The weight of standard normal noise z.
    var noise = 0.0

    /// The share of the data and of the noise at a time.
    struct Level {
        let alpha, sigma: Double

        init(_ schedule: NoiseSchedule, _ time: Int) {
            alpha = schedule.alphas[time]
            sigma = schedule.sigmas[time]
        }

        /// Half the logarithm of the signal-to-noise ratio; −∞ where there is no signal.
        var lambda: Double { log(alpha) - log(sigma) }
    }

    /// The last step of every method: x₀ itself.
    init(last time: Int) { self.time = time }

    /// DDPM's posterior mean and variance β̃ for the step from t to s (Ho et al. 2020, equation 7).
    init(ddpm time: Int, from t: Level, to s: Level) {
        let kept = (t.alpha / s.alpha) * (t.alpha / s.alpha)
        let (t2, s2) = (t.sigma * t.sigma, s.sigma * s.sigma)
        self.time = time
        sample = t.alpha / s.alpha * s2 / t2
        clean = s.alpha * (1 - kept) / t2
        noise = (s2 / t2 * (1 - kept)).squareRoot()
    }

    /// DDIM (Song et al. 2021, equations 12 and 16).
    init(ddim time: Int, from t: Level, to s: Level, eta: Double) {
        let kept = (t.alpha / s.alpha) * (t.alpha / s.alpha)
        self.time = time
        noise = eta * s.sigma / t.sigma * (1 - kept).squareRoot()
        sample = max(s.sigma * s.sigma - noise * noise, 0).squareRoot() / t.sigma
        clean = s.alpha - sample * t.alpha
    }

    /// DPM-Solver++(2M) (Lu et al. 2022, algorithm 2), of first order where there is no step before.
    ///
    /// With h = λ_s − λ_t the paper's −α_s (e⁻ʰ − 1) is α_s − α_t σ_s / σ_t.
    init(dpm time: Int, from t: Level, to s: Level, previous: Level?) {
        self.time = time
        sample = s.sigma / t.sigma
        let weight = s.alpha - t.alpha * sample
        // h / 2h₋₁, which is 1 / 2r; from a step without signal λ is infinitely far, and the order falls to the first.
        let lean = previous.map { (s.lambda - t.lambda) / (2 * (t.lambda - $0.lambda)) } ?? 0
        clean = weight * (1 + lean)
        previousClean = -weight * lean
    }
}
