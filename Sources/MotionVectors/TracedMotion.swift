public import Codec
import Storage

/// The motion that each block of a frame may have: what was traced at points of the block.
public struct MotionCandidates: Sendable, Equatable {
    /// A list per 16×16 block, row-major, without repetitions: whole pixels in quarter-pel units. Empty for a block of
    /// which no point could be traced.
    public var vectors: [[SIMD2<Int16>]]

    /// Holds vectors.
    public init(_ vectors: [[SIMD2<Int16>]]) { self.vectors = vectors }
}

/// The motion of clips by the vectors of their own video (`--motion-source stream`): a block takes the candidate of
/// least SAD of luma.
///
/// `BlockSearch` fills the blocks without a candidate within the radius; the share of filled blocks is counted.
public struct TracedMotion: Sendable {
    private let search: BlockSearch
    /// Blocks seen so far.
    public private(set) var blocks = 0
    /// Blocks that block search had to fill.
    public private(set) var searchedBlocks = 0

    /// Prepares the motion of clips.
    ///
    /// - Parameter radius: largest offset kept, in pixels.
    public init(radius: Int) {
        var search = BlockSearch()
        search.radius = radius
        self.search = search
    }

    /// The motion of a frame against another, pictures of equal size.
    ///
    /// - Parameters:
    ///   - frame: the picture to predict.
    ///   - reference: the picture to predict from.
    ///   - candidates: of each block of the frame.
    /// - Returns: a field whose mask is 1 everywhere. Ties go to the shortest vector, then the smaller y, then the smaller x.
    public mutating func field(
        of frame: Picture, against reference: Picture, candidates: MotionCandidates
    ) -> MotionField {
        var field = MotionField(size: frame.size, cellSize: search.blockSize)
        precondition(candidates.vectors.count == field.vectors.count, "candidates of another number of blocks")
        frame.withPlane(0) { luma in
            reference.withPlane(0) { before in
                search.choose(&field, among: candidates.vectors, of: luma, against: before)
                let empty = field.mask.indices.filter { field.mask[$0] == 0 }
                if !empty.isEmpty { search.replace(empty, in: &field, of: luma, against: before) }
                blocks += field.mask.count
                searchedBlocks += empty.count
            }
        }
        return field
    }
}
