public import Storage

/// Conditional residual coding: encoder and decoder both see the prediction P, which both sides have (Li, Li & Lu 2021).
///
/// The 16 numbers z of a block weigh 16 patterns of 16×16 pixels. A pattern is a picture plus a 5×5 filter of P:
///
/// `x̂ = P + Σₖ zₖ Bₖ`, `Bₖ = Vₖ + fₖ ∗ (P − mean of the block)`, `z = argmin |x − x̂|² + λ |z|²`
///
/// Pictures and filters are learned. They begin as 12 principal components of residuals and 4 derivatives of P: across,
/// down, Laplacian, and P without the block's mean. With the derivatives a block moves by less than a pixel, becomes
/// sharper or smoother, and gains or loses contrast: z sets the strength of filters that lie in the loop.
///
/// Encoding is a least-squares projection and has no parameters of its own. λ takes the place of a VAE's divergence: z is
/// the most likely value where z is standard normal and pixels are noisy.
///
/// Everything is computed in float32, whatever the precision of the store: least squares needs it.
public final class ConditionalAutoencoder {
    /// The shape.
    public let options: AutoencoderOptions
    /// Its parameters.
    public let store: ParameterStore
    /// The inverse deviation of residuals.
    private let scale: Tensor
    /// V in tenths, `(latent, 768)`: the optimiser moves all numbers equally far, and those of V are small.
    private let pictures: Tensor
    /// f, `(latent · 3, 3, 5, 5)`: the three colours of a pattern one behind the other.
    private let filters: Tensor
    /// λ times the identity, `(latent, latent)`.
    private let ridge: Tensor

    /// Pixels of a block each way.
    private static let block = PrincipalComponents.block
    /// Pixels of a filter on either side.
    private static let reach = 2
    /// Patterns that begin as filters.
    private static let derivatives = 4
    /// λ, in units of the residuals' variance.
    private static let regularisation = 0.05

    /// An autoencoder with fresh parameters.
    public init(
        _ options: AutoencoderOptions, precision: Precision = .float32, device: Device = .cpu, seed: UInt64 = 0
    ) throws(PFrameError) {
        precondition(options.coding == .conditional, "options of another coding")
        self.options = options
        store = ParameterStore(precision: precision, device: device, seed: seed)
        let (root, latent, edge) = (store.root, options.latentChannels, 2 * Self.reach + 1)
        scale = try root.parameter("scale", [1], .constant(1.0 / 16), keepsFloat: true, isFixed: true)
        pictures = try root.parameter(
            "pictures", [latent, PrincipalComponents.values], .constant(0), keepsFloat: true)
        filters = try root.parameter("filters", [3 * latent, 3, edge, edge], .constant(0), keepsFloat: true)
        var diagonal = [Float](repeating: 0, count: latent * latent)
        for index in 0..<latent { diagonal[index * (latent + 1)] = Float(Self.regularisation) }
        ridge = try Tensor(diagonal, shape: [latent, latent]).to(device)
    }

    /// B of predictions `(N, H, W, 3)`, 0…255: `(N, H/16, W/16, latent, 768)`, in units of the residuals' deviation.
    private func basis(of prediction: Tensor) throws(PFrameError) -> Tensor {
        let p = try prediction * scale
        let shape = [p.shape[0], p.shape[1] / Self.block, p.shape[2] / Self.block]
        let (latent, pixels) = (options.latentChannels, Self.block * Self.block)
        // What a filter makes of the mean of a block is what it makes of each colour, times the sum of its taps.
        let means = try p.patches(Self.block).reshaped(shape + [pixels, 3]).mean([3]).linear(filters.sum([2, 3]), nil)
        let filtered = try Self.edged(p).convolution(filters, nil, stride: 1, padding: 0).patches(Self.block)
        let centred = try filtered.reshaped(shape + [pixels, 3 * latent]) - means.reshaped(shape + [1, 3 * latent])
        return try centred.reshaped(shape + [pixels, latent, 3]).permuted([0, 1, 2, 4, 3, 5])
            .reshaped(shape + [latent, PrincipalComponents.values]) + pictures * 0.1
    }

    /// A picture with the pixels of its edge repeated as far as filters reach.
    private static func edged(_ x: Tensor) throws(PFrameError) -> Tensor {
        var x = x
        for dimension in 1...2 {
            let length = x.shape[dimension]
            let (start, end) = (
                try x.sliced(0..<1, along: dimension), try x.sliced((length - 1)..<length, along: dimension)
            )
            let (before, after) = (Array(repeating: start, count: reach), Array(repeating: end, count: reach))
            x = try Tensor.concatenated(before + [x] + after, along: dimension)
        }
        return x
    }

