/// The models that PFrame trains.
public enum ModelKind: String, Sendable, CaseIterable {
    /// The residual autoencoder.
    case autoencoder = "vae"
    /// Diffusion of motion vectors and residual latents (ED-VDM).
    case edVDM = "ed-vdm"
    /// Diffusion of frame differences (D-VDM).
    case dVDM = "d-vdm"
    /// Diffusion of RGB frames, the baseline (VDM).
    case vdm

    /// The array members of a sample that it trains on.
    public var members: [String] {
        switch self {
        case .autoencoder: ["residual.npy"]
        case .edVDM: ["first.npy", "latent.npy", "mv.npy"]
        case .dVDM: ["difference.npy", "first.npy"]
        case .vdm: ["frames.npy"]
        }
    }
}

/// Sizes of models.
public enum Preset: String, Sendable, CaseIterable {
    /// Minutes on two cores.
    case compact
    /// The paper's, for clips of 16 frames at 128×128.
    case paper
    /// The paper's for 64×64, with latents of 4×4.
    case paper64 = "paper-64"
}
