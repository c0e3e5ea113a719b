import Glibc

/// How fast noise replaces the data.
public enum ScheduleShape: String, CaseIterable, Sendable, Codable {
    /// ᾱ falls as a squared cosine with s = 0.008, β no more than 0.999 (Nichol & Dhariwal 2021, equation 17).
    case cosine
    /// β rises linearly from 10⁻⁴ to 0.02 (Ho et al. 2020).
    case linear
    /// √β rises linearly, β from 0.00085 to 0.012 (Rombach et al. 2022).
    case ldmLinear = "ldm-linear"

    /// β of every step.
    func betas(_ steps: Int) -> [Double] {
        switch self {
        case .cosine:
            let bar = { (t: Int) in pow(cos((Double(t) / Double(steps) + 0.008) / 1.008 * .pi / 2), 2) }
            return (0..<steps).map { min(1 - bar($0 + 1) / bar($0), 0.999) }
        case .linear:
            return Self.ramp(from: 1e-4, to: 0.02, steps)
        case .ldmLinear:
            return Self.ramp(from: 0.00085.squareRoot(), to: 0.012.squareRoot(), steps).map { $0 * $0 }
        }
    }

    private static func ramp(from first: Double, to last: Double, _ count: Int) -> [Double] {
        (0..<count).map { first + (last - first) * Double($0) / Double(max(count - 1, 1)) }
    }
}

/// How much of the data and how much noise there is at every step: x_t = α_t x₀ + σ_t ε with α_t² + σ_t² = 1.
///
/// Step 0 is nearly clean, the last nearly noise. The shapes are made for 1000 steps: `linear` and `ldmLinear` keep their
/// range of β whatever the number of steps, so that with few the last one is far from noise.
public struct NoiseSchedule: Sendable, Equatable {
    /// The shape it was made of.
    public let shape: ScheduleShape
    /// Whether the last step is noise alone.
    public let zeroTerminalSNR: Bool
    /// The share of the data, √ᾱ_t.
    public let alphas: [Double]
    /// The share of the noise, √(1 − ᾱ_t).
    public let sigmas: [Double]

    /// The number of steps T.
    public var steps: Int { alphas.count }

    /// A schedule of `steps` steps, with zero terminal SNR shifted and scaled so that α of the last step is 0 (Lin et
    /// al. 2024, algorithm 1).
    public init(_ shape: ScheduleShape, steps: Int = 1000, zeroTerminalSNR: Bool = false) {
        precondition(steps > 0, "a schedule of no steps")
        self.shape = shape
        self.zeroTerminalSNR = zeroTerminalSNR
        var product = 1.0
        var alphas = shape.betas(steps).map { beta in
            product *= 1 - beta
            return product.squareRoot()
        }
        if zeroTerminalSNR {
            let (first, last) = (alphas[0], alphas[steps - 1])
            // A single step is the last.
            let scale = steps > 1 ? first / (first - last) : 0
            alphas = alphas.map { ($0 - last) * scale }
        }
        self.alphas = alphas
        sigmas = alphas.map { (1 - $0 * $0).squareRoot() }
    }

    /// α_t² / σ_t².
    public func signalToNoise(_ step: Int) -> Double {
        let ratio = alphas[step] / sigmas[step]
        return ratio * ratio
    }
}
