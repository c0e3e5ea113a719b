package import Codec

/// Parses the pictures of packets that somebody else reads, one packet at a time in decode order, beside a decoder.
///
/// A picture is parsed as soon as its packet is there, so its place in output order is not known:
/// ``BitstreamPicture/display``, the references of slices and blocks, and ``BitstreamPicture/kept`` are numbers of packets
/// here. ``BitstreamPicture/time`` is the packet's as it comes, and a `VideoReader` puts the number in its place.
package final class PacketParser {
    private let wantsResidual: Bool
    private var assembler: PictureAssembler
    private let parser = SyntaxParser()
    private let motion = MotionPass()
    private var residual: CodedResidual?

    /// Begins a stream.
    ///
    /// - Parameters:
    ///   - extradata: what the container keeps of the codec's parameters.
    ///   - residual: compute the coded residual of every picture.
    package init(extradata: UnsafeRawBufferPointer, residual: Bool) {
        assembler = PictureAssembler(extradata: extradata)
        wantsResidual = residual
    }

    /// The first thing in the stream that the library does not read, by name: nothing is parsed from there on.
    package var outOfScope: String? { assembler.outOfScope }

    /// What a packet says of its picture, valid until the next call; nil where it holds no picture, or more than one, or
    /// is out of scope.
    ///
    /// - Parameters:
    ///   - packet: whole pictures.
    ///   - number: the number of the packet; numbers rise.
    package func parse(_ packet: borrowing Packet, number: Int) -> BitstreamPicture? {
        guard outOfScope == nil else { return nil }
        assembler.append(packet, PacketFacts(packet, number: number))
        let pictures = assembler.takeAll()
        defer { for picture in pictures { assembler.recycle(picture) } }
        guard outOfScope == nil else { return nil }
        motion.reclaim()
        // A second picture of a packet would have its number too. It is parsed, because later pictures may need it.
        let parsed = pictures.map { parse($0, number) }
        return parsed.count == 1 ? parsed[0] : nil
    }

    private func parse(_ coded: CodedPicture, _ number: Int) -> BitstreamPicture {
        let (width, height) = (coded.header.sequence.width, coded.header.sequence.height)
        if wantsResidual, residual?.fits(width: width, height: height) != true {
            residual = CodedResidual(width: width, height: height)
        }
        let picture = ParsedPicture(coded, motion: motion.take(width: width, height: height), residual: residual)
        parser.parse(picture)
        return motion.derive(picture, display: number)
    }
}

@available(*, unavailable)
extension PacketParser: Sendable {}
