/// How the predictions of a block add up (ITU-T H.264, 8.4.2.3), of luma, Cb and Cr:
/// `((a · w₀ + 2^(shift − 1)) >> shift) + o₀` of one list, `((a · w₀ + b · w₁ + 2^shift) >> (shift + 1)) + (o₀ + o₁ + 1 >> 1)`
/// of two, clipped to 0…255. Only luma, Cb and Cr in elements 0 to 2 count.
public struct BlockWeights: Sendable, Equatable {
    /// `logWD`.
    public var shift: SIMD4<Int32>
    /// Weights of list 0.
    public var first: SIMD4<Int32>
    /// Weights of list 1.
    public var second: SIMD4<Int32>
    /// Offsets of list 0.
    public var firstOffset: SIMD4<Int32>
    /// Offsets of list 1.
    public var secondOffset: SIMD4<Int32>

    /// Holds weights.
    public init(
        shift: SIMD4<Int32>, first: SIMD4<Int32>, second: SIMD4<Int32>, firstOffset: SIMD4<Int32>,
        secondOffset: SIMD4<Int32>
    ) {
        (self.shift, self.first, self.second) = (shift, first, second)
        (self.firstOffset, self.secondOffset) = (firstOffset, secondOffset)
    }
}

/// The weights of a slice: those it sends, or those that follow from distances in order count.
///
/// Explicit weights are kept by index, not by pair of indices: damaged streams have pictures of many slices.
package enum SliceWeights: Sendable {
    /// All predictions count alike.
    case none
    /// The slice header sends them.
    case explicit(WeightTable)
    /// The weight of list 1 in 64ths, by the index in list 0, then by the index in list 1.
    case implicit([[Int16]])

    init(_ header: SliceHeader, references: [[Reference]], order: Int) {
        if let table = header.weights {
            self = .explicit(table)
        } else if header.type == .b, header.picture.weightsB == 2 {
            self = .implicit(
                references[0].map { past in
                    references[1].map { Self.implicit(order: order, from: past, to: $0) }
                })
        } else {
            self = .none
        }
    }

    private static func implicit(order: Int, from past: Reference, to future: Reference) -> Int16 {
        guard !future.isLongTerm, let scale = DirectPrediction.scale(order: order, from: past, to: future),
            (-64...128).contains(scale >> 2)
        else { return 32 }
        return Int16(scale >> 2)
    }

    /// Whether all predictions count alike.
    package var isNone: Bool {
        if case .none = self { true } else { false }
    }

    /// The pairs of indices in list 0 and list 1 that have weights of their own, in order: explicit weights have one
    /// index, and −1 for the other list.
    package var indices: [(first: Int, second: Int)] {
        switch self {
        case .none: []
        case .explicit(let table): table.entries[0].indices.map { ($0, -1) } + table.entries[1].indices.map { (-1, $0) }
        case .implicit(let rows): rows.indices.flatMap { first in rows[first].indices.map { (first, $0) } }
        }
    }

    /// The weights of a block; nil for the ordinary prediction.
    ///
    /// - Parameters:
    ///   - first: its index in list 0, −1 for none.
    ///   - second: its index in list 1, −1 for none.
    package func block(_ first: Int, _ second: Int) -> BlockWeights? {
        switch self {
        case .none: return nil
        case .explicit(let table):
            guard first < table.entries[0].count, second < table.entries[1].count else { return nil }
            let (a, b) = (
                first < 0 ? nil : table.entries[0][first], second < 0 ? nil : table.entries[1][second]
            )
            let (luma, chroma) = (Int32(table.lumaShift), Int32(table.chromaShift))
            return BlockWeights(
                shift: SIMD4(luma, chroma, chroma, 0), first: a?.weights ?? SIMD4(), second: b?.weights ?? SIMD4(),
                firstOffset: a?.offsets ?? SIMD4(), secondOffset: b?.offsets ?? SIMD4())
        case .implicit(let rows):
            guard rows.indices.contains(first), rows[first].indices.contains(second) else { return nil }
            let weight = Int32(rows[first][second])
            return BlockWeights(
                shift: SIMD4(repeating: 5), first: SIMD4(repeating: 64 - weight), second: SIMD4(repeating: weight),
                firstOffset: SIMD4(), secondOffset: SIMD4())
        }
    }

    /// Takes weights that were told one by one, in the order of ``indices``.
    ///
    /// - Returns: whether the weights are such as a slice has, and follow those before.
    package mutating func append(_ weights: BlockWeights, first: Int, second: Int) -> Bool {
        first >= 0 && second >= 0
            ? appendImplicit(weights, first, second) : appendExplicit(weights, first, second)
    }

    private mutating func appendExplicit(_ weights: BlockWeights, _ first: Int, _ second: Int) -> Bool {
        var table = WeightTable(lumaShift: Int(weights.shift[0]), chromaShift: Int(weights.shift[1]))
        switch self {
        case .none: break
        case .explicit(let earlier):
            guard earlier.lumaShift == table.lumaShift, earlier.chromaShift == table.chromaShift else { return false }
            table = earlier
        case .implicit: return false
        }
        let (list, index) = second < 0 ? (0, first) : (1, second)
        guard index == table.entries[list].count, weights.shift[1] == weights.shift[2] else { return false }
        table.entries[list].append(
            list == 0
                ? WeightTable.Entry(weights: weights.first, offsets: weights.firstOffset)
                : WeightTable.Entry(weights: weights.second, offsets: weights.secondOffset))
        self = .explicit(table)
        return true
    }

    private mutating func appendImplicit(_ weights: BlockWeights, _ first: Int, _ second: Int) -> Bool {
        var rows: [[Int16]] = []
        switch self {
        case .none: break
        case .explicit: return false
        case .implicit(let earlier): rows = earlier
        }
        let weight = weights.second[0]
        let isImplicit = (0..<3).allSatisfy { plane in
            weights.shift[plane] == 5 && weights.first[plane] == 64 - weight && weights.second[plane] == weight
                && weights.firstOffset[plane] == 0 && weights.secondOffset[plane] == 0
        }
        if second == 0 { rows.append([]) }
        guard isImplicit, first == rows.count - 1, second == rows[first].count else { return false }
        rows[first].append(Int16(truncatingIfNeeded: weight))
        self = .implicit(rows)
        return true
    }
}
