import CFFmpeg
package import Storage

/// Encodes pictures with libx264 and decodes them again at once, one in, one out: the decoded pictures carry the
/// encoder's motion vectors.
package final class H264Transcoder {
    private let encoder: VideoEncoder
    private let decoder: VideoDecoder
    private let packet: Packet
    private let codedSize: Size
    private var count: Int64 = 0

    /// Opens both sides.
    ///
    /// - Parameter parameters: x264's, without B-frames and lookahead (otherwise no picture comes out at once).
    /// - Throws: `PFrameError` if libx264 is missing or refuses the parameters.
    package init(size: Size, parameters: String) throws(PFrameError) {
        codedSize = Size(width: (size.width + 1) & ~1, height: (size.height + 1) & ~1)
        encoder = try VideoEncoder(
            .h264(preset: "medium", parameters: parameters), size: codedSize, format: .yuv420p,
            timeBase: Rational(1, 25), globalHeader: false, threads: 1)
        var options = DecoderOptions()
        options.loopFilter = false
        decoder = try VideoDecoder(codec: AV_CODEC_ID_H264, options: options)
        packet = try Packet()
    }

    /// The decoded picture of `picture`, with vectors, at coded size.
    ///
    /// - Throws: `PFrameError` if the encoder holds the picture back or fails.
    package func transcode(_ picture: Picture) throws(PFrameError) -> Picture {
        // libx264 takes no 4:2:0 pictures of odd size.
        let even = picture.size == codedSize ? picture : try picture.padded(to: codedSize)
        even.timestamp = count
        count += 1
        let type = even.frame.pointee.pict_type
        even.frame.pointee.pict_type = AV_PICTURE_TYPE_NONE
        defer { even.frame.pointee.pict_type = type }
        try encoder.send(even)
        guard try encoder.receive(into: packet) else {
            throw PFrameError(.failed, "libx264 held a picture back: it needs settings without delay")
        }
        guard case .accepted = decoder.send(packet), case .picture(let decoded) = try decoder.receive() else {
            throw PFrameError(.failed, "the decoder held a picture of libx264 back")
        }
        return decoded
    }
}

@available(*, unavailable)
extension H264Transcoder: Sendable {}
