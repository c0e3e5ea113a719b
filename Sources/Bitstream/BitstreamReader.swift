public import Codec
public import Storage
public import SystemPackage

/// What ``BitstreamReader`` looks for.
public struct BitstreamOptions: Sendable {
    /// Container index of the stream; nil for the first video stream.
    public var streamIndex: Int?
    /// Compute the coded residual of every picture.
    public var residual = false
    /// Threads that parse pictures, the caller's included, at least 1. Each but the first holds three pictures more
    /// in memory. The result is the same at any number.
    public var threads = 1

    /// The defaults: all but the residual.
    public init() {}
}

/// Reads what an H.264 stream says without decoding pixels: macroblocks, vectors with their true references, bits, QP,
/// weights, and on demand the coded residual, picture by picture in decode order.
///
/// It reads frame pictures without MBAFF, 8-bit 4:2:0 or 4:0:0, and refuses everything else by name.
///
/// ```swift
/// let reader = try BitstreamReader(path: "clip.mp4")
/// while let picture = try reader.next() {
///     picture.forEachBlock { block in print(picture.display, block.x, block.y, block.references) }
/// }
/// ```
public final class BitstreamReader {
    private var demuxer: Demuxer
    private let packet: Packet
    private let options: BitstreamOptions
    private var assembler: PictureAssembler
    private let parsing: ParsingAhead
    private let motion = MotionPass()
    private var residuals: [CodedResidual] = []
    private var lent: ParsedPicture?
    private var packets = 0
    private var hasEnded = false
    /// What ended reading, thrown once the pictures before it were given.
    private var failure: PFrameError?

    /// Opens a video.
    ///
    /// - Throws: `PFrameError` for a file that cannot be read, and for a stream that is not H.264.
    public init(path: FilePath, options: BitstreamOptions = BitstreamOptions()) throws(PFrameError) {
        self.options = options
        parsing = ParsingAhead(threads: options.threads)
        demuxer = try Demuxer(path: path, streamIndex: options.streamIndex)
        packet = try Packet()
        guard demuxer.stream.codecName == "h264" else {
            throw PFrameError(
                .unsupported, path: path,
                "the bitstream of \(demuxer.stream.codecName) cannot be read, only that of h264; the motion sources stream "
                    + "and search take other codecs")
        }
        assembler = demuxer.withExtradata { PictureAssembler(extradata: $0) }
    }

    /// The file.
    public var path: FilePath { demuxer.path }
    /// The stream that is read.
    public var stream: VideoStream { demuxer.stream }
    /// The size of the file in bytes, 0 where unknown.
    public var fileSize: Int { demuxer.fileSize }
    /// Bytes of packets read so far; up to seventeen pictures are read ahead, as their places in output order must be
    /// known, and three per further thread.
    public private(set) var bytesRead = 0
    /// What cut the file short, in words, known once the last picture was read; nil where nothing did.
    public private(set) var truncation: String?

    /// The next picture in decode order, nil at the end. It is valid until the next call.
    ///
    /// - Throws: `PFrameError` with the code `unsupported` for a stream that is out of scope, by name, once the pictures
    ///   before were given.
    public func next() throws(PFrameError) -> BitstreamPicture? {
        reclaim()
        while parsing.hasRoom, let coded = nextCoded() { parsing.submit(prepare(coded)) }
        guard let picture = parsing.next(), let display = picture.coded.display else {
            if let failure { throw failure }
            return nil
        }
        lent = picture
        return motion.derive(picture, display: display)
    }

    /// Takes back the memory of the picture that was lent last.
    private func reclaim() {
        guard let lent else { return }
        assembler.recycle(lent.coded)
        motion.reclaim()
        if let residual = lent.residual { residuals.append(residual) }
        self.lent = nil
    }

    /// Packets so far that gave no picture, though they hold more than parameter sets, SEI and the like.
    public var lostPackets: [PacketFacts] { assembler.lostPackets }

    /// Memory for a picture to be parsed.
    private func prepare(_ coded: CodedPicture) -> ParsedPicture {
        let sequence = coded.header.sequence
        let (width, height) = (sequence.width, sequence.height)
        var residual: CodedResidual?
        if options.residual {
            residual = residuals.popLast()
            if residual?.fits(width: width, height: height) != true {
                residual = CodedResidual(width: width, height: height)
            }
        }
        return ParsedPicture(coded, motion: motion.take(width: width, height: height), residual: residual)
    }

    /// The next picture in decode order, with its place in output order; nil at the end, and where reading fails.
    private func nextCoded() -> CodedPicture? {
        while true {
            if let coded = assembler.next() { return coded }
            guard !hasEnded else { return nil }
            do throws(PFrameError) { hasEnded = try !readPacket() } catch { (failure, hasEnded) = (error, true) }
            if hasEnded { assembler.finish() }
        }
    }

    /// Reads a packet; false at the end.
    private func readPacket() throws(PFrameError) -> Bool {
        guard try demuxer.read(into: packet) else {
            if let error = demuxer.readError {
                truncation = "reading stopped: \(error)"
            } else {
                truncation = try demuxer.missingEnd()
            }
            return false
        }
        let facts = PacketFacts(packet, number: packets)
        assembler.append(packet, facts)
        bytesRead += facts.bytes
        packets += 1
        guard let reason = assembler.outOfScope else { return true }
        throw PFrameError(
            .unsupported, path: path,
            "its H.264 has \(reason), which the bitstream reader does not read; use the motion source stream")
    }
}

@available(*, unavailable)
extension BitstreamReader: Sendable {}
