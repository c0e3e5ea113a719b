import Codec
import Storage

/// A frame's vectors laid out over its pixels: which vector moves which pixel.
struct VectorField {
    /// The picture's width in pixels.
    let width: Int
    /// The picture's height in pixels.
    let height: Int
    /// The frame's vectors.
    let vectors: [MotionVector]
    /// The list 0 vector of every pixel as an index of `vectors`, -1 where it has none: (H, W) row-major.
    private var past: [Int32]
    /// The same for list 1.
    private var future: [Int32]

    init(_ vectors: [MotionVector], width: Int, height: Int) {
        self.width = width
        self.height = height
        self.vectors = vectors
        past = [Int32](repeating: -1, count: width * height)
        future = vectors.contains { $0.source > 0 } ? past : []
        past.withUnsafeMutableBufferPointer { past in
            future.withUnsafeMutableBufferPointer { future in
                for (index, vector) in vectors.enumerated() {
                    let left = Int(vector.destinationX - vector.width / 2)
                    let top = Int(vector.destinationY - vector.height / 2)
                    let columns = max(0, left)..<max(0, left, min(width, left + Int(vector.width)))
                    let plane = vector.source < 0 ? past : future
                    for row in max(0, top)..<max(0, top, min(height, top + Int(vector.height))) {
                        let start = row * width
                        plane[(start + columns.lowerBound)..<(start + columns.upperBound)]
                            .update(repeating: Int32(truncatingIfNeeded: index))
                    }
                }
            }
        }
    }

    /// The indices of the vectors that move a pixel, list 0 first; empty in intra blocks.
    func vectors(x: Int, y: Int) -> [Int] {
        let at = y * width + x
        return [past[at], future.isEmpty ? -1 : future[at]].filter { $0 >= 0 }.map { Int($0) }
    }

    /// Lends, for every pixel, the index of its list 0 vector, or of its list 1 vector where it has no other, or -1.
    func withPreferred<Result>(_ body: (_ index: (_ pixel: Int) -> Int) -> Result) -> Result {
        past.withUnsafeBufferPointer { past in
            future.withUnsafeBufferPointer { future in
                body { pixel in
                    let first = Int(past[pixel])
                    return first < 0 && !future.isEmpty ? Int(future[pixel]) : first
                }
            }
        }
    }
}

extension MotionVector {
    /// The displacement's length in pixels.
    var magnitude: Float {
        let (dx, dy) = contentMotion
        return (dx * dx + dy * dy).squareRoot()
    }

    /// Where the block's content moves as time runs, in pixels: +x right, +y down.
    ///
    /// Content comes from a past reference to the block and goes on from the block to a future one, so list 0 and
    /// list 1 differ in sign.
    var contentMotion: (x: Float, y: Float) {
        let scale = Float(max(1, motionScale)) * (source < 0 ? -1 : 1)
        return (Float(motionX) / scale, Float(motionY) / scale)
    }
}