    /// z of residuals by patterns, without gradients: `(N, H, W, 3)` to `(N, H/16, W/16, latent)`.
    private func project(_ residual: Tensor, _ patterns: Tensor) throws(PFrameError) -> Tensor {
        try withoutGradients { () throws(PFrameError) in
            let blocks = try (residual * scale).patches(Self.block)
            let shape = Array(blocks.shape.prefix(3))
            let products = try patterns.matmul(patterns.permuted([0, 1, 2, 4, 3])) + ridge
            let along = try patterns.matmul(blocks.reshaped(shape + [PrincipalComponents.values, 1]))
            return try products.solved(along).reshaped(shape + [options.latentChannels])
        }
    }

    /// `x̂ − P` of z and patterns, `(N, H, W, 3)`.
    private func sum(_ latents: Tensor, _ patterns: Tensor) throws(PFrameError) -> Tensor {
        let (shape, latent) = (Array(latents.shape.prefix(3)), options.latentChannels)
        let blocks = try latents.reshaped(shape + [1, latent]).matmul(patterns)
        return try blocks.reshaped(shape + [PrincipalComponents.values]).pixels(ofPatches: Self.block) / scale
    }

    /// The loss of coding frames: the mean of `ln(e + 4)`, where e is the squared error of a frame in grey levels². But for
    /// the 4 it is PSNR, so a frame with little motion counts as much as a frame with much.
    ///
    /// - Parameters:
    ///   - frames: `(N, H, W, 3)` float32, 0…255, on the device of the parameters.
    ///   - predictions: the same.
    /// - Returns: the loss, and the squared error for the log.
    public func loss(_ frames: Tensor, predictions: Tensor) throws(PFrameError) -> (
        loss: Tensor, squaredError: Tensor
    ) {
        let (residual, patterns) = (try frames - predictions, try basis(of: predictions))
        let errors = try (sum(project(residual, patterns), patterns) - residual).squared().mean([1, 2, 3])
        return (try (errors + 4).logarithm().mean(), try errors.mean())
    }
}

extension ConditionalAutoencoder: TrainedResidualCoder {
    /// The family's name.
    public var name: String { ResidualVAE.name }
    /// Numbers of a block.
    public var channels: Int { options.latentChannels }

    func task(radius: Int) -> any TrainingTask { ConditionalTask(self, radius: radius) }

    func evaluate(_ pixels: Tensor) throws(PFrameError) { _ = try loss(pixels, predictions: pixels) }

    /// Begins pictures as the components of a data set, and filters as derivatives. Latents begin with a deviation of
    /// about 1.
    public func begin(with basis: PrincipalComponents) throws(PFrameError) {
        let (latent, values, edge) = (options.latentChannels, PrincipalComponents.values, 2 * Self.reach + 1)
        let components = latent - Self.derivatives
        var pictures = [Float](repeating: 0, count: latent * values)
        for index in 0..<(components * values) {
            let size = basis.variances[index / values].squareRoot() / basis.deviation
            pictures[index] = Float(10 * size * Double(basis.vectors[index]))
        }
        // Rows of 3×3 taps around the pixel.
        let taps: [[Float]] = [
            [0, 0, 0, -0.2, 0, 0.2, 0, 0, 0],
            [0, -0.2, 0, 0, 0, 0, 0, 0.2, 0],
            [0, 0.25, 0, 0.25, -1, 0.25, 0, 0.25, 0],
            [0, 0, 0, 0, 0.2, 0, 0, 0, 0],
        ]
        var filters = [Float](repeating: 0, count: 9 * latent * edge * edge)
        for (number, taps) in taps.enumerated() {
            for colour in 0..<3 {
                let filter = ((components + number) * 3 + colour) * 3 + colour
                for (index, tap) in taps.enumerated() {
                    let (y, x) = (index / 3 - 1 + Self.reach, index % 3 - 1 + Self.reach)
                    filters[(filter * edge + y) * edge + x] = tap
                }
            }
        }
        try store.set("pictures", pictures)
        try store.set("filters", filters)
        try store.set("scale", [Float(1 / basis.deviation)])
        try store.mastersChanged()
    }

    /// z of residuals, on the CPU.
    public func encode(_ residual: Tensor, beside prediction: Tensor) throws(PFrameError) -> Tensor {
        try withoutGradients { () throws(PFrameError) in
            try project(residual.to(store.device), basis(of: prediction.to(store.device))).to(.cpu)
        }
    }

    /// `x̂ − P` of latents.
    public func decode(_ latents: Tensor, beside prediction: Tensor) throws(PFrameError) -> Tensor {
        try sum(latents.to(store.device), basis(of: prediction.to(store.device)))
    }
}

@available(*, unavailable)
extension ConditionalAutoencoder: Sendable {}
