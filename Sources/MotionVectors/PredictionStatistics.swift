import CKernels
public import Codec

/// How well vectors predict pictures: what residual they leave, and how much of the pictures they do not predict at all.
///
/// Blocks without prediction are left out of the residual, because theirs is the picture itself: with them, the encoder
/// that gives up on more blocks would look worse, whatever its vectors are worth. Their share stands beside it. Only
/// pixels that are shown count.
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

    /// Mean absolute luma residual of predicted pixels in grey levels; nil where none was measured.
    public var meanResidual: Double? {
        measured > 0 ? Double(magnitude) / Double(measured) : nil
    }

    /// The share of pixels without prediction (intra blocks) in pictures that predict, 0…1; nil where there is none.
    public var intraShare: Double? { pixels > 0 ? 1 - Double(predicted) / Double(pixels) : nil }

    /// Adds a picture.
    public mutating func add(_ frame: ExtractedFrame) {
        let crop = frame.picture.crop
        let cover = BlockCover(frame.rows, size: frame.picture.size, crop: crop, isWhole: frame.copiesReference)
        if frame.mayPredict {
            pixels += cover.shown.width * cover.shown.height
            predicted += cover.pixels
        }
        guard let residual = frame.residual, cover.pixels > 0 else { return }
        measured += cover.pixels
        residual.withPlane(0) { plane in
            guard let base = plane.baseAddress else { return }
            cover.forEachRun { x, y, count in
                magnitude += Int(pframe_sum_magnitude(base + y * frame.picture.size.width + x, count))
            }
        }
    }
}

extension ExtractedFrame {
    /// Whether blocks of it may predict: it is neither intra nor damaged, nor coded in fields, whose vectors are not
    /// trusted. Estimated vectors predict wherever there are any.
    fileprivate var mayPredict: Bool {
        !record.isDamaged && !record.isInterlaced && (!rows.isEmpty || record.type != .intra && record.display > 0)
    }
}

/// Which shown pixels of a picture are predicted, by cells of 8×8: no codec here has vectors of smaller blocks.
private struct BlockCover {
    private static let cell = 8
    /// The size of what is shown.
    let shown: Size
    private let crop: Crop
    private let columns: Int
    private var cells: [Bool]
    /// Predicted pixels that are shown.
    private(set) var pixels = 0

    init(_ rows: [MotionRow], size: Size, crop: Crop, isWhole: Bool) {
        self.crop = crop
        shown = crop.applied(to: size)
        columns = (size.width + Self.cell - 1) / Self.cell
        let lines = (size.height + Self.cell - 1) / Self.cell
        cells = [Bool](repeating: isWhole, count: columns * lines)
        if !isWhole {
            for row in rows where row.reference != MotionRow.unused {
                let vector = row.vector
                let right = (vector.left + Int(vector.width) + Self.cell - 1) / Self.cell
                let bottom = (vector.top + Int(vector.height) + Self.cell - 1) / Self.cell
                let (left, top) = (max(0, vector.left / Self.cell), max(0, vector.top / Self.cell))
                for y in top..<max(top, min(lines, bottom)) {
                    for x in left..<max(left, min(columns, right)) { cells[y * columns + x] = true }
                }
            }
        }
        var count = 0
        forEachRun { _, _, length in count += length }
        pixels = count
    }

    /// Calls `body` with every longest run of predicted pixels of a shown row: where it begins, and its length.
    func forEachRun(_ body: (_ x: Int, _ y: Int, _ count: Int) -> Void) {
        for y in crop.top..<(crop.top + shown.height) {
            let line = y / Self.cell * columns
            var x = crop.left
            let end = crop.left + shown.width
            while x < end {
                let isPredicted = cells[line + x / Self.cell]
                var next = x
                while next < end, cells[line + next / Self.cell] == isPredicted {
                    next = min(end, (next / Self.cell + 1) * Self.cell)
                }
                if isPredicted { body(x, y, next - x) }
                x = next
            }
        }
    }
}
