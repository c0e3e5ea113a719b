public import Codec
public import Storage
import SystemPackage

/// An image that a model is asked for.
public struct ImageRequest: Sendable, Equatable {
    /// What the image is called.
    public var name: String
    /// What the image shows.
    public var prompt: String
    /// What the image does not show; empty for nothing in particular.
    public var negativePrompt: String
    /// What its noise follows from.
    public var seed: UInt64

    /// A request.
    public init(name: String, prompt: String, negativePrompt: String = "", seed: UInt64) {
        (self.name, self.prompt, self.negativePrompt, self.seed) = (name, prompt, negativePrompt, seed)
    }
}

/// Makes images of texts by diffusion in the latents of an autoencoder (Rombach et al. 2022), with the networks of a
/// folder in diffusers' layout.
///
/// An image follows from its request alone, but for the last digits, which depend on how many images are made together.
public struct TextToImage {
    /// The folder.
    public let folder: DiffusersFolder
    /// The diffusion process, and how the folder samples it.
    public let schedule: DiffusersSchedule
    /// The size of images that the U-Net was trained on.
    public let size: Size
    /// The type that the U-Net and the autoencoder compute in; the text encoder computes in float32.
    public let precision: Precision
    /// Where the networks compute.
    public let device: Device
    private let tokenizer: BPETokenizer
    private let encoder: CLIPTextEncoder
    private let unet: UNet2DConditional
    private let autoencoder: AutoencoderKL

    /// Reads the networks of a folder.
    ///
    /// - Throws: `PFrameError` if a part is missing, damaged, not what its configuration says, or of a kind that PFrame
    ///   does not have.
    public init(
        _ folder: DiffusersFolder, precision: Precision = .float32, device: Device = .cpu
    ) throws(PFrameError) {
        (self.folder, self.precision, self.device) = (folder, precision, device)
        schedule = try folder.schedule()
        // What the configurations say is checked before gigabytes are read.
        let (shape, positions) = try folder.unetOptions()
        let (latents, (tower, text)) = (try folder.autoencoderOptions(), try folder.textOptions())
        try Self.check(folder, shape, latents, width: tower.width)
        size = Size(
            width: (positions?.width ?? 64) * latents.factor, height: (positions?.height ?? 64) * latents.factor)
        tokenizer = try folder.tokenizer(context: text.context)
        encoder = try folder.textEncoder(device: device)
        unet = try folder.unet(steps: schedule.process.schedule.steps, precision: precision, device: device)
        autoencoder = try folder.autoencoder(precision: precision, device: device)
    }

    /// Checks that the networks fit each other.
    private static func check(
        _ folder: DiffusersFolder, _ unet: UNet2DOptions, _ autoencoder: AutoencoderKLOptions, width: Int
    ) throws(PFrameError) {
        let file = folder.path.appending("unet/config.json")
        for (key, channels) in [("in_channels", unet.inputs), ("out_channels", unet.outputs)]
        where channels != autoencoder.latentChannels {
            throw PFrameError(
                .conflict, path: file,
                "\"\(key)\" is \(channels), and the autoencoder's latents have \(autoencoder.latentChannels) channels")
        }
        guard unet.context == width else {
            throw PFrameError(
                .conflict, path: file,
                "\"cross_attention_dim\" is \(unet.context), and the text encoder gives tokens of \(width) channels")
        }
    }

    /// Pixels that a side of an image must be a multiple of.
    public var factor: Int { autoencoder.options.factor }

    /// Makes an image for each request, all of them together.
    ///
    /// - Parameters:
    ///   - requests: the images to make.
    ///   - size: of the images, in pixels; multiples of ``factor``.
    ///   - options: how the process is sampled, as ``DiffusersSchedule/options(_:steps:eta:)`` gives it.
    ///   - guidance: the scale of classifier-free guidance; 1 for none.
    ///   - progress: told after each step how many are done; what it throws ends sampling.
    /// - Throws: `PFrameError` for a size that does not fit, and for weights that give NaN.
    public func images(
        _ requests: [ImageRequest], size: Size, options: SamplerOptions, guidance: Double,
        progress: (Int) throws(PFrameError) -> Void = { _ in }
    ) throws(PFrameError) -> [RGBImage] {
        let factor = self.factor
        guard size.width > 0, size.height > 0, size.width.isMultiple(of: factor), size.height.isMultiple(of: factor)
        else { throw PFrameError(.usage, "images of \(size): width and height must be multiples of \(factor)") }
        guard !requests.isEmpty else { return [] }
        return try withoutGradients { () throws(PFrameError) in
            let type = precision.type
            let prompts = try encoded(requests.map(\.prompt)).to(type)
            // Guidance of 1 has no use for the prediction without the text.
            let context =
                guidance == 1
                ? prompts
                : try Tensor.concatenated([encoded(requests.map(\.negativePrompt)).to(type), prompts], along: 0)
            let seeds = requests.map { RandomSeed($0.seed) }
            let shape = [1, size.height / factor, size.width / factor, autoencoder.options.latentChannels]
            let noise = try Tensor.normal(shape, seeds: seeds.map { $0.mixed("noise") }.tensor(on: device))
            let sampler = try Sampler(schedule.process, options)
            let (count, copies) = (requests.count, context.shape[0] / requests.count)
            let latents = try sampler.sample(noise: noise, seeds: seeds, progress: progress) {
                (x, step) throws(PFrameError) in
                let steps = try Tensor(Array(repeating: Int64(step), count: copies * count), device: device)
                let input = try Tensor.concatenated(Array(repeating: x, count: copies), along: 0).to(type)
                let prediction = try unet(input, steps: steps, context: context)
                guard copies == 2 else { return prediction }
                return try guided(
                    conditional: prediction.sliced(count..<2 * count, along: 0),
                    unconditional: prediction.sliced(0..<count, along: 0), scale: guidance)
            }
            return try decoded(latents)
        }
    }

    /// The tokens of texts through the text encoder, float32 `(N, context, width)`.
    private func encoded(_ texts: [String]) throws(PFrameError) -> Tensor {
        try encoder(texts.map { tokenizer.tokens($0, length: encoder.contextLength) }).sequence
    }

    /// The images of latents, one after the other: the autoencoder takes more memory than the U-Net.
    private func decoded(_ latents: Tensor) throws(PFrameError) -> [RGBImage] {
        let scaled = try latents * (1 / autoencoder.options.scalingFactor)
        var images: [RGBImage] = []
        for index in 0..<latents.shape[0] {
            let image = try autoencoder.decode(scaled.sliced(index..<index + 1, along: 0))
            let pixels = try image.affine(127.5, 127.5).clamped(0, 255).rounded().to(.uint8).bytes()
            images.append(RGBImage(width: image.shape[2], height: image.shape[1], pixels: pixels))
        }
        return images
    }
}

@available(*, unavailable)
extension TextToImage: Sendable {}
