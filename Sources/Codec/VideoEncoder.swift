import CFFmpeg
import Storage
import SystemPackage

/// What to encode with.
public enum EncoderSettings: Sendable {
    /// libx264.
    ///
    /// - Parameters:
    ///   - crf: constant rate factor, 0…51, lower is better.
    ///   - preset: x264's preset, such as `medium`.
    ///   - parameters: x264's own parameters, `name=value:name=value`; they win over all else.
    case h264(crf: Double = 18, preset: String = "medium", parameters: String = "")
    /// Lossless FFV1 version 3, every picture a key picture, slices with CRC.
    case ffv1
    /// PNG.
    case png

    var encoderName: String {
        switch self {
        case .h264: "libx264"
        case .ffv1: "ffv1"
        case .png: "png"
        }
    }
}

/// A video encoder (`AVCodecContext`): pictures in, packets out.
struct VideoEncoder: ~Copyable {
    private let owner: CodecContext
    var context: UnsafeMutablePointer<AVCodecContext> { owner.raw }

    /// Opens an encoder.
    ///
    /// - Parameters:
    ///   - timeBase: unit of the pictures' timestamps, in seconds.
    ///   - tags: sample aspect ratio and colour, for the stream to carry.
    ///   - globalHeader: parameter sets go into the container's header and not into the stream.
    ///   - threads: of the encoder; the bytes depend on it for H.264, not for FFV1.
    /// - Throws: `PFrameError` if this libavcodec lacks the encoder or refuses the settings.
    init(
        _ settings: EncoderSettings, size: Size, format: PixelFormat, timeBase: Rational,
        tags: DisplayTags = DisplayTags(),
        globalHeader: Bool, threads: Int
    ) throws(PFrameError) {
        let name = settings.encoderName
        guard let codec = avcodec_find_encoder_by_name(name) else {
            throw PFrameError(.unsupported, "this libavcodec has no encoder \(name)")
        }
        let context = try CodecContext(codec)
        let raw = context.raw
        raw.pointee.width = Int32(size.width)
        raw.pointee.height = Int32(size.height)
        raw.pointee.pix_fmt = format.raw
        raw.pointee.time_base = timeBase.raw
        raw.pointee.thread_count = Int32(threads)
        tags.apply(to: raw)
        if globalHeader { raw.pointee.flags |= AV_CODEC_FLAG_GLOBAL_HEADER }
        var options: [(String, String)] = []
        switch settings {
        case .h264(let crf, let preset, let parameters):
            let all = [sameBytes, parameters].filter { !$0.isEmpty }.joined(separator: ":")
            options = [("crf", "\(crf)"), ("preset", preset), ("x264-params", all)]
        case .ffv1:
            raw.pointee.level = 3
            raw.pointee.gop_size = 1
            guard size.width > 1, size.height > 1 else {
                throw PFrameError(.unsupported, "libavcodec's FFV1 changes \(size) pictures; store .npy instead")
            }
            raw.pointee.slices = slices(of: size)
            options = [("slicecrc", "1")]
        case .png:
            break
        }
        for (key, value) in options where !value.isEmpty {
            try check(av_opt_set(raw.pointee.priv_data, key, value, 0), nil, "\(name) refuses \(key)=\(value)")
        }
        try check(avcodec_open2(raw, codec, nil), nil, "cannot open the \(name) encoder for \(size) pictures")
        owner = context
    }

    /// `avcodec_send_frame`; nil drains.
    func send(_ picture: Picture?) throws(PFrameError) {
        try check(avcodec_send_frame(context, picture?.frame), nil, "cannot encode a picture")
    }

    /// `avcodec_receive_packet`: false when it needs more pictures, or is drained.
    func receive(into packet: borrowing Packet) throws(PFrameError) -> Bool {
        let code = avcodec_receive_packet(context, packet.raw)
        if code == pframe_averror_again() || code == pframe_averror_eof() { return false }
        try check(code, nil, "cannot encode a picture")
        return true
    }
}

/// x264's AVX-512 code reads memory that nothing wrote, and decides by it, at most sizes of pictures: the same pictures
/// give other bytes from run to run. Its AVX2 code does not; it takes a tenth longer.
private let sameBytes = av_get_cpu_flags() & AV_CPU_FLAG_AVX512 != 0 ? "asm=avx2" : ""

/// Slices of an FFV1 picture, which may be coded in parallel. Odd and tiny pictures cannot be cut: libavcodec takes one
/// slice up to 352×288, and above only a count of its own choice (0).
private func slices(of size: Size) -> Int32 {
    if size.width % 2 != 0 || size.height % 2 != 0 || min(size.width, size.height) < 16 {
        return size.width <= 352 && size.height <= 288 ? 1 : 0
    }
    return size.width * size.height < 640 * 360 ? 4 : 12
}
