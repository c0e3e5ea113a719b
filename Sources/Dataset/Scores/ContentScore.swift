import Storage

/// How much a picture differs from the one before: the three parts of PySceneDetect's content value, in steps of 8-bit
/// HSV, means over the pixels.
public struct ContentScore: Sendable, Equatable {
    /// Mean absolute difference of hue, 0…179 (`delta_hue`). Hue is not taken as a circle: 179 and 0 are 179 apart.
    public var hue: Double
    /// Mean absolute difference of saturation, 0…255 (`delta_sat`).
    public var saturation: Double
    /// Mean absolute difference of HSV's value, 0…255 (`delta_lum`; the stats file calls it so though it is no luma).
    public var luma: Double

    /// Creates a score of its parts.
    public init(hue: Double, saturation: Double, luma: Double) {
        self.hue = hue
        self.saturation = saturation
        self.luma = luma
    }

    /// PySceneDetect's `content_val`: the mean of the three.
    public var value: Double { (hue + saturation + luma) / 3 }

    /// The score of a first picture, which has none before it.
    public static let zero = ContentScore(hue: 0, saturation: 0, luma: 0)
    /// The score of a picture that cannot be compared with the one before, since its size is another: every part at its
    /// most, so that a cut falls there.
    public static let incomparable = ContentScore(hue: 179, saturation: 255, luma: 255)
    /// From this value on PySceneDetect's `ContentDetector` sees a cut, by default.
    public static let cutThreshold = 27.0
}
