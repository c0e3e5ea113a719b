public import Codec

/// A clip as its first frame, motion and residual: `xₙ = clamp(P(xₙ₋₁, mvₙ) + rₙ)`.
public struct MotionClip: Sendable {
    /// All frames, the given one first.
    public let frames: [RGBImage]
    /// The motion of frames 1…: whole pixels in quarter-pel units.
    public let motion: [MotionField]
    /// The residual of frames 1…, each (H, W, 3) row-major.
    public let residuals: [[Int16]]

    /// Rebuilds the frames.
    ///
    /// - Parameter residuals: one for each field.
    public init(first: RGBImage, motion: [MotionField], residuals: [[Int16]]) {
        precondition(motion.count == residuals.count, "a residual for each field")
        var frames = [first]
        for (field, residual) in zip(motion, residuals) {
            let prediction = WholePixelCompensation.predict(from: frames[frames.count - 1], field)
            frames.append(WholePixelCompensation.rebuild(prediction, residual))
        }
        (self.frames, self.motion, self.residuals) = (frames, motion, residuals)
    }

    /// The fields of `mv.npy`: int16 `(count, h, w, 2)` in cells of 16 pixels.
    public static func fields(_ bytes: UnsafeRawBufferPointer, _ count: Int, _ size: Size) -> [MotionField] {
        var field = MotionField(size: size, cellSize: SampleFiles.cellSize)
        return (0..<count).map { frame in
            for cell in field.vectors.indices {
                let place = (frame * field.vectors.count + cell) * 4
                field.vectors[cell] = SIMD2(
                    bytes.loadUnaligned(fromByteOffset: place, as: Int16.self),
                    bytes.loadUnaligned(fromByteOffset: place + 2, as: Int16.self))
                field.mask[cell] = 1
            }
            return field
        }
    }

    /// The parts of an array of int16, `count` of them, at least 1.
    public static func residuals(_ bytes: UnsafeRawBufferPointer, _ count: Int) -> [[Int16]] {
        let values = bytes.count / 2 / count
        return (0..<count).map { frame in
            (0..<values).map { bytes.loadUnaligned(fromByteOffset: (frame * values + $0) * 2, as: Int16.self) }
        }
    }
}
