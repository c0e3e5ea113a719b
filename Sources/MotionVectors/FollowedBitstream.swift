import Bitstream
import Codec
import Storage

/// Parses the packets that a video's decoder gets, and keeps what each says until its picture comes out.
final class FollowedBitstream {
    private let parser: PacketParser
    private let keepsMacroblocks: Bool
    private let keepsResidual: Bool
    private var residuals: ResidualPool?
    private var waiting: [Int: PictureSyntax] = [:]

    /// Begins to follow a video, which is at its start; nil for other codecs than H.264.
    ///
    /// - Parameters:
    ///   - reader: reads the video.
    ///   - macroblocks: keep a row of every macroblock.
    ///   - residual: keep the coded residual.
    init?(_ reader: VideoReader, macroblocks: Bool, residual: Bool) {
        guard reader.stream.codecName == "h264" else { return nil }
        parser = reader.withExtradata { PacketParser(extradata: $0, residual: residual) }
        (keepsMacroblocks, keepsResidual) = (macroblocks, residual)
        reader.onPacket = { [self] number, bytes in parse(bytes, number) }
    }

    /// The first thing in the stream that the bitstream reader does not read, by name.
    var outOfScope: String? { parser.outOfScope }

    /// What the packet of a number says; nil where it says nothing that can be read.
    func take(_ number: Int) -> PictureSyntax? {
        waiting.removeValue(forKey: number)
    }

    private func parse(_ bytes: UnsafeRawBufferPointer, _ number: Int) {
        if let picture = parser.parse(bytes, number: number) {
            waiting[number] = PictureSyntax(
                picture, keepsMacroblocks: keepsMacroblocks,
                residual: keepsResidual ? takeResidual(picture) : nil)
        }
        // No decoder holds back more than sixteen pictures: what is older was lost.
        waiting.removeValue(forKey: number - 64)
    }

    private func takeResidual(_ picture: BitstreamPicture) -> Residual {
        let size = Size(width: picture.width * 16, height: picture.height * 16)
        if residuals?.size != size { residuals = ResidualPool(size: size) }
        return residuals?.take() ?? Residual(size: size)
    }
}
