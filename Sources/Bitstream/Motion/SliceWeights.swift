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

/// The weights of a slice: those it sends, or those that follow from distances in time.
struct SliceWeights {
    private let table: WeightTable?
    private let references: [[Reference]]
    private let order: Int
    private let isImplicit: Bool

    init(_ header: SliceHeader, references: [[Reference]], order: Int) {
        table = header.weights
        self.references = references
        self.order = order
        isImplicit = header.type == .b && header.picture.weightsB == 2
    }

    /// Nil for the ordinary prediction.
    func block(_ first: Int, _ second: Int) -> BlockWeights? {
        if let table { return Self.explicit(table, first, second) }
        guard isImplicit, references[0].indices.contains(first), references[1].indices.contains(second) else {
            return nil
        }
        var weights = (Int32(32), Int32(32))
        let (past, future) = (references[0][first], references[1][second])
        if !future.isLongTerm, let scale = DirectPrediction.scale(order: order, from: past, to: future),
            (-64...128).contains(scale >> 2)
        {
            weights = (64 - Int32(scale >> 2), Int32(scale >> 2))
        }
        return BlockWeights(
            shift: SIMD4(repeating: 5), first: SIMD4(repeating: weights.0), second: SIMD4(repeating: weights.1),
            firstOffset: SIMD4(), secondOffset: SIMD4())
    }

    private static func explicit(_ table: WeightTable, _ first: Int, _ second: Int) -> BlockWeights? {
        func entry(_ list: Int, _ index: Int) -> WeightTable.Entry? {
            table.entries[list].indices.contains(index) ? table.entries[list][index] : nil
        }
        let (a, b) = (entry(0, first), entry(1, second))
        let (luma, chroma) = (Int32(table.lumaShift), Int32(table.chromaShift))
        return BlockWeights(
            shift: SIMD4(luma, chroma, chroma, 0), first: a?.weights ?? SIMD4(), second: b?.weights ?? SIMD4(),
            firstOffset: a?.offsets ?? SIMD4(), secondOffset: b?.offsets ?? SIMD4())
    }
}
