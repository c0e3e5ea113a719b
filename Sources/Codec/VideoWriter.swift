import CFFmpeg
public import Storage
public import SystemPackage

/// Writes a video file: encoder and container (chosen by the file's extension: `.mp4`, `.mkv`).
///
/// The file is complete only after `finish()`; without it, what lies there is no playable video.
public final class VideoWriter {
    private let path: FilePath
    private let encoder: VideoEncoder
    private var muxer: Muxer
    private let packet: Packet
    private let timeBase: Rational
    private var isFinished = false

    /// Creates the file and writes its header.
    ///
    /// - Parameters:
    ///   - path: the file; an existing one is replaced.
    ///   - settings: the encoder.
    ///   - size: of every picture.
    ///   - format: of every picture.
    ///   - timeBase: unit of the timestamps, in seconds.
    ///   - frameRate: what the container announces, nil for variable.
    ///   - orientation: how players turn the pictures, for the container to carry (`.mp4`).
    ///   - tags: sample aspect ratio and colour, for the stream and the container to carry.
    ///   - threads: of the encoder.
    /// - Throws: `PFrameError`.
    public init(
        path: FilePath, settings: EncoderSettings, size: Size, format: PixelFormat = .yuv420p, timeBase: Rational,
        frameRate: Rational? = nil, orientation: Orientation = .upright, tags: DisplayTags = DisplayTags(),
        threads: Int = 1
    ) throws(PFrameError) {
        self.path = path
        self.timeBase = timeBase
        packet = try Packet()
        let muxer = try Muxer(path: path)
        encoder = try VideoEncoder(
            settings, size: size, format: format, timeBase: timeBase, tags: tags,
            globalHeader: muxer.wantsGlobalHeader, threads: threads)
        try muxer.start(encoder.context, timeBase: timeBase, frameRate: frameRate, orientation: orientation)
        self.muxer = muxer
    }

    /// Encodes one picture.
    ///
    /// - Parameters:
    ///   - timestamp: in the writer's time base, higher than any before.
    ///   - picture: the picture.
    /// - Throws: `PFrameError`, a full disk included.
    public func write(_ picture: Picture, at timestamp: Int) throws(PFrameError) {
        picture.timestamp = Int64(timestamp)
        let type = picture.frame.pointee.pict_type
        // A decoded picture's own type would force the encoder's.
        picture.frame.pointee.pict_type = AV_PICTURE_TYPE_NONE
        defer { picture.frame.pointee.pict_type = type }
        try encoder.send(picture)
        try writePackets()
    }

    /// Drains the encoder, completes the container and flushes the file.
    ///
    /// - Throws: `PFrameError`, a full disk included.
    public func finish() throws(PFrameError) {
        guard !isFinished else { return }
        isFinished = true
        try encoder.send(nil)
        try writePackets()
        try muxer.finish()
    }

    private func writePackets() throws(PFrameError) {
        while try encoder.receive(into: packet) {
            try muxer.write(packet, timeBase: timeBase)
        }
    }
}

@available(*, unavailable)
extension VideoWriter: Sendable {}

/// Owns an `AVFormatContext` that writes one video stream.
private struct Muxer: ~Copyable {
    private let path: FilePath
    private let context: UnsafeMutablePointer<AVFormatContext>
    private var lastTime: Int64?
    private var lastStep: Int64 = 1

    init(path: FilePath) throws(PFrameError) {
        pframe_silence_log()
        self.path = path
        var created: UnsafeMutablePointer<AVFormatContext>?
        let code = path.withFileURL { avformat_alloc_output_context2(&created, nil, nil, $0) }
        guard code >= 0 else {
            throw PFrameError(.unsupported, path: path, "no container for this extension; use .mp4 or .mkv")
        }
        context = try allocated(created, path)
    }

    deinit {
        avio_closep(&context.pointee.pb)
        avformat_free_context(context)
    }

    var wantsGlobalHeader: Bool { context.pointee.oformat.pointee.flags & AVFMT_GLOBALHEADER != 0 }

    func start(
        _ encoder: UnsafeMutablePointer<AVCodecContext>, timeBase: Rational, frameRate: Rational?,
        orientation: Orientation
    ) throws(PFrameError) {
        let stream = try allocated(avformat_new_stream(context, nil), path)
        stream.pointee.time_base = timeBase.raw
        if let frameRate { stream.pointee.avg_frame_rate = frameRate.raw }
        try check(avcodec_parameters_from_context(stream.pointee.codecpar, encoder), path, "cannot describe the stream")
        stream.pointee.sample_aspect_ratio = encoder.pointee.sample_aspect_ratio
        if orientation != .upright {
            try check(pframe_set_display_matrix(stream, orientation.matrix), path, "cannot set the display matrix")
        }
        // The same pictures give the same bytes: no encoder versions, no random identifiers.
        context.pointee.flags |= AVFMT_FLAG_BITEXACT
        try check(
            path.withFileURL { avio_open(&context.pointee.pb, $0, AVIO_FLAG_WRITE) }, path, "cannot create the file")
        try check(avformat_write_header(context, nil), path, "cannot write the header")
    }

    mutating func write(_ packet: borrowing Packet, timeBase: Rational) throws(PFrameError) {
        guard let stream = context.pointee.streams[0] else { preconditionFailure("the muxer was not started") }
        packet.raw.pointee.stream_index = 0
        av_packet_rescale_ts(packet.raw, timeBase.raw, stream.pointee.time_base)
        let time = packet.raw.pointee.dts
        if let lastTime { lastStep = max(1, time - lastTime) }
        lastTime = time
        // Without a rate packets have no duration, and MP4 would end before its last picture.
        if packet.raw.pointee.duration == 0 { packet.raw.pointee.duration = lastStep }
        try check(av_write_frame(context, packet.raw), path, "cannot write")
        try checkIO()
    }

    func finish() throws(PFrameError) {
        try check(av_write_trailer(context), path, "cannot complete the file")
        avio_flush(context.pointee.pb)
        try checkIO()
        try check(avio_closep(&context.pointee.pb), path, "cannot close the file")
    }

    /// libavformat buffers: a full disk shows in the I/O context, not in the call that filled it.
    private func checkIO() throws(PFrameError) {
        try check(context.pointee.pb.pointee.error, path, "cannot write")
    }
}
