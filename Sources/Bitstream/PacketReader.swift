/// Reads macroblocks — types, bits, QP — of packets that someone else takes out of a container, one packet at a time in
/// decode order. It derives no vectors, so it can begin at any packet behind parameter sets.
///
/// ```swift
/// let reader = PacketReader(extradata: extradata)
/// let bits = reader.withMacroblocks(of: packet) { macroblocks, _ in
///     macroblocks.reduce(0) { $0 + Int($1.headerBits) + Int($1.coefficientBits) }
/// }
/// ```
public final class PacketReader {
    private var assembler: PictureAssembler
    private let parser = SyntaxParser()
    private var motion: PictureMotion?

    /// Begins a stream.
    ///
    /// - Parameter extradata: the stream's parameter sets as its container keeps them: `avcC`, Annex B, or empty.
    public init(extradata: UnsafeRawBufferPointer) { assembler = PictureAssembler(extradata: extradata) }

    /// The first thing in the stream that the library does not read, by name; nil where there is none so far.
    public var outOfScope: String? { assembler.outOfScope }

    /// Lends the macroblocks of a packet's picture in raster order, with their number per row.
    ///
    /// - Returns: what `body` returns; nil for a packet that holds no picture, or more than one.
    /// - Throws: what `body` throws.
    public func withMacroblocks<Result, Failure: Error>(
        of packet: UnsafeRawBufferPointer,
        _ body: (_ macroblocks: UnsafeBufferPointer<Macroblock>, _ width: Int) throws(Failure) -> Result
    ) throws(Failure) -> Result? {
        assembler.append(packet, PacketFacts(number: 0, bytes: packet.count, time: nil, isKey: false))
        let pictures = assembler.takeAll()
        defer { for picture in pictures { assembler.recycle(picture) } }
        guard pictures.count == 1, outOfScope == nil else { return nil }
        let sequence = pictures[0].header.sequence
        let motion: PictureMotion
        if let kept = self.motion, kept.width == sequence.width, kept.height == sequence.height {
            motion = kept
        } else {
            motion = PictureMotion(width: sequence.width, height: sequence.height)
            self.motion = motion
        }
        parser.parse(ParsedPicture(pictures[0], motion: motion, residual: nil))
        return try body(UnsafeBufferPointer(start: motion.records, count: motion.count), motion.width)
    }
}

@available(*, unavailable)
extension PacketReader: Sendable {}
