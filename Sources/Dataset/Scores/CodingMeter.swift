import Bitstream
import Codec
import MotionVectors

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

    /// Whether they cover a picture, which may be cropped.
    fileprivate func fits(_ size: Size) -> Bool { size.width <= columns * 16 && size.height <= rows * 16 }
}

/// Measures what an H.264 stream spends on its pictures, packet by packet beside the decoder: bits by `Bitstream`, QP
/// as libavcodec exports it, which it does of field and MBAFF pictures too.
final class CodingMeter {
    private let bitstream: FollowedBitstream<(bits: PictureCoding.Bits, grid: MacroblockBits)>?
    private let codec: String

    /// Begins to follow a video, before its first packet.
    init(_ video: VideoReader) {
        codec = video.stream.codecName
        bitstream = FollowedBitstream(video, residual: false) { picture in
            guard !picture.isDamaged else { return nil }
            return picture.withMacroblocks { macroblocks in
                var bits = PictureCoding.Bits()
                for macroblock in macroblocks {
                    bits.motion += Int(macroblock.headerBits)
                    bits.residual += Int(macroblock.coefficientBits)
                }
                let values = macroblocks.map { UInt16(clamping: $0.headerBits + $0.coefficientBits) }
                return (bits, MacroblockBits(columns: picture.width, values: values))
            }
        }
    }

    /// Why no bits are measured, in words; nil where they are.
    var reason: String? {
        guard let bitstream else { return "its codec is \(codec)" }
        return bitstream.outOfScope.map { "its H.264 has \($0)" }
    }

    /// What the stream spends on a picture that the decoder gave.
    func measure(_ picture: Picture) -> (coding: PictureCoding, grid: MacroblockBits?) {
        let qp = bitstream == nil ? [] : picture.quantisers
        // Damaged parameter sets that libavcodec refused speak of another size.
        let found = bitstream?.take(picture).flatMap { $0.grid.fits(picture.size) ? $0 : nil }
        return (PictureCoding(bits: found?.bits, qp: qp), found?.grid)
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
