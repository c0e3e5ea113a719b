public import Storage

/// The shape of an ``AutoencoderKL``; the defaults are those of Stable Diffusion.
public struct AutoencoderKLOptions: Sendable, Equatable {
    /// Channels of an image.
    public var imageChannels = 3
    /// Channels of latents.
    public var latentChannels = 4
    /// Channels of each level; each level but the first has half the height and width.
    public var widths = [128, 256, 512, 512]
    /// Residual blocks of a level of the encoder; the decoder has one more.
    public var blocks = 2
    /// Groups of the channels in normalisation.
    public var groups = 32
    /// Whether the positions of the deepest level attend to one another.
    public var hasAttention = true
    /// Whether a 1×1 convolution stands behind the encoder.
    public var hasQuantConvolution = true
    /// Whether a 1×1 convolution stands before the decoder.
    public var hasPostQuantConvolution = true
    /// What latents are multiplied with before diffusion, so that their variance is about 1.
    public var scalingFactor = 0.18215

    /// A shape with its defaults.
    public init() {}

    /// Pixels that a position of the latents stands for, each way.
    public var factor: Int { 1 << (widths.count - 1) }
}

/// The autoencoder of latent diffusion: images to a Gaussian over latents and back (Rombach et al. 2022, section 3.1;
/// Kingma & Welling 2014).
///
/// Names of parameters are those of diffusers' `AutoencoderKL`.
public struct AutoencoderKL {
    /// Its shape.
    public let options: AutoencoderKLOptions
    private let encoder: Encoder
    private let quant: Convolution?
    private let postQuant: Convolution?
    private let decoder: Decoder
    private let type: ElementType

    static let epsilon = 1e-6

    /// An autoencoder with fresh parameters.
    public init(_ scope: ParameterScope, _ options: AutoencoderKLOptions) throws(PFrameError) {
        self.options = options
        type = scope.precision.type
        let latent = options.latentChannels
        encoder = try Encoder(scope["encoder"], options)
        quant =
            options.hasQuantConvolution
            ? try Convolution(scope["quant_conv"], 2 * latent, 2 * latent, kernel: 1) : nil
        postQuant =
            options.hasPostQuantConvolution
            ? try Convolution(scope["post_quant_conv"], latent, latent, kernel: 1) : nil
        decoder = try Decoder(scope["decoder"], options)
    }

    /// The mean and the logarithm of the variance of latents of images.
    ///
    /// - Parameter images: `(N, H, W, 3)`, −1…1; H and W are multiples of ``AutoencoderKLOptions/factor``.
    /// - Returns: each `(N, H / factor, W / factor, latentChannels)`, float32, not multiplied with the scaling factor;
    ///   the logarithm within −30…20.
    public func encode(_ images: Tensor) throws(PFrameError) -> (mean: Tensor, logVariance: Tensor) {
        let (factor, latent) = (options.factor, options.latentChannels)
        guard images.shape.count == 4, images.shape[1...2].allSatisfy({ $0 > 0 && $0.isMultiple(of: factor) }) else {
            throw PFrameError(.usage, "images \(images.shape): height and width must be multiples of \(factor)")
        }
        var h = try encoder(images.to(type))
        if let quant { h = try quant(h) }
        let moments = try h.to(.float32)
        return (
            try moments.sliced(0..<latent, along: 3),
            try moments.sliced(latent..<2 * latent, along: 3).clamped(-30, 20)
        )
    }

    /// The images of latents.
    ///
    /// - Parameter latents: `(N, h, w, latentChannels)`, divided by the scaling factor.
    /// - Returns: `(N, h · factor, w · factor, 3)`, float32, about −1…1.
    public func decode(_ latents: Tensor) throws(PFrameError) -> Tensor {
        var h = try latents.to(type)
        if let postQuant { h = try postQuant(h) }
        return try decoder(h).to(.float32)
    }
}

/// Images to mean and logarithm of the variance, `(N, h, w, 2 · latentChannels)`.
private struct Encoder {
    let input: Convolution
    let levels: [(blocks: [ImageResidualBlock], shrink: ImageDownsampling?)]
    let end: ImageMiddle
    let norm: GroupNorm
    let output: Convolution

