import CKernels
public import Codec
import Storage

/// Whole-pixel motion for residual coding: for every block the offset within ±`radius` with the least squared error of
/// RGB, `argmin Σ (frame(x) − reference(x + v))²`, coordinates clamped to the picture's edge. Every offset is tried.
///
/// Residual coders keep the squared error small, and PSNR measures it. The least SAD of luma (``BlockSearch``) leaves a
/// shape's trail to the residual: where a shape uncovers a strip of ground, many pixels of ground that fit outweigh a
/// few pixels of the shape that do not fit at all.
public struct ColourSearch: Sendable {
    /// Block size in pixels.
    public var blockSize = 16
    /// Largest offset in each direction, in pixels.
    public var radius = 15
    /// The squared error per value, in grey levels², by which a block's own vector must beat no motion, a neighbour's
    /// vector, or the vector of the previous frame. Where nothing matches the least error is chance, and chance cannot
    /// be learned.
    public var coherence = 25.0

    /// Blocks of 16, radius 15.
    public init() {}

    /// Estimates the motion field of `frame` against `reference`, pictures of equal size.
    ///
    /// - Parameters:
    ///   - previous: the field of the frame before; nil if there is none.
    ///   - reference: the picture to predict from.
    ///   - frame: the picture to predict.
    /// - Returns: a field whose mask is 1 everywhere. Ties go to the shortest vector, then the smaller y, then the smaller x.
    public func field(of frame: RGBImage, against reference: RGBImage, previous: MotionField? = nil) -> MotionField {
        precondition(frame.width == reference.width && frame.height == reference.height, "pictures of different size")
        precondition((1...16).contains(blockSize) && (0...1023).contains(radius), "block size 1…16, radius 0…1023")
        let (width, height) = (frame.width, frame.height)
        let padded = PaddedColours(reference, margin: radius)
        let offsets = Self.offsets(radius)
        var result = MotionField(size: Size(width: width, height: height), cellSize: blockSize)
        frame.pixels.withUnsafeBufferPointer { pixels in
            padded.bytes.withUnsafeBufferPointer { paddedPixels in
                guard let frameBase = pixels.baseAddress, let home = paddedPixels.baseAddress else { return }
                for cell in result.vectors.indices {
                    let (x, y) = (cell % result.columns * blockSize, cell / result.columns * blockSize)
                    let (w, h) = (Int32(3 * min(blockSize, width - x)), Int32(min(blockSize, height - y)))
                    let block = frameBase + 3 * (y * width + x)
                    func error(_ offset: SIMD2<Int>) -> UInt32 {
                        let (across, down) = (x + radius + offset.x, y + radius + offset.y)
                        return pframe_sse(
                            block, 3 * width, home + down * padded.stride + 3 * across, padded.stride, w, h)
                    }
                    let vector = match(error, values: w * h, guesses(for: cell, result, previous), offsets)
                    result.vectors[cell] = SIMD2(Int16(vector.x * 4), Int16(vector.y * 4))
                    result.mask[cell] = 1
                }
            }
        }
        return result
    }

    /// The offset of one block of so many values.
    private func match(
        _ error: (SIMD2<Int>) -> UInt32, values: Int32, _ guesses: [SIMD2<Int>], _ offsets: [SIMD2<Int>]
    ) -> SIMD2<Int> {
        let allowance = UInt32(coherence * Double(values))
        var best = (offset: SIMD2<Int>.zero, error: error(.zero))
        // Else no motion is within the allowance of the least error, whatever that is: trying everything is idle.
        if best.error >= allowance {
            for offset in offsets.dropFirst() {
                let value = error(offset)
                if value < best.error { best = (offset, value) }
            }
        }
        var limit = best.error + allowance
        for offset in guesses {
            let value = error(offset)
            if value < limit { (best.offset, limit) = (offset, value) }
        }
        return best.offset
    }

    /// No motion, neighbours already found (left, top, top right), and the same place one frame ago, to its right and below.
    private func guesses(for cell: Int, _ field: MotionField, _ previous: MotionField?) -> [SIMD2<Int>] {
        let (column, row) = (cell % field.columns, cell / field.columns)
        var vectors = [SIMD2<Int16>.zero]
        if column > 0 { vectors.append(field.vectors[cell - 1]) }
        if row > 0 { vectors.append(field.vectors[cell - field.columns]) }
        if row > 0, column + 1 < field.columns { vectors.append(field.vectors[cell - field.columns + 1]) }
        if let previous, previous.vectors.count == field.vectors.count {
            vectors.append(previous.vectors[cell])
            if column + 1 < field.columns { vectors.append(previous.vectors[cell + 1]) }
            if row + 1 < field.rows { vectors.append(previous.vectors[cell + field.columns]) }
        }
        return vectors.map { SIMD2(Int($0.x) >> 2, Int($0.y) >> 2) }
            .filter { abs($0.x) <= radius && abs($0.y) <= radius }
    }

    /// Every offset within the radius, shortest first, then smaller y, then smaller x.
    private static func offsets(_ radius: Int) -> [SIMD2<Int>] {
        func order(_ v: SIMD2<Int>) -> (Int, Int, Int) { (v.x * v.x + v.y * v.y, v.y, v.x) }
        let range = -radius...radius
        return range.flatMap { y in range.map { x in SIMD2(x, y) } }.sorted { order($0) < order($1) }
    }
}

/// RGB pixels with those of the edge repeated `margin` pixels outwards, so that clamped offsets need no checks.
private struct PaddedColours {
    /// Bytes from one row to the next.
    let stride: Int
    /// The first is that of the top left corner of the margin.
    private(set) var bytes: [UInt8] = []

    init(_ image: RGBImage, margin: Int) {
        stride = 3 * (image.width + 2 * margin)
        bytes.reserveCapacity(stride * (image.height + 2 * margin))
        for row in -margin..<(image.height + margin) {
            let start = 3 * image.width * min(max(row, 0), image.height - 1)
            let line = image.pixels[start..<(start + 3 * image.width)]
            for _ in 0..<margin { bytes += line.prefix(3) }
            bytes += line
            for _ in 0..<margin { bytes += line.suffix(3) }
        }
    }
}
