import Storage

/// The network that denoises latents under known motion.
///
/// It sees what decoding will see without residuals: the first frame as the motion carries it on
/// (``FollowedFrames``), read by a convolution over each block, beside the vectors and which blocks are coded.
struct LatentNetwork {
    private let patch: Convolution
    private let unet: UNet3D
    private let precision: Precision
    /// Vectors in units of this many pixels.
    private let reach: Double

    /// A network with fresh parameters.
    ///
    /// - Parameters:
    ///   - options: of the U-Net; its inputs and outputs follow from the latents.
    ///   - latent: channels of a latent.
    ///   - radius: the largest motion in pixels.
    init(_ scope: ParameterScope, _ options: UNetOptions, latent: Int, radius: Int) throws(PFrameError) {
        precision = scope.precision
        reach = Double(max(radius, 1))
        var options = options
        let features = options.width
        (options.inputs, options.outputs) = (latent + features + EDVDM.motion + 1, latent)
        // The block of the followed frame, and how it differs from the same block of the first frame.
        patch = try Convolution(scope["patch"], 6, features, kernel: EDVDM.factor, stride: EDVDM.factor, padding: 0)
        unet = try UNet3D(scope["unet"], options)
    }

    /// What the predictions of clips follow from beside the condition; the same for all steps.
    ///
    /// - Parameters:
    ///   - first: uint8 `(B, H, W, 3)`.
    ///   - motion: `(B·T, h, w, 2)` in whole pixels.
    ///   - coded: `(B·T, h, w, 1)`, 1 for a coded block.
    /// - Returns: `(B·T, h, w, width + 3)`.
    func guide(first: Tensor, motion: Tensor, coded: Tensor) throws(PFrameError) -> Tensor {
        let type = precision.type
        let followed = try FollowedFrames.of(first, motion: motion).to(type).affine(1 / 127.5, -1)
        let shape = first.shape
        let start = try first.to(type).affine(1 / 127.5, -1).reshaped([shape[0], 1] + shape.dropFirst())
        let change = try (followed.reshaped([shape[0], -1] + shape.dropFirst()) - start).reshaped(followed.shape)
        let blocks = try patch(.concatenated([followed, change], along: 3))
        return try .concatenated([blocks, (motion * (1 / reach)).to(type), coded.to(type)], along: 3)
    }

    /// The prediction for noisy latents `(B·T, h, w, latent)` at the steps of the clips, int64 `(B)`.
    func callAsFunction(
        _ x: Tensor, guide: Tensor, steps: Tensor, condition: Condition
    ) throws(PFrameError) -> Tensor {
        try unet(
            .concatenated([x.to(precision.type), guide], along: 3), frame: condition.firstFrame, steps: steps,
            text: condition.text)
    }
}

@available(*, unavailable)
extension LatentNetwork: Sendable {}
