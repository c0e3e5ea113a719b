package import Bitstream
package import Codec
import Storage

/// Parses the packets that an H.264 decoder gets, and keeps what is wanted of each until its picture comes out.
package final class FollowedBitstream<Said> {
    private let parser: PacketParser
    private let keep: (BitstreamPicture) -> Said?
    private var waiting: [Int: Said] = [:]

    /// After so many later packets a picture will not come out. A decoder holds back at most sixteen pictures (ITU-T H.264,
    /// A.3.1), and up to three packets that give none, lost ones say, may follow the packet of each.
    private let memory = 64

    /// Begins to follow a video, which is at its start; nil for other codecs than H.264.
    ///
    /// - Parameters:
    ///   - reader: reads the video.
    ///   - residual: compute the coded residual of every picture.
    ///   - keep: what is wanted of a picture, which is lent; nil for nothing. Its numbers are those of packets.
    package init?(_ reader: VideoReader, residual: Bool, keep: @escaping (BitstreamPicture) -> Said?) {
        guard reader.stream.codecName == "h264" else { return nil }
        parser = reader.withExtradata { PacketParser(extradata: $0, residual: residual) }
        self.keep = keep
        reader.onPacket = { [self] number, packet in
            waiting[number] = parser.parse(packet, number: number).flatMap(keep)
            waiting[number - memory] = nil
        }
    }

    /// The first thing in the stream that the bitstream reader does not read, by name.
    package var outOfScope: String? { parser.outOfScope }

    /// What was kept of the packet of a decoded picture; nil where it says nothing that can be read.
    package func take(_ picture: Picture) -> Said? { picture.packetNumber.flatMap { waiting.removeValue(forKey: $0) } }
}

extension FollowedBitstream<PictureSyntax> {
    /// Begins to follow a video, which is at its start; nil for other codecs than H.264.
    ///
    /// - Parameters:
    ///   - reader: reads the video.
    ///   - macroblocks: keep a row of every macroblock.
    ///   - residual: keep the coded residual.
    convenience init?(_ reader: VideoReader, macroblocks: Bool, residual: Bool) {
        var residuals: ResidualPool?
        self.init(reader, residual: residual) { picture in
            if residual, residuals?.size != picture.size { residuals = ResidualPool(size: picture.size) }
            return PictureSyntax(picture, keepsMacroblocks: macroblocks, residual: residuals?.take())
        }
    }

    /// What the bitstream says of a decoded picture at coded size; nil where it says nothing that can be read, or speaks of
    /// another size, as damaged parameter sets that libavcodec refused do.
    func syntax(of picture: Picture) -> PictureSyntax? {
        take(picture).flatMap { $0.size == picture.size ? $0 : nil }
    }
}

extension BitstreamPicture {
    /// Its size in pixels.
    var size: Size { Size(width: width * 16, height: height * 16) }
}
