import Codec
public import MotionVectors
public import Storage

/// What a sample holds of its clip, beside the first frame, the caption and the metadata.
public enum Representation: String, Sendable, CaseIterable {
    /// `frames.npy`, uint8 `(T, H, W, 3)`.
    case frames
    /// `difference.npy`, int16 `(T−1, H, W, 3)`: `vⁿ − vⁿ⁻¹` (D-VDM).
    case difference
    /// `mv.npy`, int16 `(T−1, H/16, W/16, 2)` in quarter pixels, and `residual.npy`, int16 `(T−1, H, W, 3)` (ED-VDM).
    case motionResidual = "motion-residual"
}

/// What samples are made of.
public struct SampleOptions: Sendable, Equatable {
    /// The arrays that samples hold, beside the first frame.
    public var representations: Set<Representation> = [.frames, .motionResidual]
    /// How `mv.npy` is found: `h264` as the paper does, or `search`.
    public var motionSource = MotionSource.h264
    /// The largest motion, in pixels.
    public var radius = 15

    /// The defaults.
    public init() {}

    /// As `dataset.json` records them.
    public var json: JSONValue {
        .object([
            "represent": .list(representations.map(\.rawValue).sorted().map { .text($0) }),
            "motion_source": .text(motionSource.rawValue), "radius": .integer(radius),
        ])
    }
}
