public import Codec
import Storage

/// One row of `motion.npy`: twelve `Int32`, in column order.
public struct MotionRow: Sendable, Equatable, BitwiseCopyable {
    /// Display index of the frame that the block lies in.
    public var frame: Int32
    /// Display index of the frame it predicts from, or `unknown`, or `unused`.
    public var reference: Int32
    /// The vector and its block.
    public var vector: MotionVector

    /// The reference was not asked for.
    public static let unknown: Int32 = -2
    /// The row takes no part in the prediction: a phantom second list, an interlaced picture, or no reference is left.
    public static let unused: Int32 = -1
    /// Columns of `motion.npy`.
    public static let columns = 12

    /// Creates a row.
    public init(frame: Int32, reference: Int32 = MotionRow.unknown, vector: MotionVector) {
        self.frame = frame
        self.reference = reference
        self.vector = vector
    }
}

/// Where vectors come from.
public enum MotionSource: String, Sendable, CaseIterable, Codable {
    /// The vectors that the encoder chose, exported by libavcodec.
    case stream
    /// The vectors that the stream holds, read from its syntax: H.264 only, with true references and small blocks.
    case bitstream
    /// The ED-VDM protocol: the frames re-encoded by libx264 in 16×16 blocks, one reference, whole pixels.
    case h264
    /// Block search between displayed frames: works for every codec.
    case search

    /// Whether vectors are found between displayed frames, and not read from the stream.
    var isEstimated: Bool { self == .h264 || self == .search }
}

/// One predicted block: the row of its vector, and of its second list where it has two.
struct PredictedBlock {
    let first: Int
    let second: Int?
}

extension UnsafeMutableBufferPointer<MotionRow> {
    /// Calls `body` for every block of a picture's rows, in export order.
    ///
    /// A macroblock's list 0 stands before its list 1, and a list has at most sixteen blocks, so the two rows of a block
    /// stand at most 31 apart, within one macroblock.
    func forEachBlock(_ body: (PredictedBlock) -> Void) {
        var start = 0
        while start < count {
            let (column, row) = (self[start].vector.left >> 4, self[start].vector.top >> 4)
            var end = start + 1
            while end < count, end - start < 32, self[end].vector.left >> 4 == column, self[end].vector.top >> 4 == row
            {
                end += 1
            }
            if end - start == 1 || self[start].vector.source == self[end - 1].vector.source {
                for index in start..<end { body(PredictedBlock(first: index, second: nil)) }
            } else {
                forEachBlock(inMacroblock: start..<end, body)
            }
            start = end
        }
    }

    private func forEachBlock(inMacroblock rows: Range<Int>, _ body: (PredictedBlock) -> Void) {
        func partner(of index: Int, among candidates: Range<Int>) -> Int? {
            candidates.first {
                self[$0].vector.source != self[index].vector.source
                    && self[$0].vector.destinationX == self[index].vector.destinationX
                    && self[$0].vector.destinationY == self[index].vector.destinationY
                    && self[$0].vector.width == self[index].vector.width
                    && self[$0].vector.height == self[index].vector.height
            }
        }
        for index in rows where partner(of: index, among: rows.lowerBound..<index) == nil {
            body(PredictedBlock(first: index, second: partner(of: index, among: (index + 1)..<rows.upperBound)))
        }
    }
}
