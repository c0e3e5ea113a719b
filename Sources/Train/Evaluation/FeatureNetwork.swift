public import Codec
public import Storage
public import SystemPackage

/// The feature networks of the metrics, run from the TorchScript files of their authors, so that numbers can be
/// compared with papers.
///
/// All networks take uint8 RGB frames. The file says which flags the `forward` of a network has; a network without
/// flags gets only its input.
public final class FeatureNetwork {
    private enum Kind { case i3d, lpips, inception, inceptionClasses }

    private let kind: Kind
    private let module: ScriptModule
    private let flags: [String: Bool]
    private let device: Device

    private init(
        _ kind: Kind, _ path: FilePath, _ device: Device, flags: [String: Bool]
    ) throws(PFrameError) {
        let module = try ScriptModule(path, device: device)
        self.flags = flags.filter { module.takes($0.key) }
        (self.kind, self.module, self.device) = (kind, module, device)
    }

    /// I3D (Carreira & Zisserman 2017) as in FVD: `i3d_torchscript.pt` of StyleGAN-V, 400 logits a clip.
    ///
    /// Frames are resized to 224×224 bilinearly, without antialiasing and without keeping their proportions, to −1…1. A
    /// clip needs about 10 frames or more; papers take 16.
    public static func i3d(_ path: FilePath, device: Device = .cpu) throws(PFrameError) -> FeatureNetwork {
        // Resized and rescaled here: within, the file would do the same.
        try FeatureNetwork(
            .i3d, path, device, flags: ["rescale": false, "resize": false, "return_features": true])
    }

    /// VGG16 with the weights of LPIPS (Zhang et al. 2018): `vgg16.pt` of StyleGAN2-ADA, features of each frame at its
    /// own size, whose squared distance is LPIPS. They are 122 numbers per pixel: ask for `distances`.
    public static func lpips(_ path: FilePath, device: Device = .cpu) throws(PFrameError) -> FeatureNetwork {
        try FeatureNetwork(.lpips, path, device, flags: ["resize_images": false, "return_lpips": true])
    }

    /// Inception v3 as in FID (Heusel et al. 2017): `inception-2015-12-05.pt` of StyleGAN2-ADA, 2,048 features a frame;
    /// it resizes to 299×299 itself.
    public static func inception(_ path: FilePath, device: Device = .cpu) throws(PFrameError) -> FeatureNetwork {
        try FeatureNetwork(.inception, path, device, flags: ["return_features": true])
    }

    /// The same network's probabilities of 1,008 classes for each frame, without the last bias: what `InceptionScore` takes.
    public static func inceptionClasses(_ path: FilePath, device: Device = .cpu) throws(PFrameError) -> FeatureNetwork {
        try FeatureNetwork(.inceptionClasses, path, device, flags: ["return_features": false, "no_output_bias": true])
    }

    /// Features of a clip: one row from I3D, a row for each frame from the others.
    ///
    /// - Parameters:
    ///   - clip: uint8 RGB `(T, H, W, 3)`, contiguous.
    ///   - size: W and H in pixels.
    /// - Throws: if these are not whole frames, or the network refuses them.
    public func features(ofClip clip: Span<UInt8>, size: Size) throws(PFrameError) -> [Float] {
        let frames = size.width * size.height * 3
        return try features(ofClips: clip, frames: max(1, frames > 0 ? clip.count / frames : 1), size: size)
    }

    /// Features of clips of equal length, in batches.
    ///
    /// - Parameters:
    ///   - clips: uint8 RGB `(N, T, H, W, 3)`, contiguous.
    ///   - frames: T.
    ///   - size: W and H in pixels.
    /// - Returns: float32, N rows from I3D and N · T from the others, one behind the other.
    /// - Throws: if these are not whole clips, or the network refuses them.
    public func features(ofClips clips: Span<UInt8>, frames: Int, size: Size) throws(PFrameError) -> [Float] {
        precondition(frames > 0, "clips of no frame")
        let images = try Tensor.frames(clips, size: size)
        let count = images.shape[0]
        guard count % frames == 0 else { throw PFrameError(.usage, "\(count) frames are not whole clips of \(frames)") }
        let unit = kind == .i3d ? frames : 1
        var result: [Float] = []
        for piece in Self.pieces(count, unit: unit) {
            result += try features(of: images.sliced(piece, along: 0), unit: unit).floats()
        }
        return result
    }

