import CFFmpeg
public import SystemPackage

/// Decodes a video stream: pictures in output (display) order, each with the number of its packet (decode order).
///
/// A damaged packet is recorded and passed over, as the `ffmpeg` program does.
public final class VideoReader {
    private var demuxer: Demuxer
    private let decoder: VideoDecoder
    private let packet: Packet
    private var syntax: H264Syntax?
    private let checksSlices: Bool
    private var state = State.reading
    /// Every packet so far, in decode order.
    public private(set) var packets: [PacketRecord] = []
    /// Pictures delivered so far.
    public private(set) var delivered = 0
    /// Damaged packets so far.
    public private(set) var damagedPacketCount = 0
    /// Whether a packet so far was damaged.
    public var hasDamagedPackets: Bool { damagedPacketCount > 0 }
    /// Bytes read so far, for progress.
    public private(set) var bytesRead = 0

    private enum State { case reading, packetPending, draining, ended }

    /// Opens a video.
    ///
    /// - Parameters:
    ///   - path: a local file.
    ///   - streamIndex: container index of the stream; nil for the first video stream.
    ///   - options: how to decode.
    /// - Throws: `CodecError` where the file cannot be opened or decoded.
    public init(path: FilePath, streamIndex: Int? = nil, options: DecoderOptions = DecoderOptions()) throws(CodecError)
    {
        demuxer = try Demuxer(path: path, streamIndex: streamIndex)
        decoder = try VideoDecoder(parameters: demuxer.parameters, path: path, options: options)
        packet = try Packet()
        let parameters = demuxer.parameters.pointee
        checksSlices = options.checksSlices && parameters.codec_id == AV_CODEC_ID_FFV1
        if parameters.codec_id == AV_CODEC_ID_H264 {
            let bytes = UnsafeRawBufferPointer(start: parameters.extradata, count: Int(parameters.extradata_size))
            syntax = H264Syntax(extradata: bytes)
        }
    }

    /// The file.
    public var path: FilePath { demuxer.path }
    /// The stream that is read.
    public var stream: VideoStream { demuxer.stream }
    /// Every video stream of the file.
    public var videoStreams: [VideoStream] { demuxer.videoStreams }
    /// The size of the file in bytes, 0 where unknown.
    public var fileSize: Int { demuxer.fileSize }
    /// The most reference pictures that the stream keeps (H.264: `num_ref_frames`); known after the first picture.
    public var referenceFrames: Int { decoder.referenceFrames }
    /// What cut the file short, in words, nil while nothing did: a read error, or fewer packets than announced.
    public var truncation: String? {
        if let error = demuxer.readError { return "reading stopped: \(error)" }
        guard state == .ended, packets.count < stream.announcedFrames else { return nil }
        return "\(packets.count) of \(stream.announcedFrames) announced pictures are in the file"
    }
    /// The numbers of the damaged packets.
    public var damagedPackets: [Int] { packets.indices.filter { packets[$0].isDamaged } }

    /// The next picture in output order, nil at the end.
    ///
    /// - Throws: `CodecError` when memory is short. Damage is no error: see `packets` and `Picture.isDamaged`.
    public func next() throws(CodecError) -> Picture? {
        while state != .ended {
            if state == .reading || state == .packetPending { advance() }
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
            }
        }
        return nil
    }

    /// Sends one packet, or starts draining.
    private func advance() {
        if state == .reading {
            guard demuxer.read(into: packet) else {
                decoder.finish()
                state = .draining
                return
            }
            record()
        }
        switch decoder.send(packet) {
        case .accepted: state = .reading
        case .full: state = .packetPending
        case .damaged:
            markLastDamaged()
            state = .reading
        }
    }

    private func record() {
        let raw = packet.raw.pointee
        let facts = packet.withBytes { syntax?.facts(of: $0) } ?? H264Syntax.PictureFacts()
        packets.append(
            PacketRecord(
                pts: raw.pts == pframe_no_pts() ? nil : Int(raw.pts), size: Int(raw.size),
                isReference: facts.isReference, isIDR: facts.isIDR, isMBAFF: facts.isMBAFF,
                isDamaged: false))
        let isWrong = checksSlices && !packet.withBytes { FFV1Slices.areIntact($0) }
        if raw.flags & AV_PKT_FLAG_CORRUPT != 0 || isWrong { markLastDamaged() }
        bytesRead += Int(raw.size)
        // libavcodec hands the packet's pts to its picture: its number takes that road and back.
        packet.raw.pointee.pts = Int64(packets.count - 1)
        packet.raw.pointee.dts = packet.raw.pointee.pts
    }

    private func claim(_ picture: Picture) {
        delivered += 1
        let number = picture.timestamp
        guard number != pframe_no_pts(), let index = Int(exactly: number), packets.indices.contains(index) else {
            return
        }
        picture.packetNumber = index
        // Outside H.264 the picture type alone tells whether others predict from it.
        if syntax == nil { packets[index].isReference = picture.type != .bidirectional }
    }

    private func markLastDamaged() {
        guard !packets.isEmpty, !packets[packets.count - 1].isDamaged else { return }
        packets[packets.count - 1].isDamaged = true
        damagedPacketCount += 1
    }
}

@available(*, unavailable)
extension VideoReader: Sendable {}
