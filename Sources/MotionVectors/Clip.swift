public import Codec
import Storage

/// Frames, and the motion and residual that they were made of: `xₙ = clamp(P(xₙ₋₁, mvₙ) + rₙ)`.
public struct Clip: Sendable {
    /// Pixels of a cell of its fields.
    public static let cellSize = 16

    /// All frames, the given one first.
    public var frames: [RGBImage]
    /// The motion of frames 1…: whole pixels in quarter-pel units; empty for a clip of frames alone.
    public var motion: [MotionField]
    /// The residual of frames 1…, each (H, W, 3) row-major; empty for a clip of frames alone.
    public var residuals: [[Int16]]

    /// A clip of frames, with the motion and the residuals that they were made of.
    public init(frames: [RGBImage], motion: [MotionField] = [], residuals: [[Int16]] = []) {
        (self.frames, self.motion, self.residuals) = (frames, motion, residuals)
    }

    /// Rebuilds the frames.
    ///
    /// - Parameters:
    ///   - residuals: one for each field.
    ///   - motion: the fields of frames 1….
    ///   - first: the first frame.
    public init(first: RGBImage, motion: [MotionField], residuals: [[Int16]]) {
        precondition(motion.count == residuals.count, "a residual for each field")
        var frames = [first]
        for (field, residual) in zip(motion, residuals) {
            let prediction = WholePixelCompensation.predict(from: frames[frames.count - 1], field)
            frames.append(WholePixelCompensation.rebuild(prediction, residual))
        }
        (self.frames, self.motion, self.residuals) = (frames, motion, residuals)
    }

    /// The first impossible vector with frame, row and column, such as `[1, 0, 3] is (2, 0): …`; nil if there is none.
    public static func mistake(in motion: [MotionField]) -> String? {
        for (frame, field) in motion.enumerated() {
            guard let cell = field.vectors.firstIndex(where: { $0.x % 4 != 0 || $0.y % 4 != 0 }) else { continue }
            let vector = field.vectors[cell]
            return "[\(frame), \(cell / field.columns), \(cell % field.columns)] is (\(vector.x), \(vector.y)): "
                + "whole pixels are multiples of 4"
        }
        return nil
    }

    /// Says where residuals of frames so wide hold what cannot be: frame, row, column, channel; nil if all can.
    public static func mistake(in residuals: [[Int16]], width: Int) -> String? {
        for (frame, values) in residuals.enumerated() {
            guard let place = values.firstIndex(where: { !(-255...255).contains($0) }) else { continue }
            let (x, y) = (place / 3 % width, place / 3 / width)
            return "[\(frame), \(y), \(x), \(place % 3)] is \(values[place]): residuals are -255 to 255"
        }
        return nil
    }

    /// The fields of `mv.npy`: int16 `(count, h, w, 2)` in cells of 16 pixels.
    public static func fields(_ bytes: UnsafeRawBufferPointer, _ count: Int, _ size: Size) -> [MotionField] {
        var field = MotionField(size: size, cellSize: cellSize)
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
