public import Storage

/// The residual autoencoder: `r` to a Gaussian over `z` and back (Kingma & Welling 2014; the shape of LDM's kl-f16).
///
/// Most residuals are zero, and a plain autoencoder collapses to zero. Fixed linear maps of 16×16 blocks, the principal
/// components of the training set, therefore bypass encoder and decoder. The networks output zero at first and learn
/// what the components leave over. Both networks get their input at unit energy, and their output is scaled back: the
/// energy of residuals spans orders of magnitude, from one clip to another and along the closed loop, and group
/// normalisation would make networks blind to it.
public final class ResidualAutoencoder {
    /// The shape.
    public let options: AutoencoderOptions
    /// Its parameters.
    public let store: ParameterStore
    private let scale: Tensor
    private let analysis: Convolution
    private let synthesis: Linear
    private let stem: Convolution
    private let downs: [Level]
    private let moments: Convolution
    private let entry: Convolution
    private let ups: [Level]
    private let output: Convolution

    private struct Level {
        let blocks: [ResidualBlock]
        let shrink: Convolution?
        let grow: Upsampling?

        func callAsFunction(_ x: Tensor) throws(PFrameError) -> Tensor {
            var h = x
            for block in blocks { h = try block(h, frames: 1) }
            if let shrink { h = try shrink(h) }
            if let grow { h = try grow(h) }
            return h
        }
    }

    /// Pixels of a block of the linear maps.
    private static let block = PrincipalComponents.block

    /// An autoencoder with fresh parameters.
    public init(
        _ options: AutoencoderOptions, precision: Precision = .float32, device: Device = .cpu, seed: UInt64 = 0
    ) throws(PFrameError) {
        precondition(options.coding == .residual, "options of another coding")
        self.options = options
        store = ParameterStore(precision: precision, device: device, seed: seed)
        let (root, latent, widths) = (store.root, options.latentChannels, options.widths)
        let values = Self.block * Self.block * 3
        scale = try root.parameter("scale", [1], .constant(1.0 / 16), keepsFloat: true, isFixed: true)
        analysis = try Convolution(
            root["analysis"], 3, latent, kernel: Self.block, stride: Self.block, padding: 0,
            isFixed: true)
        synthesis = try Linear(root["synthesis"], latent, values, isFixed: true)
        let encoder = root["encoder"]
        stem = try Convolution(
            encoder["stem"], 3, widths[0], kernel: options.patch == 1 ? 3 : options.patch, stride: options.patch,
            padding: options.patch == 1 ? 1 : 0)
        var downs: [Level] = []
        for (index, width) in widths.enumerated() {
            let place = encoder["levels"][index]
            var blocks: [ResidualBlock] = []
            for number in 0..<options.blocks {
                let inputs = number == 0 && index > 0 ? widths[index - 1] : width
                blocks.append(try ResidualBlock(place["blocks"][number], inputs, width, condition: nil))
            }
            let isLast = index == widths.count - 1
            let shrink =
                isLast ? nil : try Convolution(place["shrink"], width, width, kernel: 4, stride: 2, padding: 1)
            downs.append(Level(blocks: blocks, shrink: shrink, grow: nil))
        }
        self.downs = downs
        moments = try Convolution(encoder["moments"], widths[widths.count - 1], 2 * latent, startsAtZero: true)
        let decoder = root["decoder"]
        entry = try Convolution(decoder["entry"], latent, widths[widths.count - 1])
        var ups: [Level] = []
        for (index, width) in widths.enumerated().reversed() {
            let place = decoder["levels"][widths.count - 1 - index]
            var blocks: [ResidualBlock] = []
            for number in 0...options.blocks {
                blocks.append(try ResidualBlock(place["blocks"][number], width, width, condition: nil))
            }
            let grow = index == 0 ? nil : try Upsampling(place["grow"], width, widths[index - 1])
            ups.append(Level(blocks: blocks, shrink: nil, grow: grow))
        }
        self.ups = ups
        output = try Convolution(
            decoder["output"], widths[0], 3 * options.patch * options.patch, startsAtZero: true)
    }

    /// The mean and the logarithm of the variance of z for residuals.
    ///
    /// - Parameter residual: `(N, H, W, 3)` in pixel values, −255…255.
    /// - Returns: each `(N, H/16, W/16, latent)`, float32.
    public func encode(_ residual: Tensor) throws(PFrameError) -> (mean: Tensor, logVariance: Tensor) {
        let x = try (residual.to(.float32) * scale).to(store.precision.type)
        let energy = try Self.energy(x)
        var h = try stem(x / energy)
        for level in downs { h = try level(h) }
        let latent = options.latentChannels
        let both = try moments(h).to(.float32)
        let mean = try both.sliced(0..<latent, along: 3) * energy.to(.float32) + analysis(x).to(.float32)
        // A standard deviation of 0.1 to begin with; beyond the bounds there is nothing to learn.
        let logVariance = try (both.sliced(latent..<(2 * latent), along: 3) + -4.6).clamped(-20, 10)
        return (mean, logVariance)
    }

