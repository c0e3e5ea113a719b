/// What a network is trained to give for a noised clip x_t = α_t x₀ + σ_t ε.
public enum PredictionTarget: String, CaseIterable, Sendable, Codable {
    /// The noise ε (Ho et al. 2020).
    case noise = "eps"
    /// v = α_t ε − σ_t x₀ (Salimans & Ho 2022).
    case velocity = "v"
    /// The clean clip x₀.
    case clean = "x0"
}
