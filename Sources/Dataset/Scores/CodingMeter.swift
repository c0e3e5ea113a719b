import Bitstream
import Codec

/// What an H.264 stream spends on one picture.
struct PictureCoding {
    /// Bits of the macroblocks, without slice headers.
    struct Bits {
        /// Bits before coefficients: types, modes, references, vectors, coded block patterns, QP.
        var motion = 0
        /// Bits of coefficients.
        var residual = 0
    }

    /// Nil where a macroblock is not known, and of streams that `Bitstream` does not read.
    var bits: Bits?
    /// The QP of every macroblock; empty where libavcodec exports none.
    var qp: [Int8] = []
}

/// The bits of each macroblock of a picture, in raster order.
public struct MacroblockBits: Sendable, Equatable {
    /// Macroblocks per row.
    public let columns: Int
    /// Bits before coefficients and of coefficients. The standard allows 3200 per macroblock (ITU-T H.264, A.3.1); what a
    /// stream spends beyond 65,535 counts as 65,535.
    public let values: [UInt16]
    /// Rows of macroblocks.
    public var rows: Int { values.count / max(1, columns) }
}

/// Measures what an H.264 stream spends on its pictures, packet by packet beside the decoder: bits by `PacketParser`, QP
/// as libavcodec exports it, which it does of field and MBAFF pictures too.
final class CodingMeter {
    /// Packets that gave no picture are forgotten after so many later ones: no decoder keeps more pictures back.
    private static let memory = 64

    private let parser: PacketParser?
    private let codec: String
    private var waiting: [Int: (bits: PictureCoding.Bits, grid: MacroblockBits)] = [:]

    /// Prepares for a stream, before its first packet.
    init(_ video: VideoReader) {
        codec = video.stream.codecName
        parser = codec == "h264" ? video.withExtradata { PacketParser(extradata: $0, residual: false) } : nil
    }

    /// Why no bits are measured, in words; nil where they are.
    var reason: String? {
        guard let parser else { return "its codec is \(codec)" }
        return parser.outOfScope.map { "its H.264 has \($0)" }
    }

    /// Takes the packet that went into the decoder, by its number.
    func take(_ number: Int, _ packet: UnsafeRawBufferPointer) {
        waiting[number - Self.memory] = nil
        guard let picture = parser?.parse(packet, number: number), !picture.isDamaged else { return }
        picture.withMacroblocks { macroblocks in
            var bits = PictureCoding.Bits()
            for macroblock in macroblocks {
                bits.motion += Int(macroblock.headerBits)
                bits.residual += Int(macroblock.coefficientBits)
            }
            let values = macroblocks.map { UInt16(clamping: $0.headerBits + $0.coefficientBits) }
            waiting[number] = (bits, MacroblockBits(columns: picture.width, values: values))
        }
    }

    /// What the stream spends on a picture that the decoder gave.
    func measure(_ picture: Picture) -> (coding: PictureCoding, grid: MacroblockBits?) {
        let found = picture.packetNumber.flatMap { waiting.removeValue(forKey: $0) }
        let coding = PictureCoding(bits: found?.bits, qp: parser == nil ? [] : picture.quantisers)
        return (coding, found?.grid)
    }
}

/// What the stream spends on the pictures of a clip, those between its frames included.
public struct ClipCoding: Sendable {
    /// Bits of macroblocks before coefficients, per pixel; NaN where they are not known.
    public var motionBits = Double.nan
    /// Bits of coefficients, per pixel; NaN where they are not known.
    public var residualBits = Double.nan
    /// Mean QP of luma over all macroblocks; NaN where it is not known.
    public var qpMean = Double.nan
    /// Standard deviation of the same; NaN where it is not known.
    public var qpSpread = Double.nan
    /// The bits of each macroblock of each frame; nil where they are not known.
    public var grids: [MacroblockBits?]
    /// Whether the frames are other than the video's own pictures: scaled, cropped, padded or turned.
    public var isScaled: Bool
    /// Whether the frames are pictures of the video that follow each other.
    public var isConsecutive: Bool
    /// Why no bits are known of the stream, in words; nil where they are.
    public var reason: String?

    /// Sums up pictures, the first and the last frame of the clip among them.
    init(
        _ pictures: some Collection<PictureCoding>, grids: [MacroblockBits?], isScaled: Bool, isConsecutive: Bool,
        reason: String?
    ) {
        (self.grids, self.isScaled, self.isConsecutive, self.reason) = (grids, isScaled, isConsecutive, reason)
        var (count, sum, squares) = (0, 0, 0)
        for picture in pictures {
            count += picture.qp.count
            for value in picture.qp {
                sum += Int(value)
                squares += Int(value) * Int(value)
            }
        }
        if count > 0, pictures.allSatisfy({ !$0.qp.isEmpty }) {
            qpMean = Double(sum) / Double(count)
            qpSpread = max(0, Double(squares) / Double(count) - qpMean * qpMean).squareRoot()
            let bits = pictures.compactMap(\.bits)
            if bits.count == pictures.count {
                motionBits = Double(bits.reduce(0) { $0 + $1.motion }) / Double(count * 256)
                residualBits = Double(bits.reduce(0) { $0 + $1.residual }) / Double(count * 256)
            }
        }
    }
}