    /// Residuals of latents, in pixel values: `(N, H/16, W/16, latent)` to `(N, H, W, 3)`, float32.
    public func decode(_ latents: Tensor) throws(PFrameError) -> Tensor {
        let z = try latents.to(store.device).to(store.precision.type)
        let energy = try Self.energy(z)
        var h = try entry(z / energy)
        for level in ups { h = try level(h) }
        let fine = try output(h).pixels(ofPatches: options.patch) * energy
        let coarse = try synthesis(z).pixels(ofPatches: Self.block)
        return try (fine + coarse).to(.float32) / scale
    }

    /// The root mean square of each image, `(N, 1, 1, 1)`.
    private static func energy(_ x: Tensor) throws(PFrameError) -> Tensor {
        try (x.to(.float32).squared().mean([1, 2, 3], keep: true) + 1e-6).squareRoot().to(x.type)
    }

    /// The loss: mean squared error in units of the training set's deviation, plus the weighted divergence from a
    /// standard normal distribution.
    ///
    /// - Parameters:
    ///   - residual: `(N, H, W, 3)` in pixel values.
    ///   - seeds: one for each residual, int64 `(N)`, for the draw from the Gaussian.
    /// - Returns: the loss, and the reconstruction's squared error in pixel values for the log.
    public func loss(_ residual: Tensor, seeds: Tensor) throws(PFrameError) -> (
        loss: Tensor, squaredError: Tensor
    ) {
        let (mean, logVariance) = try encode(residual)
        let noise = try Tensor.normal([1] + mean.shape.dropFirst(), seeds: seeds)
        let z = try mean + (logVariance * 0.5).exponential() * noise
        let error = try decode(z) - residual.to(.float32)
        let squared = try error.squared().mean()
        // ½ Σ (μ² + σ² − 1 − ln σ²), a value of z.
        let divergence = try (mean.squared() + logVariance.exponential() - logVariance + -1).mean() * 0.5
        let loss = try squared * scale.squared() + divergence * options.divergence
        return (try loss.sum(), squared)
    }

    /// The loss with one seed for each residual.
    public func loss(_ residual: Tensor, seeds: [RandomSeed]) throws(PFrameError) -> (
        loss: Tensor, squaredError: Tensor
    ) { try loss(residual, seeds: seeds.tensor(on: store.device)) }

    /// Begins the linear maps as principal components, and scales residuals by their deviation.
    public func begin(with basis: PrincipalComponents) throws(PFrameError) {
        let (latent, values) = (options.latentChannels, Self.block * Self.block * 3)
        let deviation = basis.deviation
        // Latents of variance 1: rows of the analysis are divided by √λ, columns of the synthesis multiplied.
        var analysis = [Float](repeating: 0, count: latent * values)
        var synthesis = [Float](repeating: 0, count: latent * values)
        for k in 0..<latent {
            let root = max(basis.variances[k].squareRoot(), 1e-3)
            for position in 0..<(Self.block * Self.block) {
                for channel in 0..<3 {
                    let value = Double(basis.vectors[k * values + position * 3 + channel])
                    // (O, I, h, w) as PyTorch orders weights; blocks are (h, w, C).
                    analysis[(k * 3 + channel) * Self.block * Self.block + position] = Float(value / root * deviation)
                    synthesis[(position * 3 + channel) * latent + k] = Float(value * root / deviation)
                }
            }
        }
        try store.set("analysis.weight", analysis)
        try store.set("analysis.bias", [Float](repeating: 0, count: latent))
        try store.set("synthesis.weight", synthesis)
        try store.set("synthesis.bias", [Float](repeating: 0, count: values))
        try store.set("scale", [Float(1 / deviation)])
        try store.mastersChanged()
    }
}

/// The autoencoder's means. Neither encoder nor decoder sees the prediction.
extension ResidualAutoencoder: TrainedResidualCoder {
    /// The family's name.
    public var name: String { ResidualVAE.name }
    /// Numbers of a block.
    public var channels: Int { options.latentChannels }

    func task(radius: Int) -> any TrainingTask { ResidualTask(self) }

    func evaluate(_ pixels: Tensor) throws(PFrameError) { _ = try decode(encode(pixels).mean) }

    /// The means, on the CPU.
    public func encode(_ residual: Tensor, beside prediction: Tensor) throws(PFrameError) -> Tensor {
        try withoutGradients { () throws(PFrameError) in try encode(residual.to(store.device)).mean.to(.cpu) }
    }

    /// Residuals of latents.
    public func decode(_ latents: Tensor, beside prediction: Tensor) throws(PFrameError) -> Tensor {
        try decode(latents)
    }
}

@available(*, unavailable)
extension ResidualAutoencoder: Sendable {}
