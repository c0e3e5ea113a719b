public import Codec
public import Storage

/// Measures how much each picture of a video differs from the one before: the content value of PySceneDetect's
/// `ContentDetector`, which finds cuts and serves as the motion score of ART·V.
///
/// A picture is converted to BGR24 as OpenCV reads it (libswscale's default flags), turned for display, shrunk by
/// `ShrinkRule` with bilinear interpolation of two taps, and converted to 8-bit HSV; then the mean absolute differences to
/// the picture before are taken. All of it is integer arithmetic, equal to OpenCV's for the same decoded pictures.
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
    /// - Throws: `CodecError` where libswscale cannot convert the picture's format, or memory is short. The picture then
    ///   counts as not given.
    public func next(_ picture: Picture) throws(CodecError) -> ContentScore {
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
