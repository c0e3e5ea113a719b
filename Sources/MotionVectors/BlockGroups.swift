import Codec
import Storage

/// One predicted block: the row of its vector, and of its second list where it has two.
struct PredictedBlock {
    let first: Int
    let second: Int?
}

extension UnsafeMutableBufferPointer<MotionRow> {
    /// Calls `body` for every block of a picture's rows, in export order.
    ///
    /// libavcodec exports a macroblock's list 0 before its list 1, so a block's two rows stand at most seven apart,
    /// within one macroblock.
    func forEachBlock(_ body: (PredictedBlock) -> Void) {
        var start = 0
        while start < count {
            let (column, row) = (self[start].vector.left >> 4, self[start].vector.top >> 4)
            var end = start + 1
            while end < count, end - start < 8, self[end].vector.left >> 4 == column, self[end].vector.top >> 4 == row {
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