    init(_ scope: ParameterScope, _ options: AutoencoderKLOptions) throws(PFrameError) {
        var width = options.widths[0]
        input = try Convolution(scope["conv_in"], options.imageChannels, width)
        var levels: [(blocks: [ImageResidualBlock], shrink: ImageDownsampling?)] = []
        for (index, next) in options.widths.enumerated() {
            let place = scope["down_blocks"][index]
            var blocks: [ImageResidualBlock] = []
            for number in 0..<options.blocks {
                blocks.append(
                    try ImageResidualBlock(
                        place["resnets"][number], width, next, groups: options.groups, epsilon: AutoencoderKL.epsilon))
                width = next
            }
            let isLast = index == options.widths.count - 1
            let shrink = isLast ? nil : try ImageDownsampling(place["downsamplers"][0], width, isLopsided: true)
            levels.append((blocks, shrink))
        }
        self.levels = levels
        end = try ImageMiddle(scope["mid_block"], width, options)
        norm = try GroupNorm(scope["conv_norm_out"], width, groups: options.groups, epsilon: AutoencoderKL.epsilon)
        output = try Convolution(scope["conv_out"], width, 2 * options.latentChannels)
    }

    func callAsFunction(_ x: Tensor) throws(PFrameError) -> Tensor {
        var h = try input(x)
        for (blocks, shrink) in levels {
            for block in blocks { h = try block(h) }
            if let shrink { h = try shrink(h) }
        }
        return try output(norm(end(h), frames: 1))
    }
}

/// Latents to images.
private struct Decoder {
    let input: Convolution
    let start: ImageMiddle
    let levels: [(blocks: [ImageResidualBlock], grow: ImageUpsampling?)]
    let norm: GroupNorm
    let output: Convolution

    init(_ scope: ParameterScope, _ options: AutoencoderKLOptions) throws(PFrameError) {
        var width = options.widths[options.widths.count - 1]
        input = try Convolution(scope["conv_in"], options.latentChannels, width)
        start = try ImageMiddle(scope["mid_block"], width, options)
        var levels: [(blocks: [ImageResidualBlock], grow: ImageUpsampling?)] = []
        for (index, next) in options.widths.reversed().enumerated() {
            let place = scope["up_blocks"][index]
            var blocks: [ImageResidualBlock] = []
            for number in 0...options.blocks {
                blocks.append(
                    try ImageResidualBlock(
                        place["resnets"][number], width, next, groups: options.groups, epsilon: AutoencoderKL.epsilon))
                width = next
            }
            let isLast = index == options.widths.count - 1
            levels.append((blocks, isLast ? nil : try ImageUpsampling(place["upsamplers"][0], width)))
        }
        self.levels = levels
        norm = try GroupNorm(scope["conv_norm_out"], width, groups: options.groups, epsilon: AutoencoderKL.epsilon)
        output = try Convolution(scope["conv_out"], width, options.imageChannels)
    }

    func callAsFunction(_ z: Tensor) throws(PFrameError) -> Tensor {
        var h = try start(input(z))
        for (blocks, grow) in levels {
            for block in blocks { h = try block(h) }
            if let grow { h = try grow(h) }
        }
        return try output(norm(h, frames: 1))
    }
}

/// The deepest level: two residual blocks, and between them attention among all positions with a single head.
private struct ImageMiddle {
    let first: ImageResidualBlock
    let attention: (norm: GroupNorm, layer: TokenAttention)?
    let second: ImageResidualBlock

    init(_ scope: ParameterScope, _ width: Int, _ options: AutoencoderKLOptions) throws(PFrameError) {
        let (groups, epsilon) = (options.groups, AutoencoderKL.epsilon)
        first = try ImageResidualBlock(scope["resnets"][0], width, width, groups: groups, epsilon: epsilon)
        if options.hasAttention {
            let place = scope["attentions"][0]
            attention = (
                norm: try GroupNorm(place["group_norm"], width, groups: groups, epsilon: epsilon),
                layer: try TokenAttention(place, width, context: width, heads: 1, bias: true)
            )
        } else {
            attention = nil
        }
        second = try ImageResidualBlock(scope["resnets"][1], width, width, groups: groups, epsilon: epsilon)
    }

    func callAsFunction(_ x: Tensor) throws(PFrameError) -> Tensor {
        var h = try first(x)
        if let attention {
            let shape = h.shape
            let tokens = try attention.norm(h, frames: 1, silu: false)
                .reshaped([shape[0], shape[1] * shape[2], shape[3]])
            h = try h + attention.layer(tokens).reshaped(shape)
        }
        return try second(h)
    }
}

@available(*, unavailable)
extension AutoencoderKL: Sendable {}
