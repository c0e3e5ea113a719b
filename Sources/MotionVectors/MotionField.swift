public import Codec
import Storage

/// A dense motion field: one vector per cell of `cellSize`×`cellSize` pixels.
///
/// `source = destination + vector`, quarter pixels, +x right, +y down. `(rows, columns)` cells, row-major.
public struct MotionField: Sendable, Equatable {
    /// Width and height of a cell in pixels.
    public let cellSize: Int
    /// Cells a row: ceil(W / cellSize).
    public let columns: Int
    /// Rows of cells: ceil(H / cellSize).
    public let rows: Int
    /// `rows · columns` vectors; 0 if the mask is 0.
    public var vectors: [SIMD2<Int16>]
    /// 1 where a cell has a vector, 0 if it has none (intra): tells *no vector* from a zero vector.
    public var mask: [UInt8]

    /// A field without vectors.
    public init(size: Size, cellSize: Int) {
        self.cellSize = cellSize
        columns = (size.width + cellSize - 1) / cellSize
        rows = (size.height + cellSize - 1) / cellSize
        vectors = Array(repeating: .zero, count: columns * rows)
        mask = Array(repeating: 0, count: columns * rows)
    }

    /// Lays exported vectors onto a grid of cells of 4, 8 or 16 pixels.
    ///
    /// A cell takes the vector that covers most of the cell, never a mean of vectors. Among equals the first exported
    /// vector counts, and list 0 comes before list 1.
    public init(_ exported: [MotionRow], size: Size, cellSize: Int) {
        self.init(size: size, cellSize: cellSize)
        var covered = [Int](repeating: 0, count: columns * rows)
        for row in exported {
            let vector = row.vector
            let isFirstList = vector.source < 0
            let (left, top) = (max(0, vector.left), max(0, vector.top))
            let right = min(vector.left + Int(vector.width), columns * cellSize)
            let bottom = min(vector.top + Int(vector.height), rows * cellSize)
            guard left < right, top < bottom else { continue }
            let quarter = vector.quarterPel
            let value = SIMD2(Int16(clamping: quarter.x), Int16(clamping: quarter.y))
            for row in (top / cellSize)...((bottom - 1) / cellSize) {
                let height = min(bottom, (row + 1) * cellSize) - max(top, row * cellSize)
                for column in (left / cellSize)...((right - 1) / cellSize) {
                    let width = min(right, (column + 1) * cellSize) - max(left, column * cellSize)
                    // Any list 0 vector outweighs every list 1 vector of the cell.
                    let weight = width * height + (isFirstList ? cellSize * cellSize : 0)
                    let cell = row * columns + column
                    guard weight > covered[cell] else { continue }
                    covered[cell] = weight
                    vectors[cell] = value
                    mask[cell] = 1
                }
            }
        }
    }

    /// The vectors as rows of one frame that predicts from another, in raster order.
    public func motionRows(frame: Int32, reference: Int32) -> [MotionRow] {
        var result: [MotionRow] = []
        result.reserveCapacity(vectors.count)
        for row in 0..<rows {
            for column in 0..<columns where mask[row * columns + column] != 0 {
                let vector = vectors[row * columns + column]
                result.append(
                    MotionRow(
                        frame: frame, reference: reference,
                        vector: MotionVector(
                            blockX: column * cellSize, y: row * cellSize, size: cellSize, dx: Int(vector.x) >> 2,
                            dy: Int(vector.y) >> 2)))
            }
        }
        return result
    }
}
