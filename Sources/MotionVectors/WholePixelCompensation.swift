public import Codec
import Storage

/// Whole-pixel compensation of RGB frames: how data sets of motion and residual rebuild a frame from the one before.
public enum WholePixelCompensation: Sendable {
    /// `p(x) = reference(x + v / 4)`, coordinates clamped to the picture's edge; 0 if the field has no vector.
    ///
    /// - Parameters:
    ///   - reference: the frame before, RGB `(H, W, 3)`.
    ///   - field: vectors of whole pixels, in quarter-pel units (multiples of 4).
    public static func predict(from reference: RGBImage, _ field: MotionField) -> RGBImage {
        var result = RGBImage(width: reference.width, height: reference.height)
        let (width, height) = (reference.width, reference.height)
        precondition(
            field.columns * field.cellSize >= width && field.rows * field.cellSize >= height,
            "the field does not cover the picture")
        result.pixels.withUnsafeMutableBufferPointer { target in
            reference.pixels.withUnsafeBufferPointer { source in
                guard let out = target.baseAddress, let pixels = source.baseAddress else { return }
                for y in 0..<height {
                    for column in 0..<((width + field.cellSize - 1) / field.cellSize) {
                        let cell = y / field.cellSize * field.columns + column
                        guard field.mask[cell] != 0 else { continue }
                        let (dx, dy) = (Int(field.vectors[cell].x) >> 2, Int(field.vectors[cell].y) >> 2)
                        let line = pixels + min(max(y + dy, 0), height - 1) * width * 3
                        let start = column * field.cellSize
                        let end = min(start + field.cellSize, width)
                        let row = out + y * width * 3
                        if start + dx >= 0, end + dx <= width {
                            (row + start * 3).update(from: line + (start + dx) * 3, count: (end - start) * 3)
                        } else {
                            for x in start..<end {
                                (row + x * 3).update(from: line + min(max(x + dx, 0), width - 1) * 3, count: 3)
                            }
                        }
                    }
                }
            }
        }
        return result
    }

    /// `r = frame − p`, `(H, W, 3)` row-major, no clipping.
    public static func residual(of frame: RGBImage, from prediction: RGBImage) -> [Int16] {
        precondition(frame.pixels.count == prediction.pixels.count, "pictures of different size")
        return zip(frame.pixels, prediction.pixels).map { Int16($0) - Int16($1) }
    }

    /// `frame = clamp(p + r)`: exact for a residual of the same prediction; of others, 0…255 at most.
    public static func rebuild(_ prediction: RGBImage, _ residual: [Int16]) -> RGBImage {
        precondition(residual.count == prediction.pixels.count, "residual and picture of different size")
        let pixels = zip(prediction.pixels, residual).map { UInt8(clamping: Int($0) + Int($1)) }
        return RGBImage(width: prediction.width, height: prediction.height, pixels: pixels)
    }
}
