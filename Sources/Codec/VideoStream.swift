import CFFmpeg
import Storage

/// A fraction, as time bases and frame rates are.
public struct Rational: Sendable, Hashable, Codable {
    /// Above the line.
    public var numerator: Int
    /// Below the line.
    public var denominator: Int

    /// Creates a fraction.
    public init(_ numerator: Int, _ denominator: Int) {
        self.numerator = numerator
        self.denominator = denominator
    }

    init(_ raw: AVRational) { self.init(Int(raw.num), Int(raw.den)) }

    var raw: AVRational { AVRational(num: Int32(clamping: numerator), den: Int32(clamping: denominator)) }

    /// The quotient, 0 if the denominator is 0.
    public var value: Double { denominator == 0 ? 0 : Double(numerator) / Double(denominator) }
}

/// How a codec forms inter prediction from the vectors that libavcodec exports for it.
public enum PredictionRule: String, Sendable, Codable {
    /// H.264: luma 6-tap quarter-pel, chroma bilinear 1/8-pel.
    case h264
    /// MPEG-4 part 2 and H.263: bilinear half-pel, chroma vectors rounded to half-pel.
    case mpeg4
    /// MPEG-1 and MPEG-2: bilinear half-pel, chroma vectors halved towards zero.
    case mpeg2
}

/// A video stream of a file, as its container describes it.
public struct VideoStream: Sendable {
    /// Index in the container, as ffprobe numbers streams: what `--stream` takes.
    public let index: Int
    /// libavcodec's name of the codec, such as `h264`.
    public let codecName: String
    /// The codec's profile by name, if known.
    public let profile: String?
    /// Display size as the container states it, before rotation.
    public let size: Size
    /// Pixel format by libavutil's name, if known.
    public let pixelFormatName: String?
    /// Unit of every pts of the stream, in seconds.
    public let timeBase: Rational
    /// The average frame rate as the container states it (0/0 if it does not); time comes from pts, never from this.
    public let averageFrameRate: Rational
    /// Pictures that the container announces, 0 if it does not: a guess at the length, since edit lists and dropped
    /// frames change their number.
    public let announcedFrames: Int
    /// Duration in seconds, nil if the container does not say.
    public let duration: Double?
    /// How pictures are turned for display, by the container's display matrix.
    public let orientation: Orientation
    /// Width of a sample over its height, nil if the file does not say.
    public let sampleAspectRatio: Rational?
    /// Whether it is a cover picture and no video.
    public let isAttachedPicture: Bool
    /// How vectors of this codec predict, nil for codecs of which libavcodec exports none.
    public let predictionRule: PredictionRule?

    init(_ stream: UnsafeMutablePointer<AVStream>, container: UnsafeMutablePointer<AVFormatContext>) {
        let parameters = stream.pointee.codecpar.pointee
        index = Int(stream.pointee.index)
        codecName = String(cString: avcodec_get_name(parameters.codec_id))
        profile = avcodec_profile_name(parameters.codec_id, parameters.profile).map { String(cString: $0) }
        size = Size(width: Int(parameters.width), height: Int(parameters.height))
        pixelFormatName = av_get_pix_fmt_name(AVPixelFormat(parameters.format)).map { String(cString: $0) }
        timeBase = Rational(stream.pointee.time_base)
        averageFrameRate = Rational(stream.pointee.avg_frame_rate)
        announcedFrames = max(0, Int(stream.pointee.nb_frames))
        sampleAspectRatio = Rational(positive: av_guess_sample_aspect_ratio(container, stream, nil))
        isAttachedPicture = stream.pointee.disposition & AV_DISPOSITION_ATTACHED_PIC != 0
        if stream.pointee.duration != pframe_no_pts() {
            duration = Double(stream.pointee.duration) * Rational(stream.pointee.time_base).value
        } else if container.pointee.duration != pframe_no_pts() {
            duration = Double(container.pointee.duration) * Rational(pframe_microseconds()).value
        } else {
            duration = nil
        }
        orientation = pframe_display_matrix(stream).flatMap { Orientation(matrix: $0) } ?? .upright
        predictionRule =
            switch parameters.codec_id {
            case AV_CODEC_ID_H264: .h264
            case AV_CODEC_ID_MPEG4, AV_CODEC_ID_H263, AV_CODEC_ID_H263P, AV_CODEC_ID_FLV1: .mpeg4
            case AV_CODEC_ID_MPEG1VIDEO, AV_CODEC_ID_MPEG2VIDEO: .mpeg2
            default: nil
            }
    }
}
