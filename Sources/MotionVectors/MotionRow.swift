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

    /// The reference was not inferred (a run without pixels).
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
    /// The ED-VDM protocol: the frames re-encoded by libx264 in 16×16 blocks, one reference, whole pixels.
    case h264
    /// Block search between displayed frames: works for every codec.
    case search
}
