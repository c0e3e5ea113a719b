/// A way from noise to a clip.
public enum SamplerKind: String, CaseIterable, Sendable {
    /// Ancestral sampling with the posterior variance β̃ (Ho et al. 2020, algorithm 2): wants many steps.
    case ddpm
    /// Denoising diffusion implicit models (Song et al. 2021, equation 12).
    case ddim
    /// DPM-Solver++(2M) (Lu et al. 2022, algorithm 2): the best of the three at 50 steps and fewer.
    case dpm = "dpm-solver++"
}

/// How clips are sampled.
public struct SamplerOptions: Sendable, Equatable {
    /// The method: DPM-Solver++(2M) where nothing is said.
    public var kind: SamplerKind
    /// Calls of the network: 50.
    public var steps: Int
    /// η of DDIM, 0…1: the share of DDPM's noise that every step adds, 0 for none.
    public var eta: Double
    /// The range ±c that every x₀ on the way is clamped to; nil for none.
    ///
    /// Data with a known range want it. So does the target eps on the cosine schedule: σ/α of its last step is 20,000,
    /// and what the network gets wrong there reaches x₀ multiplied by that. Rounding a perfect prediction to bfloat16
    /// is enough for samples that spread 1.4 times too far after 50 steps.
    public var clipping: Double?

    /// What is not given is as described.
    public init(kind: SamplerKind = .dpm, steps: Int = 50, eta: Double = 0, clipping: Double? = nil) {
        self.kind = kind
        self.steps = steps
        self.eta = eta
        self.clipping = clipping
    }
}