    /// LPIPS of each frame of a clip against its reference; only for `lpips`.
    ///
    /// - Parameters:
    ///   - clip: uint8 RGB `(T, H, W, 3)`, contiguous.
    ///   - reference: the true values, of the same shape.
    ///   - size: W and H in pixels.
    /// - Returns: `Σ (φ(a) − φ(b))²` for each of the T frames; 0 if they are equal.
    /// - Throws: if the two differ in length or are not whole frames, or the network refuses them.
    public func distances(
        _ clip: Span<UInt8>, reference: Span<UInt8>, size: Size
    ) throws(PFrameError) -> [Float] {
        precondition(kind == .lpips, "LPIPS of a network that has none")
        guard clip.count == reference.count else {
            throw PFrameError(
                .usage, "a clip of \(clip.count) bytes, a reference of \(reference.count): both must be as long")
        }
        let (one, other) = (try Tensor.frames(clip, size: size), try Tensor.frames(reference, size: size))
        var result: [Float] = []
        for piece in Self.pieces(one.shape[0], unit: 1) {
            let difference =
                try features(of: one.sliced(piece, along: 0), unit: 1)
                - features(of: other.sliced(piece, along: 0), unit: 1)
            result += try withoutGradients { () throws(PFrameError) in try difference.squared().sum([1]).floats() }
        }
        return result
    }

    /// Frames that go through the network at once: some tens, in whole clips.
    private static func pieces(_ count: Int, unit: Int) -> [Range<Int>] {
        let length = max(1, 32 / unit) * unit
        return stride(from: 0, to: count, by: length).map { $0..<min(count, $0 + length) }
    }

    /// Rows of images uint8 `(N · unit, H, W, 3)`.
    private func features(of images: Tensor, unit: Int) throws(PFrameError) -> Tensor {
        try withoutGradients { () throws(PFrameError) in
            let shape = images.shape
            let rows = shape[0] / unit
            var input = try images.to(device).to(.float32)
            if kind == .i3d {
                if shape[1] != 224 || shape[2] != 224 {
                    input = try input.resized(height: 224, width: 224, antialias: false)
                }
                input = try input.affine(2 / 255.0, -1).reshaped([rows, unit, 224, 224, 3])
                    .permuted([0, 4, 1, 2, 3]).contiguous()
            } else {
                input = try input.permuted([0, 3, 1, 2]).contiguous()
            }
            let output = try module([input], flags: flags)
            guard output.shape.first == rows else {
                throw PFrameError(
                    .unsupported, path: module.path, "gave \(output.shape); a row for each of \(rows) is expected")
            }
            return try output.reshaped([rows, -1])
        }
    }
}

@available(*, unavailable)
extension FeatureNetwork: Sendable {}

/// The networks of the metrics that were given.
public struct EvaluationNetworks {
    /// I3D, for FVD.
    public var i3d: FeatureNetwork?
    /// VGG16 with the weights of LPIPS.
    public var lpips: FeatureNetwork?
    /// Inception's features, for FID.
    public var inception: FeatureNetwork?
    /// Inception's classes, for the Inception score.
    public var inceptionClasses: FeatureNetwork?
    /// CLIP, for the CLIP score.
    public var clip: CLIPModel?

    /// No networks: only PSNR, SSIM and metrics of motion.
    public init() {}

    /// Opens the files that are given.
    ///
    /// - Parameters:
    ///   - clipMerges: the merges that belong to `clip`.
    ///   - lpips: the network of LPIPS.
    ///   - device: where it computes.
    ///   - inception: Inception's network.
    ///   - i3d: the network of FVD.
    ///   - clip: the clip.
    /// - Throws: `PFrameError` if a file is not what it should be.
    public init(
        i3d: FilePath?, lpips: FilePath?, inception: FilePath?, clip: FilePath?, clipMerges: FilePath?, device: Device
    ) throws(PFrameError) {
        if let i3d { self.i3d = try .i3d(i3d, device: device) }
        if let lpips { self.lpips = try .lpips(lpips, device: device) }
        if let inception {
            self.inception = try .inception(inception, device: device)
            inceptionClasses = try .inceptionClasses(inception, device: device)
        }
        if let clip, let clipMerges { self.clip = try CLIPModel(clip, merges: clipMerges, device: device) }
    }

    /// What each network sees, by the metric's name.
    var resizing: [String] {
        [
            i3d.map { _ in "I3D: whole clips at 224x224, bilinear without antialiasing" },
            lpips.map { _ in "LPIPS: frames at their own size" },
            inception.map { _ in "Inception: frames at 299x299, resized by the network" },
            clip.map { "CLIP: frames at \($0.imageSize)x\($0.imageSize), bicubic with antialiasing, centre" },
        ].compactMap(\.self)
    }
}

@available(*, unavailable)
extension EvaluationNetworks: Sendable {}
