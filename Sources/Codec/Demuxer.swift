import CFFmpeg
package import Storage
package import SystemPackage

/// Reads the packets of one video stream of a file (libavformat).
package struct Demuxer: ~Copyable {
    private let owner: FormatContext
    private var context: UnsafeMutablePointer<AVFormatContext> { owner.raw }
    /// The file.
    package let path: FilePath
    /// Every video stream of the file, cover pictures included.
    package let videoStreams: [VideoStream]
    /// The stream that is read.
    package let stream: VideoStream
    /// The size of the file in bytes as it was opened, 0 if the container cannot say.
    private let headerSize: Int
    /// When the file starts, microseconds: the earliest time of its streams, 0 if the container has no times.
    let startTime: Int
    /// What ended reading before the end of the file, once it has.
    package private(set) var readError: String?

    /// Opens a file and chooses a stream.
    ///
    /// - Parameters:
    ///   - path: a local file, a pipe, `-` for standard input, or an address (`FilePath.address`). Other protocols of
    ///     libavformat (`rtsp:`, `pipe:`) are not looked for in its name.
    ///   - streamIndex: container index of the stream to read; nil for the first that is not a cover picture.
    /// - Throws: `PFrameError` for a file that cannot be opened, holds no video, or has no such stream.
    package init(path: FilePath, streamIndex: Int? = nil) throws(PFrameError) {
        pframe_silence_log()
        let owner = try FormatContext(reading: path)
        let info = avformat_find_stream_info(owner.raw, nil)
        try owner.checkInput(path)
        guard info >= 0 else {
            throw PFrameError(errorCode(info), path: path, "cannot read the streams: \(reason(info))")
        }
        let streams = (0..<Int(owner.raw.pointee.nb_streams)).compactMap { owner.raw.pointee.streams[$0] }
        let videos = streams.filter { $0.pointee.codecpar.pointee.codec_type == AVMEDIA_TYPE_VIDEO }
            .map { VideoStream($0, container: owner.raw) }
        let chosen = try Self.choose(streamIndex, among: videos, path)
        for other in streams where other.pointee.index != Int32(chosen.index) {
            other.pointee.discard = AVDISCARD_ALL
        }
        self.path = path
        videoStreams = videos
        stream = chosen
        headerSize = max(0, Int(owner.raw.pointee.pb.map { avio_size($0) } ?? 0))
        startTime = owner.raw.pointee.start_time == pframe_no_pts() ? 0 : Int(owner.raw.pointee.start_time)
        self.owner = owner
    }

    private static func choose(
        _ index: Int?, among videos: [VideoStream], _ path: FilePath
    ) throws(PFrameError) -> VideoStream {
        guard let index else {
            if let first = videos.first(where: { !$0.isAttachedPicture }) { return first }
            throw PFrameError(.missing, path: path, "holds no video stream")
        }
        if let stream = videos.first(where: { $0.index == index }) { return stream }
        let list = videos.map { "\($0.index) (\($0.codecName) \($0.size))" }.joined(separator: ", ")
        throw PFrameError(
            .missing, path: path, "no video stream \(index); video streams here: \(list.isEmpty ? "none" : list)")
    }

    /// The container's parameters of the chosen stream, for the decoder.
    var parameters: UnsafeMutablePointer<AVCodecParameters> {
        guard let raw = context.pointee.streams[stream.index] else { preconditionFailure("the stream is gone") }
        return raw.pointee.codecpar
    }

    /// The size of the file in bytes, 0 if the container cannot say; of a pipe, once all has come.
    package var fileSize: Int {
        if case .bytes(let bytes) = owner.source { bytes.knownSize ?? 0 } else { headerSize }
    }

    /// Lends what the container keeps of the codec's parameters (`extradata`).
    package func withExtradata<Result>(_ body: (UnsafeRawBufferPointer) -> Result) -> Result {
        let parameters = parameters.pointee
        return body(UnsafeRawBufferPointer(start: parameters.extradata, count: Int(parameters.extradata_size)))
    }

    /// What the container keeps beyond the end of the file, in words; nil if nothing is known to be missing.
    ///
    /// - Throws: `PFrameError` if a server does not give the bytes that tell.
    package func missingEnd() throws(PFrameError) -> String? {
        guard let raw = context.pointee.streams[stream.index] else { return nil }
        do throws(PFrameError) { return try ContainerEnd.missing(raw, in: owner.source, fileSize: fileSize) } catch {
            throw error.locating(path)
        }
    }

    /// Whether packets have their own times wherever reading begins, and decoding from a key packet on gives the same
    /// pictures as decoding from the start: MP4 and Matroska, with codecs whose key pictures need nothing before them.
    ///
    /// Of H.264 only an IDR picture is such a one; the caller looks at that.
    var seeksExactly: Bool {
        let codec = parameters.pointee.codec_id
        let isIntra = avcodec_descriptor_get(codec).map { $0.pointee.props & AV_CODEC_PROP_INTRA_ONLY != 0 } ?? false
        let known = [
            AV_CODEC_ID_H264, AV_CODEC_ID_HEVC, AV_CODEC_ID_VP8, AV_CODEC_ID_VP9, AV_CODEC_ID_AV1, AV_CODEC_ID_MPEG4,
            AV_CODEC_ID_MPEG2VIDEO, AV_CODEC_ID_MPEG1VIDEO,
        ]
        let container = context.pointee.iformat.map { String(cString: $0.pointee.name) } ?? ""
        return (isIntra || known.contains(codec)) && ["mov,", "matroska,"].contains { container.hasPrefix($0) }
    }

    /// Goes to a key packet before a time, in the stream's time base; false if the container cannot.
    ///
    /// The time is that of the container's index: the packet may be shown later.
    mutating func seek(to time: Int) -> Bool {
        av_seek_frame(context, Int32(stream.index), Int64(time), AVSEEK_FLAG_BACKWARD) >= 0
    }

    /// Reads the next packet of the stream; false at the end.
    ///
    /// A read error ends the stream, as its end does, and is kept in `readError`. The packets before the error are
    /// good.
    ///
    /// - Throws: `PFrameError` for an encrypted packet, and if a server stops giving bytes.
    package mutating func read(into packet: borrowing Packet) throws(PFrameError) -> Bool {
        while true {
            av_packet_unref(packet.raw)
            let code = av_read_frame(context, packet.raw)
            // Bytes that a server did not give are no end of the video.
            try owner.checkInput(path)
            if code == pframe_averror_again() { continue }
            guard code >= 0 else {
                if code != pframe_averror_eof() { readError = reason(code) }
                return false
            }
            guard packet.raw.pointee.stream_index == Int32(stream.index) else { continue }
            guard pframe_is_encrypted(packet.raw, context.pointee.streams[stream.index]) == 0 else {
                throw PFrameError(
                    .refused, path: path,
                    "is encrypted. Decrypt it first, with its key: ffmpeg -decryption_key KEY -i IN -c copy OUT.mp4")
            }
            return true
        }
    }
}

