import CKernels
import Codec
import Storage

/// How well vectors predict pictures: the size of the residual, and the share of pixels without a prediction.
///
/// Blocks without a prediction do not count for the residual, because their residual is the picture itself. Their share
/// is a statistic of its own. Only visible pixels count.
public struct PredictionStatistics: Sendable, Equatable {
    /// Pixels of pictures that may predict: not I, not damaged, not interlaced.
    private var pixels = 0
    /// Those of them that a vector predicts.
    private var predicted = 0
    /// Predicted pixels whose residual is known.
    private var measured = 0
    /// The sum of the magnitudes of their residuals.
    private var magnitude = 0

    /// Nothing measured yet.
    public init() {}

    /// Mean absolute luma residual of predicted pixels in grey levels; nil if none was measured.
    public var meanResidual: Double? {
        measured > 0 ? Double(magnitude) / Double(measured) : nil
    }

    /// The share of pixels without prediction (intra blocks) in pictures that predict, 0…1; nil if there is none.
    public var intraShare: Double? { pixels > 0 ? 1 - Double(predicted) / Double(pixels) : nil }

    /// Adds a picture.
    public mutating func add(_ frame: ExtractedFrame) {
        add(
            frame.record, frame.rows, residual: frame.residual, copiesReference: frame.copiesReference,
            size: frame.picture.size, crop: frame.picture.crop)
    }

    /// Adds a picture of a coded size.
    mutating func add(
        _ record: FrameRecord, _ rows: [MotionRow], residual: Residual? = nil, copiesReference: Bool = false,
        size: Size,
        crop: Crop
    ) {
        var (covered, sum) = (0, 0)
        BlockCover.forEachRun(of: rows, everywhere: copiesReference, size, crop) { x, lines, count in
            covered += count * lines.count
            residual?.withPlane(0) { plane in
                guard let base = plane.baseAddress else { return }
                for y in lines { sum += Int(pframe_sum_magnitude(base + y * size.width + x, count)) }
            }
        }
        // Blocks of a picture may predict if it is neither intra nor damaged, nor coded in fields, whose vectors are not
        // trusted. Estimated vectors predict wherever there are any.
        let mayPredict =
            !record.isDamaged && !record.isInterlaced && (!rows.isEmpty || record.type != .intra && record.display > 0)
        if mayPredict {
            let shown = crop.applied(to: size)
            pixels += shown.width * shown.height
            predicted += covered
        }
        if residual != nil {
            measured += covered
            magnitude += sum
        }
    }
}

/// Which pixels of a picture are predicted, by cells of 8×8: the blocks of a smaller size in a cell have one reference.
private enum BlockCover {
    private static let cell = 8

    /// Calls `body` with every longest run of predicted cells of what `crop` shows: its first column, the pixel rows that it
    /// spans, and its width in pixels. `everywhere` says that all cells are predicted.
    static func forEachRun(
        of vectors: [MotionRow], everywhere: Bool, _ size: Size, _ crop: Crop,
        _ body: (_ x: Int, _ lines: Range<Int>, _ count: Int) -> Void
    ) {
        let (columns, rows) = ((size.width + cell - 1) / cell, (size.height + cell - 1) / cell)
        let shown = (
            x: crop.left..<max(crop.left, size.width - crop.right),
            y: crop.top..<max(crop.top, size.height - crop.bottom)
        )
        withUnsafeTemporaryAllocation(of: Bool.self, capacity: columns * rows) { cells in
            cells.initialize(repeating: everywhere)
            mark(vectors, in: cells, columns, rows)
            for row in 0..<rows {
                let lines = (row * cell..<(row + 1) * cell).clamped(to: shown.y)
                guard !lines.isEmpty else { continue }
                var column = 0
                while column < columns {
                    let first = column
                    while column < columns, cells[row * columns + column] { column += 1 }
                    let run = (first * cell..<column * cell).clamped(to: shown.x)
                    if !run.isEmpty { body(run.lowerBound, lines, run.count) }
                    column += 1
                }
            }
        }
    }

    private static func mark(
        _ vectors: [MotionRow], in cells: UnsafeMutableBufferPointer<Bool>, _ columns: Int, _ rows: Int
    ) {
        for row in vectors where row.reference != MotionRow.unused {
            let vector = row.vector
            let (left, top) = (max(0, vector.left / cell), max(0, vector.top / cell))
            let right = min(columns, (vector.left + Int(vector.width) + cell - 1) / cell)
            let bottom = min(rows, (vector.top + Int(vector.height) + cell - 1) / cell)
            guard left < right else { continue }
            for y in stride(from: top, to: bottom, by: 1) {
                for x in left..<right { cells[y * columns + x] = true }
            }
        }
    }
}
