import Glibc

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