/// Owns an `AVFormatContext` that reads.
private struct FormatContext: ~Copyable {
    let raw: UnsafeMutablePointer<AVFormatContext>
    /// Where the bytes come from.
    let source: InputSource
    /// What they are read through, where that is no file.
    private let input: InputContext?

    init(reading path: FilePath) throws(PFrameError) {
        let source: InputSource
        do throws(PFrameError) { source = try InputSource(path) } catch { throw error.locating(path) }
        var (opened, input) = (UnsafeMutablePointer<AVFormatContext>?.none, InputContext?.none)
        let code: Int32
        switch source {
        case .file(let file): code = file.withFileURL { avformat_open_input(&opened, $0, nil, nil) }
        case .bytes(let bytes):
            let reading = InputContext(bytes)
            let pointer = try reading.raw()
            opened = avformat_alloc_context()
            let context = try allocated(opened, path)
            context.pointee.pb = pointer
            context.pointee.flags |= AVFMT_FLAG_CUSTOM_IO
            pframe_refuse_other_files(context)
            // Of the name, the ending alone counts, for containers without signs of their own.
            code = avformat_open_input(&opened, path.fileName ?? "", nil, nil)
            if let failure = reading.failure {
                avformat_close_input(&opened)
                throw failure.locating(path)
            }
            input = reading
        }
        if code == pframe_averror_invalid_data() {
            throw PFrameError(
                .damaged, path: path, "is not a video that libavformat reads: wrong kind of file, empty, or cut off")
        }
        if code == -Errno.noSuchFileOrDirectory.rawValue, let text = path.nameOfNoFile {
            throw PFrameError(.usage, path: path, text)
        }
        try check(code, path, "cannot open")
        raw = try allocated(opened, path)
        (self.source, self.input) = (source, input)
    }

    /// Throws where bytes of a server or a pipe could not be read.
    func checkInput(_ path: FilePath) throws(PFrameError) {
        if let failure = input?.failure { throw failure.locating(path) }
    }

    deinit {
        var owned: UnsafeMutablePointer<AVFormatContext>? = raw
        avformat_close_input(&owned)
    }
}

extension PFrameError {
    /// The error about a video; of a server's error, which names the address itself, the rest is the message.
    fileprivate func locating(_ path: FilePath) -> PFrameError {
        guard self.path == nil else { return self }
        let prefix = path.shown + ": "
        return PFrameError(
            code, path: path, message.hasPrefix(prefix) ? String(message.dropFirst(prefix.count)) : message)
    }
}

extension FilePath {
    /// Lends the path as libavformat's `file:` URL, byte for byte, so that no colon in a name chooses a protocol.
    func withFileURL<Result>(_ body: (UnsafePointer<CChar>) -> Result) -> Result {
        withPlatformString { name in
            var url = Array("file:".utf8CString.dropLast())
            var next = name
            while next.pointee != 0 {
                url.append(next.pointee)
                next += 1
            }
            url.append(0)
            return url.withUnsafeBufferPointer { buffer in
                guard let base = buffer.baseAddress else { preconditionFailure("an empty array after append") }
                return body(base)
            }
        }
    }
}
