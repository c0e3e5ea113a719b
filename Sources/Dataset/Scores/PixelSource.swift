import CKernels
import Codec
import Storage

/// Gives the rows of pictures as pixels of 32 bits, blue lowest: libswscale's BGR24 of them at its default flags, which
/// is what OpenCV reads.
///
/// Rows of 8-bit 4:2:0 are converted one by one on demand, by libswscale's own x86 arithmetic; pictures of other formats
/// go through libswscale as a whole. So do those of odd height, for which it takes another way.
final class PixelSource {
    private var scaler: Scaler?
    private var converted: Picture?

    /// Lends the rows of a picture.
    ///
    /// - Throws: `PFrameError` if libswscale cannot convert the picture's format.
    func withRows<Result>(
        of picture: Picture, _ body: (PixelRows) -> Result
    ) throws(PFrameError) -> Result {
        if let matrix = PixelRows.matrix(of: picture) {
            return picture.withPlanes { y, u, v in
                body(.yuv(.init(y), .init(u), .init(v), width: y.width, matrix))
            }
        }
        return try bgr(picture).withPlane(0) { body(.bgr(.init($0), width: $0.width)) }
    }

    private func bgr(_ picture: Picture) throws(PFrameError) -> Picture {
        if let scaler, let converted, scaler.accepts(picture) {
            scaler.scale(picture, into: converted)
            return converted
        }
        let scaler = try Scaler(from: picture, to: picture.size, .bgr24, quality: .swscaleDefault)
        let result = try Picture(size: picture.size, format: .bgr24)
        scaler.scale(picture, into: result)
        (self.scaler, converted) = (scaler, result)
        return result
    }
}

@available(*, unavailable)
extension PixelSource: Sendable {}

/// The rows of one picture, lent.
enum PixelRows {
    /// Luma, Cb and Cr at 4:2:0.
    case yuv(Lines, Lines, Lines, width: Int, pframe_yuv_matrix)
    /// BGR24.
    case bgr(Lines, width: Int)

    /// Where the rows of a lent plane begin.
    struct Lines {
        private let base: UnsafePointer<UInt8>
        private let stride: Int

        init(_ plane: borrowing Plane) { (base, stride) = (UnsafePointer(plane.base), plane.stride) }

        subscript(row: Int) -> UnsafePointer<UInt8> { base + row * stride }
    }

    /// Converts a row into as many pixels as the picture is wide.
    func read(_ row: Int, into pixels: UnsafeMutablePointer<UInt32>) {
        switch self {
        case .yuv(let y, let u, let v, let width, var matrix):
            pframe_yuv_to_pixels(pixels, y[row], u[row / 2], v[row / 2], width, &matrix)
        case .bgr(let lines, let width):
            pframe_bgr_to_pixels(pixels, lines[row], width)
        }
    }

    /// Whether to convert so many pixels of a row one by one is faster than to convert the row.
    func isPickingFaster(_ count: Int) -> Bool {
        // It costs about four times as much a pixel (measured).
        if case .yuv(_, _, _, let width, _) = self { return 4 * count < width }
        return false
    }

    /// Converts the pixels at some columns of a row.
    func pick(_ row: Int, at columns: [Int32], into pixels: UnsafeMutablePointer<UInt32>) {
        switch self {
        case .yuv(let y, let u, let v, _, var matrix):
            pframe_pick_yuv_pixels(pixels, y[row], u[row / 2], v[row / 2], columns, columns.count, &matrix)
        case .bgr(let lines, _):
            let line = lines[row]
            for (index, column) in columns.enumerated() {
                pframe_bgr_to_pixels(pixels + index, line + 3 * Int(column), 1)
            }
        }
    }

    /// How the kernel converts a picture, nil if it cannot do as libswscale does.
    static func matrix(of picture: Picture) -> pframe_yuv_matrix? {
        guard picture.format == .yuv420p || picture.format == .yuv420pFullRange, picture.size.height.isMultiple(of: 2)
        else { return nil }
        let colour = picture.colourConversion
        // From 2⁻¹⁶ to 2⁻¹³, rounded.
        func factor(_ value: Int) -> Int16 { Int16(clamping: ((value << 13) + (1 << 15)) >> 16) }
        // The coefficients are those of limited range; in full range chroma is less steep, and luma as it is.
        func chroma(_ value: Int) -> Int16 { factor(colour.isFullRange ? value * 224 / 255 : value) }
        let luma = colour.isFullRange ? 65536 : 65536 * 255 / 219
        return pframe_yuv_matrix(
            luma_offset: colour.isFullRange ? 0 : 16 * 8, luma: factor(luma), cb_blue: chroma(colour.blueCb),
            cb_green: chroma(-colour.greenCb), cr_green: chroma(-colour.greenCr), cr_red: chroma(colour.redCr))
    }
}

@available(*, unavailable)
extension PixelRows: Sendable {}
