import CFFmpeg
public import Storage
public import SystemPackage

/// Decodes a video stream: pictures in output (display) order, each with the number of its packet (decode order).
///
/// A damaged packet is recorded and skipped, as the `ffmpeg` program does.
public final class VideoReader {
    /// Where a picture lies relative to the span that is read.
    package enum Place { case before, inside, after }

    private var demuxer: Demuxer
    /// Called with each packet that went into the decoder, and its number.
    package var onPacket: ((Int, borrowing Packet) -> Void)?
    private let decoder: VideoDecoder
    private let packet: Packet
    private var syntax: H264Syntax?
    private let checksSlices: Bool
    private var state = State.reading
    private var times = BestEffortTimestamp()
    /// The span that is read, in the stream's time base.
    private let window: (start: Int, end: Int?)?
    /// Where the last picture lay.
    private var place = Place.before
    /// Its time, in the stream's time base.
    private var lastTime: Int?
    /// Every packet so far, in decode order.
    package private(set) var packets: [PacketRecord] = []
    /// Pictures decoded so far.
    public private(set) var delivered = 0
    /// Damage so far: pictures with errors, and damaged packets that gave no picture. Every count of damage is this one.
    /// Of a span, damage before its last whole key picture does not count.
    public private(set) var damaged = 0
    /// How pictures are turned for display: by the matrix that came with the first picture, or by the container's.
    public private(set) var orientation: Orientation
    /// Bytes read so far, for progress.
    public private(set) var bytesRead = 0

    /// What the container keeps beyond the end of the file, once it was read to its end.
    private var missingEnd: String?

    private enum State { case reading, packetPending, draining, ended }

    /// Opens a video.
    ///
    /// - Parameters:
    ///   - path: a local file, a pipe, `-` for standard input, or an address: `FilePath(location: "https://…")`. A pipe is
    ///     read again by a later reader while an earlier one lives, or ``PipedVideo`` does.
    ///   - streamIndex: container index of the stream; nil for the first video stream.
    ///   - options: how to decode.
    ///   - span: the pictures to give; nil for all. Decoding begins at the key picture before the span where the container
    ///     leads there exactly, else at the start of the file; the pictures and their times are the same.
    /// - Throws: `PFrameError` if the file cannot be opened or decoded.
    public init(
        path: FilePath, streamIndex: Int? = nil, options: DecoderOptions = DecoderOptions(), span: TimeSpan? = nil
    ) throws(PFrameError) {
        demuxer = try Demuxer(path: path, streamIndex: streamIndex)
        decoder = try VideoDecoder(parameters: demuxer.parameters, path: path, options: options)
        orientation = demuxer.stream.orientation
        window = span?.ticks(demuxer.stream.timeBase, origin: demuxer.startTime)
        packet = try Packet()
        let parameters = demuxer.parameters.pointee
        checksSlices = options.checksSlices && parameters.codec_id == AV_CODEC_ID_FFV1
        if parameters.codec_id == AV_CODEC_ID_H264 {
            let bytes = UnsafeRawBufferPointer(start: parameters.extradata, count: Int(parameters.extradata_size))
            syntax = H264Syntax(extradata: bytes)
        }
        if let span, span.start > 0, let window { try seek(before: window.start, streamIndex) }
    }

    /// The file.
    public var path: FilePath { demuxer.path }
    /// The stream that is read.
    public var stream: VideoStream { demuxer.stream }
    /// Every video stream of the file.
    public var videoStreams: [VideoStream] { demuxer.videoStreams }
    /// The size of the file in bytes, 0 where unknown.
    public var fileSize: Int { demuxer.fileSize }
    /// Lends what the container keeps of the codec's parameters (`extradata`).
    package func withExtradata<Result>(_ body: (UnsafeRawBufferPointer) -> Result) -> Result {
        demuxer.withExtradata(body)
    }
    /// The most reference pictures that the stream keeps (H.264: `num_ref_frames`); known after the first picture.
    public var referenceFrames: Int { decoder.referenceFrames }
    /// How many later packets the decoder takes before it gives a picture; known after the first picture.
    package var outputDelay: Int { decoder.outputDelay }
    /// What cut the file short, in words: a read error, or, once the last picture was read, pictures that the container
    /// keeps beyond the end of the file. Nil where nothing did.
    public var truncation: String? {
        // What lies after a span does not concern it.
        guard place != .after else { return nil }
        if let error = demuxer.readError { return "reading stopped: \(error)" }
        return missingEnd
    }
    /// The numbers of the damaged packets.
    public var damagedPackets: [Int] { packets.indices.filter { packets[$0].isDamaged } }

    /// Lets the decoder export no motion vectors from here on.
    package func leaveOutMotionVectors() { decoder.leaveOutMotionVectors() }

    /// Whether a time lies in the span; a picture without one lies in none.
    package func spans(_ time: Int?) -> Bool {
        guard let window else { return true }
        return time.map { $0 >= window.start && $0 < window.end ?? .max } ?? false
    }

