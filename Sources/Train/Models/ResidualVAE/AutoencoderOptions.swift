public import ArgumentParser
public import Storage

/// What encoder and decoder of residuals see.
public enum ResidualCoding: String, Sendable, CaseIterable, Codable, ExpressibleByArgument {
    /// The residual alone, as in the paper: ``ResidualAutoencoder``.
    case residual
    /// The residual and the prediction: ``ConditionalAutoencoder``.
    case conditional
}

/// The shape of a residual autoencoder.
public struct AutoencoderOptions: ModelOptions {
    /// The size that it was derived from.
    public var preset: Preset
    /// Pixels of a frame.
    public var height: Int
    /// Pixels of a frame.
    public var width: Int
    /// Pixels that the first convolution takes at once each way.
    public var patch: Int
    /// Channels of each level; each but the first halves height and width.
    public var widths: [Int]
    /// Residual blocks of a level.
    public var blocks: Int
    /// Channels of a latent.
    public var latentChannels = 16
    /// The weight of the Kullback-Leibler term of residual coding.
    public var divergence = 1e-6
    /// Residuals taken of each clip, at random by their energy; of conditional coding consecutive frames.
    public var residualsPerClip = 4
    /// Nil in runs that were made before there was a choice. Conditional coding has no networks: patch, widths, blocks and
    /// divergence say nothing of it.
    private var kind: ResidualCoding?

    private enum CodingKeys: String, CodingKey {
        case preset, height, width, patch, widths, blocks, latentChannels, divergence, residualsPerClip
        case kind = "coding"
    }

    /// What encoder and decoder see.
    public var coding: ResidualCoding { kind ?? .residual }

    /// A shape by preset: residual coding as LDM's kl-f16 (Rombach et al. 2022) in `paper`.
    ///
    /// - Parameters:
    ///   - preset: the sizes.
    ///   - coding: what encoder and decoder see.
    ///   - height: rows of a frame; nil for the preset's.
    ///   - width: pixels per row; nil for the preset's.
    /// - Throws: `PFrameError` for sizes that it cannot have.
    public init(
        preset: Preset, coding: ResidualCoding = .residual, height: Int? = nil, width: Int? = nil
    ) throws(PFrameError) {
        self.preset = preset
        let edge = preset == .paper64 ? 64 : 128
        (self.height, self.width) = (height ?? edge, width ?? edge)
        kind = coding
        switch preset {
        case .compact: (patch, widths, blocks) = (4, [64, 128, 192], 1)
        case .paper, .paper64: (patch, widths, blocks) = (1, [128, 128, 256, 256, 512], 2)
        }
        if coding == .conditional { residualsPerClip = 6 }
        try validate()
    }

    /// Checks the options.
    ///
    /// - Throws: `PFrameError`.
    public func validate() throws(PFrameError) {
        guard patch > 0, !widths.isEmpty, widths.allSatisfy({ $0 > 0 && $0 % 8 == 0 }), blocks > 0, latentChannels > 0,
            residualsPerClip > 0
        else {
            throw PFrameError(
                .usage, "levels are multiples of 8 channels, counts 1 or more: the configuration is damaged")
        }
        // Pixels per latent position in each direction.
        let factor = patch << (widths.count - 1)
        guard factor == 16 else { throw PFrameError(.usage, "an autoencoder shrinks 16 times, not \(factor)") }
        guard coding == .residual || latentChannels > 4 else {
            throw PFrameError(
                .usage, "conditional coding needs more than 4 channels of a latent: the configuration is damaged")
        }
        guard height % 16 == 0, width % 16 == 0, height > 0, width > 0 else {
            throw PFrameError(.usage, "frames are multiples of 16 pixels, not \(width)x\(height)")
        }
    }
}
