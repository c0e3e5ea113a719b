public import ArgumentParser
import Dataset
public import Shards
public import Storage
public import SystemPackage

/// The option of `pframe encode` that names the run which makes latents of residuals.
public struct LatentCoderArguments: ParsableArguments, Sendable {
    /// As examples show it.
    public static let example = "--vae vae"
    /// As usage shows it.
    public static let usage = "--vae <vae>"

    /// The folder of the run.
    @Option(name: .customLong("vae"), help: "The run of `pframe train vae`.", completion: .directory)
    public var run: PathArgument

    /// For the argument parser.
    public init() {}
}

/// The option of `pframe evaluate --reconstruction` that names the run whose coding is measured.
public struct ReconstructionArguments: ParsableArguments, Sendable {
    /// The folder of the run.
    @Option(
        name: .customLong("vae"), help: "With --reconstruction: the run of `pframe train vae`.", completion: .directory)
    public var run: PathArgument?

    /// For the argument parser.
    public init() {}

    /// Refuses the option where it has no use, and its absence where it has.
    ///
    /// - Throws: `ValidationError`.
    public func check(isReconstruction: Bool) throws {
        if isReconstruction, run == nil {
            throw ValidationError("--reconstruction needs --vae RUN, from `pframe train vae`")
        }
        if !isReconstruction, run != nil {
            throw ValidationError("--vae is for --reconstruction: a run holds its own vae")
        }
    }
}

extension ReconstructionEvaluation {
    /// Evaluates the residual coder of a run.
    ///
    /// - Throws: `PFrameError` if the folder holds no such run, or the data set does not fit it.
    public init(
        run: FilePath, _ source: ShardSource, options: Options,
        networks: EvaluationNetworks = EvaluationNetworks(), precision: Precision = .float32, device: Device = .cpu
    ) throws(PFrameError) {
        let model = try ResidualVAE.coder(run: run, precision: precision, device: device)
        try self.init(
            model, size: model.size, components: PrincipalComponents(run: run), source, options: options,
            networks: networks)
    }
}