    /// How long the video is, in words: `the video is 5.2 s long`; nil if the container does not say.
    package var lengthInWords: String? {
        stream.duration.map { "the video is \(NumberText.trimmed($0, 3)) s long" }
    }

    /// What to say of a video, or of a span of it, without a picture.
    package func nothingDecoded(in span: TimeSpan?) -> PFrameError {
        guard let span else { return PFrameError(.damaged, path: path, "no picture could be decoded") }
        let length = lengthInWords.map { "; \($0)" } ?? ""
        return PFrameError(.missing, path: path, "holds no picture \(span.words)\(length)")
    }

    /// The next picture of the video, or of the span, in output order; nil at the end.
    ///
    /// - Throws: `PFrameError` when memory is short, for encrypted packets, and if a server or a pipe stops giving bytes.
    ///   Damage is no error: see `packets` and `Picture.isDamaged`. A span of a stream without times is an error.
    public func next() throws(PFrameError) -> Picture? {
        while place != .after, let (picture, place) = try nextDecoded() {
            if place == .inside { return picture }
        }
        return nil
    }

    /// The next picture that is decoded, those before and after the span included: pictures of the span may predict from
    /// them.
    ///
    /// - Throws: `PFrameError` as ``next()``.
    package func nextDecoded() throws(PFrameError) -> (picture: Picture, place: Place)? {
        guard let picture = try decode() else { return nil }
        try locate(picture)
        return (picture, place)
    }

    /// Finds out where a picture lies. From the first one after the span on, all do.
    private func locate(_ picture: Picture) throws(PFrameError) {
        guard let window else { return place = .inside }
        guard place != .after else { return }
        // Some containers have no time for the last pictures alone: they follow at the average rate.
        let rate = stream.averageFrameRate.value * stream.timeBase.value
        guard let time = picture.time ?? lastTime.map({ $0 + (rate > 0 && rate < 1 ? Int((1 / rate).rounded()) : 1) })
        else {
            throw PFrameError(
                .unsupported, path: path,
                "has no times to cut at; put the stream into a container with times first: "
                    + "ffmpeg -i \(path.lastComponent?.string ?? "IN") -c copy OUT.mp4")
        }
        lastTime = time
        if place == .before, picture.isKey, !picture.isDamaged, let number = picture.packetNumber {
            damaged = packets[(number + 1)...].count { $0.isDamaged }
        }
        place = time < window.start ? .before : window.end.map { time >= $0 } ?? false ? .after : .inside
    }

    /// Goes to a key packet from which the pictures of the span decode as they do from the start of the file, or stays at
    /// the start.
    private func seek(before start: Int, _ streamIndex: Int?) throws(PFrameError) {
        guard demuxer.seeksExactly else { return }
        var target = start
        for _ in 0..<Self.mostSeeks {
            guard demuxer.seek(to: target), try demuxer.read(into: packet) else { break }
            let raw = packet.raw.pointee
            guard raw.pts != pframe_no_pts() else { break }
            let isRefresh = packet.withBytes { syntax?.facts(of: $0) }.map(\.isIDR) ?? true
            if raw.flags & AV_PKT_FLAG_KEY != 0, isRefresh, raw.pts <= start {
                record()
                state = .packetPending
                return
            }
            target = min(target, Int(raw.pts), raw.dts == pframe_no_pts() ? .max : Int(raw.dts)) - 1
        }
        demuxer = try Demuxer(path: path, streamIndex: streamIndex)
    }

    /// How many key packets are looked at for one that decoding can begin at.
    private static let mostSeeks = 16

    private func decode() throws(PFrameError) -> Picture? {
        while state != .ended {
            if state == .reading || state == .packetPending { try advance() }
            switch try decoder.receive() {
            case .picture(let picture):
                claim(picture)
                return picture
            case .damaged:
                markLastDamaged()
                if state == .draining { continue }
            case .needsInput:
                break
            case .end:
                state = .ended
                missingEnd = try demuxer.missingEnd()
            }
        }
        return nil
    }

    /// Sends one packet, or starts draining.
    private func advance() throws(PFrameError) {
        if state == .reading {
            guard try demuxer.read(into: packet) else {
                decoder.finish()
                state = .draining
                return
            }
            record()
        }
        switch decoder.send(packet) {
        case .accepted: state = .reading
        case .full:
            state = .packetPending
            return
        case .damaged:
            markLastDamaged()
            state = .reading
        }
        onPacket?(packets.count - 1, packet)
    }

