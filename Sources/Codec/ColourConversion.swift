import CFFmpeg
import Storage

/// How the YCbCr of a picture becomes RGB: its matrix and range, as its own tags say, BT.601 where they say nothing.
///
/// The FFmpeg program honours the tags, and so does OpenCV with FFmpeg 7.1 or later; with older ones it took everything
/// for BT.601 in the range of the pixel format.
package struct ColourConversion: Sendable, Hashable {
    /// Cr to red, in 2⁻¹⁶ for chroma of limited range (`sws_getCoefficients`).
    package let redCr: Int
    /// Cb to blue.
    package let blueCb: Int
    /// Cb to green, to be subtracted.
    package let greenCb: Int
    /// Cr to green, to be subtracted.
    package let greenCr: Int
    /// Whether luma fills 0…255 rather than 16…235.
    package let isFullRange: Bool

    init(_ space: AVColorSpace, isFullRange: Bool) {
        // The number of RGB would be taken for another matrix.
        let known = space == AVCOL_SPC_RGB ? AVCOL_SPC_UNSPECIFIED : space
        guard let table = sws_getCoefficients(Int32(bitPattern: known.rawValue)) else {
            preconditionFailure("libswscale has a table for every number")
        }
        (redCr, blueCb, greenCb, greenCr) = (Int(table[0]), Int(table[1]), Int(table[2]), Int(table[3]))
        self.isFullRange = isFullRange
    }

    /// The four coefficients in libswscale's order.
    var table: [Int32] { [redCr, blueCb, greenCb, greenCr].map { Int32($0) } }
}

extension Picture {
    /// How its YCbCr becomes RGB.
    package var colourConversion: ColourConversion {
        // The old formats of JPEG mean full range by their name.
        let isFullRange = frame.pointee.color_range == AVCOL_RANGE_JPEG || formatName.hasPrefix("yuvj")
        return ColourConversion(frame.pointee.colorspace, isFullRange: isFullRange)
    }

    /// Whether its planes are luma and chroma, and not RGB or a palette.
    public var isYCbCr: Bool {
        guard let facts = av_pix_fmt_desc_get(AVPixelFormat(frame.pointee.format)) else { return false }
        let others = UInt64(AV_PIX_FMT_FLAG_RGB) | UInt64(AV_PIX_FMT_FLAG_PAL)
        return facts.pointee.flags & others == 0 && facts.pointee.nb_components >= 3
    }

    /// Tags this picture, of limited range, with the matrix of another.
    public func setMatrix(of other: Picture) {
        frame.pointee.colorspace = other.frame.pointee.colorspace
        frame.pointee.color_range = AVCOL_RANGE_MPEG
    }

    /// Where chroma samples lie, in 1/256 of a luma pixel from the first: `src_h_chr_pos` and `src_v_chr_pos` of libswscale.
    var chromaPosition: (x: Int64, y: Int64) {
        switch frame.pointee.chroma_location {
        case AVCHROMA_LOC_LEFT: (0, 128)
        case AVCHROMA_LOC_TOPLEFT: (0, 0)
        case AVCHROMA_LOC_TOP: (128, 0)
        case AVCHROMA_LOC_BOTTOMLEFT: (0, 256)
        case AVCHROMA_LOC_BOTTOM: (128, 256)
        default: (128, 128)
        }
    }
}
