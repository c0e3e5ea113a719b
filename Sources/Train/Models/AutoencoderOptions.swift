public import Dataset

/// The shape of a residual autoencoder.
public struct AutoencoderOptions: Sendable, Equatable {
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
    /// The weight of the Kullback-Leibler term.
    public var divergence = 1e-6
    /// Residuals taken of each clip, at random by their energy.
    public var residualsPerClip = 4

    /// A shape by preset: f16, as LDM's kl-f16 (Rombach et al. 2022) in `paper`.
    ///
    /// - Throws: `TrainError` for sizes that it cannot have.
    public init(preset: Preset, height: Int? = nil, width: Int? = nil) throws(TrainError) {
        self.preset = preset
        let edge = preset == .paper64 ? 64 : 128
        (self.height, self.width) = (height ?? edge, width ?? edge)
        switch preset {
        case .compact: (patch, widths, blocks) = (4, [64, 128, 192], 1)
        case .paper, .paper64: (patch, widths, blocks) = (1, [128, 128, 256, 256, 512], 2)
        }
        try validate()
    }

    /// Pixels that a latent position stands for each way.
    public var factor: Int { patch << (widths.count - 1) }

    /// Tells what cannot be.
    ///
    /// - Throws: `TrainError`.
    public func validate() throws(TrainError) {
        guard factor == 16 else { throw TrainError("an autoencoder shrinks 16 times, not \(factor)") }
        guard height % 16 == 0, width % 16 == 0, height > 0, width > 0 else {
            throw TrainError("frames are multiples of 16 pixels, not \(width)x\(height)")
        }
    }
}

extension AutoencoderOptions {
    /// As `config.json` records them.
    public var json: JSONValue {
        .object([
            "kind": .text(ModelKind.autoencoder.rawValue), "preset": .text(preset.rawValue),
            "height": .integer(height), "width": .integer(width), "patch": .integer(patch),
            "widths": .list(widths.map { .integer($0) }), "blocks": .integer(blocks),
            "latent_channels": .integer(latentChannels), "divergence": .number(divergence),
            "residuals_per_clip": .integer(residualsPerClip),
        ])
    }

    /// Reads what `json` wrote.
    ///
    /// - Throws: `TrainError` naming the member that is missing or makes no sense.
    public init(_ json: JSONValue) throws(TrainError) {
        let reader = ConfigurationReader(json)
        let kind: ModelKind = try reader.choice("kind")
        guard kind == .autoencoder else { throw TrainError("the run holds a model \(kind.rawValue), no vae") }
        preset = try reader.choice("preset")
        height = try reader.integer("height")
        width = try reader.integer("width")
        patch = try reader.integer("patch")
        widths = try reader.integers("widths")
        blocks = try reader.integer("blocks")
        latentChannels = try reader.integer("latent_channels")
        divergence = try reader.number("divergence")
        residualsPerClip = try reader.integer("residuals_per_clip")
        guard patch > 0, !widths.isEmpty, widths.allSatisfy({ $0 > 0 && $0 % 8 == 0 }), residualsPerClip > 0 else {
            throw reader.damaged("widths")
        }
        try validate()
    }
}
