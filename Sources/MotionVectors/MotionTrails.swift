import Codec
import Storage

/// The vectors of a stream's pictures on a grid, and the way back along them: from a picture to its references, and from
/// those to theirs.
///
/// Eight bytes per picture and 8×8 cell, because libavcodec exports at most one vector per cell and list.
struct MotionTrails {
    /// Pictures that are kept, the latest ones: ten seconds at 25 pictures per second.
    private static let mostPictures = 256

    /// The kept pictures with their vectors, by display index from `first` on; nil for a picture without vectors.
    private var grids: [MotionGrid?] = []
    private var first = 0

    /// Keeps the vectors of a picture.
    ///
    /// - Parameters:
    ///   - rows: the rows of the picture, references included.
    ///   - display: its display index.
    ///   - size: its coded size.
    mutating func insert(_ rows: UnsafeMutableBufferPointer<MotionRow>, of display: Int, size: Size) {
        guard display >= first else { return }
        while first + grids.count <= display { grids.append(nil) }
        grids[display - first] = MotionGrid(rows, size: size)
        if grids.count > Self.mostPictures { forget(upTo: first + grids.count - Self.mostPictures - 1) }
    }

    /// Forgets the pictures up to a display index, which is included.
    mutating func forget(upTo display: Int) {
        guard display >= first else { return }
        grids.removeFirst(min(display - first + 1, grids.count))
        first = display + 1
    }

    /// Forgets all pictures.
    mutating func removeAll() { grids.removeAll() }

    /// Where a point of a picture lies in an earlier one, by display index; coordinates in pixels, (0, 0) the corner.
    ///
    /// Every picture leads to the reference of the cell that the point lies in, until a reference is the earlier picture
    /// or one before it. The step that leads past the earlier picture counts in part: as many pictures of all that it
    /// skips as lie on this side. Nil where a picture on the way has no vector there.
    func source(of point: SIMD2<Double>, in picture: Int, from earlier: Int) -> SIMD2<Double>? {
        var (point, picture) = (point, picture)
        while picture > earlier {
            guard grids.indices.contains(picture - first), let grid = grids[picture - first] else { return nil }
            let (vector, reference) = grid.step(at: point)
            guard reference >= 0, reference != picture else { return nil }
            var step = SIMD2(Double(vector.x), Double(vector.y)) / 4
            if reference < earlier { step *= Double(picture - earlier) / Double(picture - reference) }
            (point, picture) = (point + step, max(reference, earlier))
        }
        return point
    }
}

/// The vectors and references of one picture, per 8×8 cell.
private final class MotionGrid: Sendable {
    private let columns: Int
    private let rows: Int
    /// Quarter pixels.
    private let vectors: [SIMD2<Int16>]
    /// Display indices; negative where a cell has no vector.
    private let references: [Int32]

    /// Lays vectors onto the grid; of a block with two lists list 0 counts, where it is used.
    init(_ exported: UnsafeMutableBufferPointer<MotionRow>, size: Size) {
        let (columns, rows) = ((size.width + 7) >> 3, (size.height + 7) >> 3)
        var vectors = [SIMD2<Int16>](repeating: .zero, count: columns * rows)
        var references = [Int32](repeating: MotionRow.unused, count: columns * rows)
        exported.forEachBlock { block in
            var row = exported[block.first]
            if row.reference < 0, let second = block.second { row = exported[second] }
            guard row.reference >= 0 else { return }
            let (vector, quarter) = (row.vector, row.vector.quarterPel)
            let value = SIMD2(Int16(clamping: quarter.x), Int16(clamping: quarter.y))
            // A cell belongs to the block that holds its centre.
            let across = (vector.left + 3) >> 3..<(vector.left + Int(vector.width) + 3) >> 3
            let down = (vector.top + 3) >> 3..<(vector.top + Int(vector.height) + 3) >> 3
            for y in down.clamped(to: 0..<rows) {
                for cell in across.clamped(to: 0..<columns) {
                    vectors[y * columns + cell] = value
                    references[y * columns + cell] = row.reference
                }
            }
        }
        (self.columns, self.rows, self.vectors, self.references) = (columns, rows, vectors, references)
    }

    /// The vector of the cell that a point lies in, and its reference; outside the picture those of the nearest cell.
    func step(at point: SIMD2<Double>) -> (vector: SIMD2<Int16>, reference: Int) {
        let column = min(max(Int(point.x) >> 3, 0), columns - 1)
        let row = min(max(Int(point.y) >> 3, 0), rows - 1)
        let cell = row * columns + column
        return (vectors[cell], Int(references[cell]))
    }
}
