public import Codec
import Storage

/// Motion traced back to the last intra picture, one displacement per pixel (CoViAR: Wu et al., "Compressed Video
/// Action Recognition", 2018).
///
/// Pixel `x` of the picture comes from `x + displacement(x)` of that intra picture, in whole pixels. For every vector,
/// in export order, `A[D] = A_ref[S]` pixel by pixel wherever the block's pixel `D` and its source
/// `S = D + trunc(motion / scale)` lie inside the picture; pixels without a vector keep what the most recent reference
/// had there. With P pictures and one reference this is CoViAR's accumulation, with the opposite sign.
public struct AccumulatedMotion: Sendable, Equatable {
    /// Luma size.
    public let size: Size
    /// Display index of the picture that the displacements lead back to.
    public let origin: Int
    /// `(H, W)` displacements to the source, (x, y) in whole pixels.
    public internal(set) var displacements: [SIMD2<Int16>]

    /// The identity: every pixel comes from its own place.
    init(identity size: Size, origin: Int) {
        self.size = size
        self.origin = origin
        displacements = Array(repeating: .zero, count: size.width * size.height)
    }

    /// One step.
    ///
    /// - Parameters:
    ///   - previous: of the most recent reference picture.
    ///   - rows: the vectors; for blocks with two lists, list 0 alone counts.
    ///   - reference: what the picture of a display index accumulated.
    init(
        _ previous: AccumulatedMotion, rows: UnsafeMutableBufferPointer<MotionRow>,
        reference: (Int32) -> AccumulatedMotion?
    ) {
        var result = previous
        let size = previous.size
        rows.forEachBlock { block in
            let row = rows[block.first].reference >= 0 ? rows[block.first] : block.second.map { rows[$0] }
            guard let row, let source = reference(row.reference) else { return }
            result.trace(row.vector, from: source, size)
        }
        self = result
    }

    private mutating func trace(_ vector: MotionVector, from source: AccumulatedMotion, _ size: Size) {
        let dx = Int(vector.motionX / vector.motionScale)
        let dy = Int(vector.motionY / vector.motionScale)
        let left = max(0, vector.left, -dx)
        let right = min(vector.left + Int(vector.width), size.width, size.width - dx)
        let top = max(0, vector.top, -dy)
        let bottom = min(vector.top + Int(vector.height), size.height, size.height - dy)
        guard left < right, top < bottom else { return }
        let step = SIMD2(Int16(truncatingIfNeeded: dx), Int16(truncatingIfNeeded: dy))
        for row in top..<bottom {
            for column in left..<right {
                displacements[row * size.width + column] =
                    source.displacements[(row + dy) * size.width + column + dx] &+ step
            }
        }
    }

    /// CoViAR's accumulated residual: the picture minus what the traced pixels had in the intra picture.
    ///
    /// `R(x) = frame(x) − origin(x + displacement(x))`; chroma takes the displacement of the luma pixel at (2x, 2y),
    /// halved towards minus infinity.
    func subtract(origin: Picture, from frame: Picture, into residual: Residual) {
        for index in 0..<3 {
            origin.withPlane(index) { source in
                frame.withPlane(index) { target in
                    residual.withPlane(index) { subtract(source, from: target, into: $0, shift: index == 0 ? 0 : 1) }
                }
            }
        }
    }

    private func subtract(
        _ source: borrowing Plane, from target: borrowing Plane, into values: UnsafeMutableBufferPointer<Int16>,
        shift: Int
    ) {
        for row in 0..<target.height {
            for column in 0..<target.width {
                let luma = (row << shift) * size.width + (column << shift)
                let displacement = displacements[luma]
                let x = min(max(column + (Int(displacement.x) >> shift), 0), source.width - 1)
                let y = min(max(row + (Int(displacement.y) >> shift), 0), source.height - 1)
                values[row * target.width + column] =
                    Int16(target.base[row * target.stride + column]) - Int16(source.base[y * source.stride + x])
            }
        }
    }
}
