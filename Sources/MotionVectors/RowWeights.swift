package import Bitstream

/// The slice of a row of `motion.npy` in its picture, and the reference index of the row: a row of `indices.npy`. Both
/// are −1 where the bitstream does not tell them.
package struct RowIndices: Sendable, Equatable, BitwiseCopyable {
    package var slice: Int16
    package var index: Int16

    package static let unknown = RowIndices(slice: -1, index: -1)

    package init(slice: Int16, index: Int16) { (self.slice, self.index) = (slice, index) }
}

/// How the predictions of a picture's blocks add up (ITU-T H.264, 8.4.2.3).
package struct RowWeights: Sendable {
    private let indices: [RowIndices]
    private let slices: [SliceWeights]

    /// Nil where no block has weights.
    ///
    /// - Parameters:
    ///   - indices: one per row.
    ///   - slices: the weights of each slice of the picture; slices beyond have none.
    package init?(_ indices: [RowIndices], _ slices: [SliceWeights]) {
        guard slices.contains(where: { !$0.isNone }) else { return nil }
        (self.indices, self.slices) = (indices, slices)
    }

    /// The weights of a block that predicts from one list; nil for the ordinary prediction.
    func block(_ row: Int, isFirstList: Bool) -> BlockWeights? {
        let index = indices[row].index
        return weights(indices[row].slice, isFirstList ? index : -1, isFirstList ? -1 : index)
    }

    /// The weights of a block that predicts from both; nil for the ordinary prediction.
    func block(_ first: Int, _ second: Int) -> BlockWeights? {
        weights(indices[first].slice, indices[first].index, indices[second].index)
    }

    private func weights(_ slice: Int16, _ first: Int16, _ second: Int16) -> BlockWeights? {
        guard slices.indices.contains(Int(slice)), max(first, second) >= 0,
            let weights = slices[Int(slice)].block(Int(first), Int(second)),
            !weights.changesNothing(isPair: min(first, second) >= 0)
        else { return nil }
        return weights
    }
}

extension BlockWeights {
    /// Whether the result is that of the ordinary prediction: the prediction itself, or the mean of two.
    fileprivate func changesNothing(isPair: Bool) -> Bool {
        (0..<3).allSatisfy { plane in
            let unit: Int32 = 1 << shift[plane]
            let isFirst = first[plane] == unit && firstOffset[plane] == 0
            let isSecond = second[plane] == unit && secondOffset[plane] == 0
            return isPair ? isFirst && isSecond : isFirst || isSecond
        }
    }
}
