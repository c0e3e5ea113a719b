/// Reads the syntax elements of macroblocks from one of the two entropy codings.
///
/// Every value that a method returns lies in its range: what cannot be is replaced and marked by `isBroken`. A `context`
/// is what the neighbours add to `ctxIdx` (ITU-T H.264, 9.3.3.1.1); CAVLC ignores it.
protocol EntropyReader {
    static var isCABAC: Bool { get }
    /// Whether something was read that cannot be.
    var isBroken: Bool { get }
    /// The place in the payload, in bits.
    var bitPosition: Int { get }

    /// Begins a slice; `scratch` is 1 KiB of the reader's own.
    init(_ payload: Payload, header: SliceHeader, scratch: UnsafeMutablePointer<UInt8>)

    /// Whether the next macroblock is skipped.
    mutating func skips(context: Int, isB: Bool) -> Bool
    /// Whether a macroblock follows the one that was read.
    mutating func hasMore() -> Bool
    /// Whether the slice ended where its payload ends.
    var endsRight: Bool { get }
    /// `mb_type` of an I slice, 0…25.
    mutating func intraType(context: Int) -> Int
    /// `mb_type` of a P slice: 0…3, or 5 and above for intra; 4 is `P_8x8ref0`.
    mutating func typeP() -> Int
    /// `mb_type` of a B slice: 0…22, or 23 and above for intra.
    mutating func typeB(context: Int) -> Int
    mutating func subTypeP() -> Int
    mutating func subTypeB() -> Int
    mutating func transform8x8(context: Int) -> Bool
    /// −1 for the predicted mode, or `rem_intra4x4_pred_mode`.
    mutating func intraMode() -> Int
    mutating func chromaMode(context: Int) -> Int
    /// `coded_block_pattern`: luma in bits 0…3, chroma above. `left` and `top` are those of the neighbours.
    mutating func codedBlockPattern(isIntra: Bool, left: Int, top: Int) -> Int
    /// `mb_qp_delta`.
    mutating func qpDelta(context: Int) -> Int
    /// `ref_idx`, at most `limit`, which is above 0.
    mutating func reference(context: Int, limit: Int) -> Int
    /// One component of `mvd`; `sum` is that of the neighbours' magnitudes.
    mutating func vectorDifference(isVertical: Bool, sum: Int) -> Int
    /// Lets `count` PCM samples of 8 bits pass into `samples`.
    mutating func pcm(_ count: Int, into samples: UnsafeMutablePointer<Int16>)
    /// Reads a block of coefficients.
    ///
    /// - Parameters:
    ///   - category: `ctxBlockCat`.
    ///   - context: that of `coded_block_flag`; for CAVLC nC, −1 for chroma DC.
    ///   - levels: where levels go, each at its place in `scan`.
    /// - Returns: the number of coefficients that are not 0.
    mutating func block(
        _ category: Int, context: Int, into levels: UnsafeMutablePointer<Int16>, scan: UnsafePointer<UInt8>
    ) -> Int
    /// Reads the four parts of an 8×8 block, or the one that CABAC knows.
    ///
    /// - Parameter counts: the numbers of coefficients of its 4×4 blocks in `NeighbourCounts`, the first one at 0.
    mutating func block8x8(
        into levels: UnsafeMutablePointer<Int16>, scan: UnsafePointer<UInt8>, counts: UnsafeMutablePointer<UInt8>)
}
