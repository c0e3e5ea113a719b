public import Codec
public import Storage

/// The motion of the ED-VDM paper (`--motion-source h264`): libx264 re-encodes the frames with 16×16 macroblocks, one
/// reference and whole pixels, and the motion is the vectors of the new stream.
///
/// `BlockSearch` replaces intra macroblocks and vectors beyond the radius; the share of replaced blocks is counted.
public final class ReencodedMotion {
    private let transcoder: H264Transcoder
    private let search: BlockSearch
    private var previous: Picture?
    private var vectors: [MotionVector] = []
    /// Macroblocks seen so far, first frame excluded.
    public private(set) var blocks = 0
    /// Macroblocks that block search had to fill.
    public private(set) var replacedBlocks = 0

    /// x264's parameters for the protocol. Never `me=esa` or `tesa` with `subme=0`: x264 then finds no motion at all.
    ///
    /// CAVLC takes less time than CABAC at a low QP; the vectors of the clips compared were the same.
    public static let parameters = [
        "threads=1", "ref=1", "bframes=0", "partitions=none", "me=umh", "subme=0", "merange=16", "no-deblock=1",
        "weightp=0", "keyint=infinite", "scenecut=0", "8x8dct=0", "aq-mode=0", "mbtree=0", "trellis=0",
        "no-fast-pskip=1", "qp=8", "cabac=0", "rc-lookahead=0", "sync-lookahead=0", "force-cfr=1",
    ].joined(separator: ":")

    /// Prepares the estimate of a sequence of frames.
    ///
    /// - Parameters:
    ///   - size: of every frame.
    ///   - radius: largest offset kept, in pixels.
    /// - Throws: `PFrameError` if libx264 is missing.
    public init(size: Size, radius: Int = 15) throws(PFrameError) {
        transcoder = try H264Transcoder(size: size, parameters: Self.parameters)
        search = {
            var search = BlockSearch()
            search.radius = radius
            return search
        }()
    }

    /// The motion of the next frame against the one before; nil for the first.
    ///
    /// - Parameter frame: 8-bit 4:2:0, of the size given at the start.
    /// - Throws: `PFrameError`.
    public func next(_ frame: Picture) throws(PFrameError) -> MotionField? {
        let decoded = try transcoder.transcode(frame)
        defer { previous = frame }
        guard let previous else { return nil }
        decoded.readMotionVectors(into: &vectors)
        var field = MotionField(vectors.map { MotionRow(frame: 0, vector: $0) }, size: frame.size, cellSize: 16)
        blocks += field.mask.count
        let limit = Int16(search.radius * 4)
        let unusable = field.mask.indices.filter {
            field.mask[$0] == 0 || abs(field.vectors[$0].x) > limit || abs(field.vectors[$0].y) > limit
                || field.vectors[$0] & 3 != .zero
        }
        guard !unusable.isEmpty else { return field }
        replacedBlocks += unusable.count
        frame.withPlane(0) { luma in
            previous.withPlane(0) { search.replace(unusable, in: &field, of: luma, against: $0) }
        }
        return field
    }
}

@available(*, unavailable)
extension ReencodedMotion: Sendable {}
