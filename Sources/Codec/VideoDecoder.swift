import CFFmpeg
import Storage
import SystemPackage

/// How to decode.
public struct DecoderOptions: Sendable {
    /// Which pictures are not decoded at all (`AVDiscard`).
    public enum Skip: Sendable {
        /// Decode everything.
        case nothing
        /// Skip pictures that no other predicts from (`AVDISCARD_NONREF`).
        case nonReference
        /// Decode key pictures only (`AVDISCARD_NONKEY`).
        case nonKey
    }

    /// Export motion vectors (`AV_CODEC_FLAG2_EXPORT_MVS`).
    public var exportsMotionVectors = true
    /// Export the QP of every macroblock (`AV_CODEC_EXPORT_DATA_VIDEO_ENC_PARAMS`).
    package var exportsQuantisers = false
    /// Run the loop filter. Vectors do not need it; pixels do.
    public var loopFilter = true
    /// Cut pictures to their display size. Off: planes have the coded size, and `Picture.crop` is the visible part.
    public var cropping = false
    /// Pictures to skip.
    public var skip = Skip.nothing
    /// Check the CRC of every FFV1 slice. libavcodec only logs a wrong CRC and continues with the previous picture.
    /// Only for files that carry CRCs, such as files from `EncoderSettings.ffv1`.
    public var checksSlices = false
    /// Slice threads. One is exact; more change the pixels of damaged pictures. Frame threads are never used: they
    /// corrupt exported vectors of B-frame streams.
    public var threads = 1

    /// The defaults: exact pixels and vectors at coded size.
    public init() {}
}

/// A video decoder (`AVCodecContext`), one packet in, any number of pictures out.
struct VideoDecoder: ~Copyable {
    private let owner: CodecContext
    private var context: UnsafeMutablePointer<AVCodecContext> { owner.raw }

    /// Opens the decoder for the given parameters.
    ///
    /// - Throws: `PFrameError` if this libavcodec has no such decoder.
    init(
        parameters: UnsafePointer<AVCodecParameters>, path: FilePath?, options: DecoderOptions
    ) throws(PFrameError) {
        let name = String(cString: avcodec_get_name(parameters.pointee.codec_id))
        guard parameters.pointee.codec_id != AV_CODEC_ID_NONE else {
            throw PFrameError(.unsupported, path: path, Self.unknownCodec(parameters.pointee.codec_tag))
        }
        guard let codec = avcodec_find_decoder(parameters.pointee.codec_id) else {
            throw PFrameError(.unsupported, path: path, "this libavcodec has no decoder for \(name)")
        }
        let context = try CodecContext(codec)
        try check(avcodec_parameters_to_context(context.raw, parameters), path, "cannot set up the \(name) decoder")
        Self.configure(context.raw, options)
        try check(avcodec_open2(context.raw, codec, nil), path, "cannot open the \(name) decoder")
        owner = context
    }

    /// What to say of a stream whose codec libavformat does not know.
    private static func unknownCodec(_ tag: UInt32) -> String {
        let bytes = (0..<4).map { UInt8(truncatingIfNeeded: tag >> ($0 * 8)) }
        guard !["encv", "drmi"].contains(String(decoding: bytes, as: UTF8.self)) else {
            return "is encrypted and does not name its codec; PFrame reads no protected videos"
        }
        let isText = bytes.allSatisfy { (0x20..<0x7F).contains($0) }
        let name = isText ? "\"\(String(decoding: bytes, as: UTF8.self))\"" : "0x\(String(tag, radix: 16))"
        return "this libavformat does not know the codec of the video (tag \(name)): convert the video to H.264 with a "
            + "program that knows it"
    }

    /// A decoder with nothing known of the stream but its codec: parameter sets come in the packets.
    init(codec id: AVCodecID, options: DecoderOptions) throws(PFrameError) {
        let codec = avcodec_find_decoder(id)
        let context = try CodecContext(codec)
        Self.configure(context.raw, options)
        try check(avcodec_open2(context.raw, codec, nil), nil, "cannot open the decoder")
        owner = context
    }

    private static func configure(_ context: UnsafeMutablePointer<AVCodecContext>, _ options: DecoderOptions) {
        context.pointee.thread_count = Int32(options.threads)
        context.pointee.thread_type = FF_THREAD_SLICE
        context.pointee.apply_cropping = options.cropping ? 1 : 0
        if options.exportsMotionVectors { context.pointee.flags2 |= AV_CODEC_FLAG2_EXPORT_MVS }
        if options.exportsQuantisers {
            context.pointee.export_side_data |= AV_CODEC_EXPORT_DATA_VIDEO_ENC_PARAMS
        }
        if !options.loopFilter { context.pointee.skip_loop_filter = AVDISCARD_ALL }
        context.pointee.skip_frame =
            switch options.skip {
            case .nothing: AVDISCARD_DEFAULT
            case .nonReference: AVDISCARD_NONREF
            case .nonKey: AVDISCARD_NONKEY
            }
    }

    /// The most reference pictures that the stream keeps (H.264: `num_ref_frames`), once known.
    var referenceFrames: Int { max(1, Int(context.pointee.refs)) }

    /// How many later packets it takes before it gives a picture, once known.
    var outputDelay: Int { Int(context.pointee.has_b_frames) }

    /// Exports no motion vectors from here on, which costs a tenth of the time of decoding.
    func leaveOutMotionVectors() { context.pointee.flags2 &= ~AV_CODEC_FLAG2_EXPORT_MVS }

    /// What became of a packet.
    enum Sent {
        case accepted
        /// Take pictures out first, then send it again.
        case full
        /// libavcodec refused it: damaged.
        case damaged
    }

    /// `avcodec_send_packet`; nil drains.
    func send(_ packet: borrowing Packet) -> Sent { outcome(avcodec_send_packet(context, packet.raw)) }

    /// Tells the decoder that no packet follows.
    func finish() { avcodec_send_packet(context, nil) }

    private func outcome(_ code: Int32) -> Sent {
        if code == pframe_averror_again() { return .full }
        return code < 0 ? .damaged : .accepted
    }

    /// What the decoder gave.
    enum Received {
        case picture(Picture)
        case needsInput
        case end
        /// The picture of the last packet was lost; continue.
        case damaged
    }

    /// `avcodec_receive_frame`.
    ///
    /// - Throws: `PFrameError` when memory is short.
    func receive() throws(PFrameError) -> Received {
        let picture = try Picture()
        let code = avcodec_receive_frame(context, picture.frame)
        if code == pframe_averror_again() { return .needsInput }
        if code == pframe_averror_eof() { return .end }
        return code < 0 ? .damaged : .picture(picture)
    }
}

/// Owns an `AVCodecContext`, of a decoder or an encoder.
struct CodecContext: ~Copyable {
    let raw: UnsafeMutablePointer<AVCodecContext>

    init(_ codec: UnsafePointer<AVCodec>?) throws(PFrameError) {
        pframe_silence_log()
        raw = try allocated(avcodec_alloc_context3(codec))
    }

    deinit {
        var owned: UnsafeMutablePointer<AVCodecContext>? = raw
        avcodec_free_context(&owned)
    }
}
