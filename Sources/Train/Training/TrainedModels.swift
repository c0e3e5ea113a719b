import Codec
import Dataset
public import SystemPackage

/// Opening what was trained.
extension ResidualAutoencoder {
    /// The autoencoder of a run, with the moving average of its weights.
    ///
    /// - Throws: `TrainError` where the folder holds no run of an autoencoder, or its checkpoint is damaged.
    public convenience init(
        run path: FilePath, precision: Precision = .float32, device: Device = .cpu
    ) throws(TrainError) {
        let run = try RunFolder(path)
        guard run.kind == .autoencoder else {
            throw TrainError(path: path, "holds a model \(run.kind.rawValue) where a vae is wanted")
        }
        let options = try run.autoencoderOptions()
        try self.init(options, precision: precision, device: device)
        try Checkpoint(run: path, kind: .autoencoder).restoreAverage(store)
    }
}

/// A diffusion model ready to sample: network, what reads captions, and what makes video of its clips.
public struct TrainedDiffusion {
    /// The folder in a run of ED-VDM that holds its autoencoder.
    public static let autoencoderFolder = "vae"

    /// The network, with the moving average of its weights.
    public let model: VideoDiffusion
    /// Reads captions; nil for a model without text.
    public let captions: CaptionReader?
    /// Makes video.
    public let coder: ClipCoder
    /// The folder of the run.
    public let run: FilePath
    /// What the weights are of.
    public let checkpoint: Checkpoint
    /// The type that the network computes in.
    public let precision: Precision
    /// Where it computes.
    public let device: Device

    /// Opens a run.
    ///
    /// - Throws: `TrainError` where the folder holds no run of a diffusion model, its checkpoint is damaged, or its
    ///   autoencoder or vocabulary is missing.
    public init(run path: FilePath, precision: Precision = .float32, device: Device = .cpu) throws(TrainError) {
        let run = try RunFolder(path)
        guard run.kind != .autoencoder else {
            throw TrainError(path: path, "holds a vae, which has no samples: give the run of a diffusion model")
        }
        let options = try run.diffusionOptions()
        checkpoint = try Checkpoint(run: path, kind: run.kind)
        (self.run, self.precision, self.device) = (path, precision, device)
        captions = try run.captions()
        model = try VideoDiffusion(
            options, textEntries: captions?.entries ?? 0, precision: precision, device: device)
        try checkpoint.restoreAverage(model.store)
        var (statistics, autoencoder): (ClipStatistics?, ResidualAutoencoder?) = (nil, nil)
        if run.kind == .edVDM {
            statistics = try run.parsed("statistics") { json throws(TrainError) in
                try ClipStatistics(json, channels: options.channels)
            }
            let folder = path.appending(Self.autoencoderFolder)
            guard fileSize(folder.appending(RunConfiguration.fileName)) != nil else {
                throw TrainError(
                    path: folder,
                    "the vae that turns latents into video is missing: copy the run of `pframe train vae` there")
            }
            autoencoder = try ResidualAutoencoder(run: folder, precision: precision, device: device)
        }
        coder = ClipCoder(options, statistics: statistics, autoencoder: autoencoder)
    }
}

@available(*, unavailable)
extension TrainedDiffusion: Sendable {}

extension RunFolder {
    /// Copies the autoencoder of `source`, its moving average alone, into this run.
    public func adopt(autoencoder source: FilePath) throws(TrainError) {
        let from = try RunFolder(source)
        let folder = path.appending(TrainedDiffusion.autoencoderFolder)
        do throws(CodecError) { try createFolder(folder) } catch { throw TrainError(error) }
        try Checkpoint(run: source, kind: .autoencoder).writeAverage(to: folder, kind: .autoencoder)
        if let components = try PrincipalComponents(run: source) { try components.write(run: folder) }
        try reading { () throws(DatasetError) in
            try replaceFile(
                folder.appending(RunConfiguration.fileName), with: from.configuration.json(lines: 2) + "\n")
        }
    }
}
