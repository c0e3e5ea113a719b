public import SystemPackage

/// The field's own networks, those that were given.
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

    /// No networks: PSNR, SSIM and what motion says.
    public init() {}

    /// Opens the files that are given.
    ///
    /// - Parameters:
    ///   - clipMerges: the merges that belong to `clip`.
    /// - Throws: `TrainError` where a file is not what it should be.
    public init(
        i3d: FilePath?, lpips: FilePath?, inception: FilePath?, clip: FilePath?, clipMerges: FilePath?, device: Device
    ) throws(TrainError) {
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
