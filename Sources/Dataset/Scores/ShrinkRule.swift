public import Codec
import Storage

/// To which size PySceneDetect shrinks pictures before it compares them: its releases disagree.
public enum ShrinkRule: String, Sendable, CaseIterable, Codable {
    /// Releases up to 0.6.4, among them the 0.6.2 of ART·V's time: both sides by the whole factor ⌊width / 256⌋.
    case v06 = "0.6"
    /// Releases since 0.6.5: both sides by the factor that makes the longer one 256.
    case v07 = "0.7"
    /// Not at all (`downscale=1`).
    case none

    /// What the rules call wide enough, in pixels.
    static let effectiveWidth = 256

    /// The size at which a picture of `size`, as displayed, is compared: sides rounded half to even as Python does, at
    /// least 1; `size` itself where the rule's factor is not above 1.
    public func shrunk(_ size: Size) -> Size {
        let factor: Double
        switch self {
        case .v06: factor = Double(size.width / Self.effectiveWidth)
        case .v07: factor = Double(max(size.width, size.height)) / Double(Self.effectiveWidth)
        case .none: factor = 1
        }
        guard factor > 1 else { return size }
        func side(_ length: Int) -> Int { max(1, Int((Double(length) / factor).rounded(.toNearestOrEven))) }
        return Size(width: side(size.width), height: side(size.height))
    }
}
