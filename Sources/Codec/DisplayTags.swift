import CFFmpeg
import Storage

/// The display properties of a video: the sample aspect ratio and the colour tags (H.264's VUI; `pasp` and `colr` of
/// MP4).
///
/// Names are libavutil's, as ffprobe prints them. A property is nil if the video does not say.
public struct DisplayTags: Sendable, Hashable, Codable {
    /// Width of a sample over its height.
    public var sampleAspectRatio: Rational?
    /// `tv` (16…235) or `pc` (0…255).
    public var range: String?
    /// The matrix between RGB and YCbCr, such as `bt709`.
    public var matrix: String?
    /// The colours of red, green and blue, such as `bt709`.
    public var primaries: String?
    /// The transfer characteristics, such as `bt709` or `smpte2084`.
    public var transfer: String?
    /// Where chroma samples lie, such as `left`.
    public var chromaLocation: String?

    /// Tags that say nothing.
    public init() {}

    /// The tags of pictures that libswscale converts from RGB by default: BT.601, limited range.
    public static let convertedFromRGB: DisplayTags = {
        var tags = DisplayTags()
        (tags.range, tags.matrix) = ("tv", "smpte170m")
        return tags
    }()

    /// What a decoded picture says, with the sample aspect ratio of its stream.
    public init(of picture: Picture, in stream: VideoStream) {
        let frame = picture.frame.pointee
        sampleAspectRatio = stream.sampleAspectRatio ?? Rational(positive: frame.sample_aspect_ratio)
        range = Self.name(av_color_range_name(frame.color_range))
        matrix = Self.name(av_color_space_name(frame.colorspace))
        primaries = Self.name(av_color_primaries_name(frame.color_primaries))
        transfer = Self.name(av_color_transfer_name(frame.color_trc))
        chromaLocation = Self.name(av_chroma_location_name(frame.chroma_location))
    }

    /// Tells an encoder. Names that this libavutil does not know are left out.
    func apply(to encoder: UnsafeMutablePointer<AVCodecContext>) {
        if let sampleAspectRatio { encoder.pointee.sample_aspect_ratio = sampleAspectRatio.raw }
        if let value = Self.value(range, av_color_range_from_name) { encoder.pointee.color_range = AVColorRange(value) }
        if let value = Self.value(matrix, av_color_space_from_name) { encoder.pointee.colorspace = AVColorSpace(value) }
        if let value = Self.value(primaries, av_color_primaries_from_name) {
            encoder.pointee.color_primaries = AVColorPrimaries(value)
        }
        if let value = Self.value(transfer, av_color_transfer_from_name) {
            encoder.pointee.color_trc = AVColorTransferCharacteristic(value)
        }
        if let value = Self.value(chromaLocation, av_chroma_location_from_name) {
            encoder.pointee.chroma_sample_location = AVChromaLocation(value)
        }
    }

    /// Tells a picture.
    func apply(to frame: UnsafeMutablePointer<AVFrame>) {
        if let value = Self.value(range, av_color_range_from_name) { frame.pointee.color_range = AVColorRange(value) }
        if let value = Self.value(matrix, av_color_space_from_name) { frame.pointee.colorspace = AVColorSpace(value) }
        if let value = Self.value(primaries, av_color_primaries_from_name) {
            frame.pointee.color_primaries = AVColorPrimaries(value)
        }
        if let value = Self.value(transfer, av_color_transfer_from_name) {
            frame.pointee.color_trc = AVColorTransferCharacteristic(value)
        }
        if let value = Self.value(chromaLocation, av_chroma_location_from_name) {
            frame.pointee.chroma_location = AVChromaLocation(value)
        }
    }

    private static func name(_ text: UnsafePointer<CChar>?) -> String? {
        text.map { String(cString: $0) }.flatMap { ["unknown", "unspecified"].contains($0) ? nil : $0 }
    }

    private static func value(_ name: String?, _ find: (UnsafePointer<CChar>?) -> Int32) -> UInt32? {
        name.flatMap { UInt32(exactly: find($0)) }
    }
}

extension Rational {
    /// Nil unless both numbers are positive, as an aspect ratio's are.
    init?(positive raw: AVRational) {
        guard raw.num > 0, raw.den > 0 else { return nil }
        self.init(raw)
    }
}