    private func record() {
        let raw = packet.raw.pointee
        if syntax != nil, let renewed = packet.withNewExtradata({ H264Syntax(extradata: $0) }) { syntax = renewed }
        let facts = packet.withBytes { syntax?.facts(of: $0) } ?? H264Syntax.PictureFacts()
        packets.append(
            PacketRecord(
                pts: raw.pts == pframe_no_pts() ? nil : Int(raw.pts),
                dts: raw.dts == pframe_no_pts() ? nil : Int(raw.dts), size: Int(raw.size),
                isReference: facts.isReference, isIDR: facts.isIDR, isMBAFF: facts.isMBAFF,
                isDamaged: false))
        let isWrong = checksSlices && !packet.withBytes { FFV1Slices.areIntact($0) }
        if raw.flags & AV_PKT_FLAG_CORRUPT != 0 || isWrong { markLastDamaged() }
        bytesRead += Int(raw.size)
        // libavcodec hands the packet's pts to its picture, and the dts of the packet that made it come out: the numbers of
        // both packets take that road and back.
        packet.raw.pointee.pts = Int64(packets.count - 1)
        packet.raw.pointee.dts = packet.raw.pointee.pts
    }

    private func claim(_ picture: Picture) {
        delivered += 1
        if delivered == 1, let own = picture.orientation { orientation = own }
        let index = packet(numbered: picture.timestamp)
        picture.packetNumber = index
        picture.time = times.next(
            pts: index.flatMap { packets[$0].pts },
            dts: packet(numbered: picture.frame.pointee.pkt_dts).flatMap { packets[$0].dts })
        guard let index else {
            if picture.isDamaged, place != .after { damaged += 1 }
            return
        }
        if picture.isDamaged { markDamaged(index) }
        // Outside H.264 the picture type alone tells whether others predict from it.
        if syntax == nil { packets[index].isReference = picture.type != .bidirectional }
    }

    private func packet(numbered number: Int64) -> Int? {
        number == pframe_no_pts() ? nil : Int(exactly: number).flatMap { packets.indices.contains($0) ? $0 : nil }
    }

    private func markLastDamaged() {
        if !packets.isEmpty { markDamaged(packets.count - 1) }
    }

    private func markDamaged(_ index: Int) {
        guard !packets[index].isDamaged else { return }
        packets[index].isDamaged = true
        if place != .after { damaged += 1 }
    }
}

@available(*, unavailable)
extension VideoReader: Sendable {}

/// Keeps what comes through a pipe, so that several readers, one after the other, read the same video from its start.
public struct PipedVideo: Sendable {
    private let bytes: SpooledBytes

    /// Keeps the video of a pipe; nil for a path that is no pipe.
    ///
    /// - Throws: `PFrameError` if the pipe cannot be opened.
    public init?(_ path: FilePath) throws(PFrameError) {
        guard let bytes = try SpooledBytes.pipe(path) else { return nil }
        self.bytes = bytes
    }

    /// Whether a path leads to a pipe, which is not opened.
    public static func isPipe(_ path: FilePath) -> Bool { SpooledBytes.isPipe(path) }

    /// Bytes that came so far.
    public var received: Int { bytes.received }
}

/// Tells the presentation times of pictures where containers leave them out or count them wrong: ffprobe's
/// `best_effort_timestamp` (libavcodec's `guess_correct_pts`).
///
/// A picture's own pts holds as long as pts step back no more often than dts do; then, or where there is none, the dts of
/// the packet that made the decoder give the picture holds.
package struct BestEffortTimestamp {
    private var last = (pts: Int.min, dts: Int.min)
    private var faulty = (pts: 0, dts: 0)

    /// Before the first picture.
    package init() {}

    /// The time of the next picture in output order, in the unit of its arguments; nil where both are unknown.
    package mutating func next(pts: Int?, dts: Int?) -> Int? {
        if let dts {
            if dts <= last.dts { faulty.dts += 1 }
            last.dts = dts
        } else if let pts {
            last.dts = pts
        }
        if let pts {
            if pts <= last.pts { faulty.pts += 1 }
            last.pts = pts
        } else if let dts {
            last.pts = dts
        }
        return faulty.pts <= faulty.dts || dts == nil ? pts ?? dts : dts
    }
}

/// Checks the slices of an FFV1 version 3 packet (RFC 9043, 4.8 and 4.9).
enum FFV1Slices {
    /// Bytes after a slice: its size (24 bits), an error status, and a CRC-32.
    private static let footer = 8

    /// Whether every slice of a picture has the CRC that it carries; false for a packet without slices.
    static func areIntact(_ packet: UnsafeRawBufferPointer) -> Bool {
        guard let base = packet.baseAddress, let table = av_crc_get_table(AV_CRC_32_IEEE) else { return false }
        var end = packet.count
        // Slices are found from the last to the first, each by the size in its footer; the CRC covers its own bytes too.
        while end >= footer {
            let size = Int(packet[end - 8]) << 16 | Int(packet[end - 7]) << 8 | Int(packet[end - 6])
            let start = end - footer - size
            guard start >= 0 else { return false }
            let bytes = (base + start).assumingMemoryBound(to: UInt8.self)
            guard av_crc(table, 0, bytes, end - start) == 0 else { return false }
            end = start
        }
        return end == 0 && !packet.isEmpty
    }
}
