import CFFmpeg

/// Encodes pictures with libx264 and decodes them again at once, one in, one out: the decoded pictures carry the
/// encoder's motion vectors.
public final class H264Transcoder {
    private let encoder: VideoEncoder
    private let decoder: VideoDecoder
    private let packet: Packet
    private var count: Int64 = 0

    /// Opens both sides.
    ///
    /// - Parameter parameters: x264's, without B-frames and lookahead (otherwise no picture comes out at once).
    /// - Throws: `CodecError` where libx264 is missing or refuses the parameters.
    public init(size: Size, parameters: String) throws(CodecError) {
        encoder = try VideoEncoder(
            .h264(preset: "medium", parameters: parameters), size: size, format: .yuv420p,
            timeBase: Rational(1, 25), globalHeader: false, threads: 1)
        var options = DecoderOptions()
        options.loopFilter = false
        decoder = try VideoDecoder(codec: AV_CODEC_ID_H264, options: options)
        packet = try Packet()
    }

    /// The decoded picture of `picture`, with vectors, at coded size.
    ///
    /// - Throws: `CodecError` where the encoder holds the picture back or fails.
    public func transcode(_ picture: Picture) throws(CodecError) -> Picture {
        picture.timestamp = count
        count += 1
        let type = picture.frame.pointee.pict_type
        picture.frame.pointee.pict_type = AV_PICTURE_TYPE_NONE
        defer { picture.frame.pointee.pict_type = type }
        try encoder.send(picture)
        guard try encoder.receive(into: packet) else {
            throw CodecError(path: nil, "libx264 held a picture back: it needs settings without delay")
        }
        guard case .accepted = decoder.send(packet), case .picture(let decoded) = try decoder.receive() else {
            throw CodecError(path: nil, "the decoder held a picture of libx264 back")
        }
        return decoded
    }
}

@available(*, unavailable)
extension H264Transcoder: Sendable {}
