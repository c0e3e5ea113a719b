import CKernels
public import Codec
public import Storage

// The files of this folder:
//
//     PixelSource       a decoded picture as the BGR24 that OpenCV reads
//     PictureShrinker   the bilinear shrinking that PySceneDetect does first
//     ContentMeter      the content value of a picture against the one before
//     CutDetector       the cuts of a video, by its content values
//     MotionScores      the scores of vectors: of a clip, and of a whole video
//     PerceptualHash    the hash that finds near duplicates
//     CaptionScores     caption against frames, from embeddings that the user brings

/// Measures how much each picture of a video differs from the one before: the content value of PySceneDetect's
/// `ContentDetector`, which finds cuts and serves as the motion score of ART·V.
///
/// A picture is converted to BGR24 as OpenCV reads it (libswscale's default flags), turned for display, shrunk by
/// `ShrinkRule` with bilinear interpolation of two taps, and converted to 8-bit HSV; then the mean absolute differences
/// to the picture before are taken. The arithmetic is integer and equals OpenCV's for the same decoded pictures.
public final class ContentMeter {
    private let rule: ShrinkRule
    private let rotation: Int
    private let source = PixelSource()
    private var shrinker: PictureShrinker?
    private var previous: HSVPicture?
    private var spare: HSVPicture?

    /// Prepares for the pictures of one video, in display order.
    ///
    /// - Parameters:
    ///   - rule: to which size pictures shrink before they are compared.
    ///   - rotation: `Orientation.rotation` of the stream, clockwise degrees; OpenCV turns pictures before anything else,
    ///     and knows no flip.
    public init(rule: ShrinkRule = .v06, rotation: Int = 0) {
        precondition(rotation.isMultiple(of: 90), "a rotation by \(rotation) degrees")
        self.rule = rule
        self.rotation = (rotation % 360 + 360) % 360
    }

    /// Compares the next picture with the one before.
    ///
    /// - Parameter picture: of any size and pixel format, cut to its display size (`DecoderOptions.cropping`).
    /// - Returns: zero for the first picture; `ContentScore.incomparable` where the size at which pictures are compared
    ///   changes. A change of size that shrinks to the same is compared like any other picture.
    /// - Throws: `PFrameError` if libswscale cannot convert the picture's format, or memory is short. The picture then
    ///   counts as not given.
    public func next(_ picture: Picture) throws(PFrameError) -> ContentScore {
        let shrinker = shrinker(for: picture.size)
        let current = spare.flatMap { $0.size == shrinker.size ? $0 : nil } ?? HSVPicture(shrinker.size)
        spare = current
        try source.withRows(of: picture) { rows in
            shrinker.forEachRow(of: rows) { current.set($0, $1) }
        }
        (spare, previous) = (previous, current)
        guard let before = spare else { return .zero }
        return before.size == current.size ? current.difference(to: before) : .incomparable
    }

    private func shrinker(for size: Size) -> PictureShrinker {
        if let shrinker, shrinker.source == size { return shrinker }
        let made = PictureShrinker(size, rule: rule, rotation: rotation)
        shrinker = made
        return made
    }
}

@available(*, unavailable)
extension ContentMeter: Sendable {}

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

/// A picture in 8-bit HSV, three planes: hue 0…179, saturation and value 0…255 (OpenCV's `COLOR_BGR2HSV`).
final class HSVPicture {
    let size: Size
    private let hue: UnsafeMutablePointer<UInt8>
    private let saturation: UnsafeMutablePointer<UInt8>
    private let value: UnsafeMutablePointer<UInt8>

    /// A black picture.
    init(_ size: Size) {
        self.size = size
        func plane() -> UnsafeMutablePointer<UInt8> {
            let memory = UnsafeMutablePointer<UInt8>.allocate(capacity: size.width * size.height)
            memory.initialize(repeating: 0, count: size.width * size.height)
            return memory
        }
        (hue, saturation, value) = (plane(), plane(), plane())
    }

    deinit {
        hue.deallocate()
        saturation.deallocate()
        value.deallocate()
    }

    /// Sets a row from `size.width` pixels of 32 bits, blue lowest.
    func set(_ row: Int, _ pixels: UnsafePointer<UInt32>) {
        let start = row * size.width
        pframe_pixels_to_hsv(hue + start, saturation + start, value + start, pixels, size.width)
    }

    /// The mean absolute differences to a picture of the same size.
    func difference(to other: HSVPicture) -> ContentScore {
        precondition(size == other.size, "pictures of different sizes")
        let pixels = Double(max(1, size.width * size.height))
        return ContentScore(
            hue: Double(sum(hue, other.hue)) / pixels, saturation: Double(sum(saturation, other.saturation)) / pixels,
            luma: Double(sum(value, other.value)) / pixels)
    }

    private func sum(_ a: UnsafePointer<UInt8>, _ b: UnsafePointer<UInt8>) -> Int {
        // So many pixels at a time: the kernel's sum has 32 bits.
        let (count, step) = (size.width * size.height, 1 << 20)
        return stride(from: 0, to: count, by: step).reduce(0) { sum, start in
            sum + Int(pframe_sad(a + start, 0, b + start, 0, Int32(min(step, count - start)), 1))
        }
    }
}

@available(*, unavailable)
extension HSVPicture: Sendable {}
