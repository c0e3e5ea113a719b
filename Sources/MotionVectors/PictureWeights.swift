package import Bitstream

/// The slice of a row of `motion.npy` in its picture, and the reference index of the row: a row of `indices.npy`. Both
/// are −1 where the bitstream does not tell them.
package struct RowIndices: Sendable, Equatable, BitwiseCopyable {
    package var slice: Int16
    package var index: Int16

    package static let unknown = RowIndices(slice: -1, index: -1)

    package init(slice: Int16, index: Int16) { (self.slice, self.index) = (slice, index) }
}

/// How the predictions of a picture's blocks add up, by slice and reference indices (ITU-T H.264, 8.4.2.3).
package struct PictureWeights: Sendable {
    /// A reference index plus one has values 0…32.
    private static let side = 33

    /// Whether weights change the ordinary prediction, and the weights; the first entry stands for none.
    private var entries: [(matters: Bool, weights: BlockWeights)] = []
    /// By slice, then by both indices plus one: the number of an entry. Empty for a slice without weights.
    private var tables: [[UInt16]] = []

    /// No weights: all predictions count alike.
    package init() {}

    package var isEmpty: Bool { entries.isEmpty }

    /// Keeps the weights of a list's index, or of a pair of indices.
    ///
    /// - Parameters:
    ///   - weights: the weights.
    ///   - slice: the number of the slice.
    ///   - first: the index in list 0, −1 for none.
    ///   - second: the index in list 1, −1 for none.
    package mutating func insert(_ weights: BlockWeights, slice: Int, first: Int, second: Int) {
        if entries.isEmpty { entries.append((false, weights)) }
        while tables.count <= slice { tables.append([]) }
        if tables[slice].isEmpty { tables[slice] = Array(repeating: 0, count: Self.side * Self.side) }
        put(weights, slice, first, second)
        // Explicit weights of a pair are those of its two indices.
        for other in 0..<(Self.side - 1) where min(first, second) < 0 {
            let (one, two) = second < 0 ? (first, other) : (other, second)
            let partner = Int(tables[slice][second < 0 ? two + 1 : (one + 1) * Self.side])
            guard partner > 0 else { continue }
            let (a, b) = second < 0 ? (weights, entries[partner].weights) : (entries[partner].weights, weights)
            var pair = a
            (pair.second, pair.secondOffset) = (b.second, b.secondOffset)
            put(pair, slice, one, two)
        }
    }

    private mutating func put(_ weights: BlockWeights, _ slice: Int, _ first: Int, _ second: Int) {
        tables[slice][(first + 1) * Self.side + second + 1] = UInt16(truncatingIfNeeded: entries.count)
        entries.append((!weights.changesNothing(isPair: min(first, second) >= 0), weights))
    }

    /// The weights of a block, nil for the ordinary prediction.
    ///
    /// - Parameters:
    ///   - slice: the number of its slice.
    ///   - first: its index in list 0, −1 for none.
    ///   - second: its index in list 1, −1 for none.
    package func block(slice: Int16, first: Int16, second: Int16) -> BlockWeights? {
        guard tables.indices.contains(Int(slice)), !tables[Int(slice)].isEmpty,
            (-1..<Self.side - 1).contains(Int(min(first, second))), max(first, second) < Self.side - 1
        else { return nil }
        let entry = Int(tables[Int(slice)][(Int(first) + 1) * Self.side + Int(second) + 1])
        return entries[entry].matters ? entries[entry].weights : nil
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

/// The weights of a picture and the indices of its rows, for prediction.
package struct RowWeights: Sendable {
    private let indices: [RowIndices]
    private let weights: PictureWeights

    /// Nil where no block has weights.
    ///
    /// - Parameters:
    ///   - indices: one per row.
    ///   - weights: of the picture.
    package init?(_ indices: [RowIndices], _ weights: PictureWeights) {
        guard !weights.isEmpty else { return nil }
        (self.indices, self.weights) = (indices, weights)
    }

    /// The weights of a block that predicts from one list.
    func block(_ row: Int, isFirstList: Bool) -> BlockWeights? {
        let found = indices[row]
        return weights.block(
            slice: found.slice, first: isFirstList ? found.index : -1, second: isFirstList ? -1 : found.index)
    }

    /// The weights of a block that predicts from both.
    func block(_ first: Int, _ second: Int) -> BlockWeights? {
        weights.block(slice: indices[first].slice, first: indices[first].index, second: indices[second].index)
    }
}
