import CFFmpeg
import Storage

/// How the stored pictures of a video are turned for display: one of the eight orientations of a display matrix.
///
/// A picture is first flipped top to bottom if `isFlipped`, and then turned clockwise by `rotation`. The angle is the
/// angle of `av_display_rotation_get`, which ignores the flip.
public struct Orientation: Sendable, Hashable, Codable {
    /// Degrees clockwise: 0, 90, 180 or 270.
    public let rotation: Int
    /// Whether the picture is flipped top to bottom before it is turned.
    public let isFlipped: Bool

    /// Pictures are shown as they are stored.
    public static let upright = Orientation(rotation: 0, isFlipped: false)
    /// All eight.
    public static let all = [false, true].flatMap { flip in
        [0, 90, 180, 270].map { Orientation(rotation: $0, isFlipped: flip) }
    }

    /// Creates an orientation; `rotation` is a multiple of 90.
    public init(rotation: Int, isFlipped: Bool = false) {
        precondition(rotation.isMultiple(of: 90), "a rotation by \(rotation) degrees")
        self.rotation = (rotation % 360 + 360) % 360
        self.isFlipped = isFlipped
    }

    /// Reads a display matrix of nine numbers (libavutil's `display.h`); nil if it maps pictures onto a line.
    ///
    /// Angles between the quarter turns become the nearest quarter turn.
    init?(matrix: UnsafePointer<Int32>) {
        // Stored (p, q) is shown at (a·p + c·q, b·p + d·q).
        let (a, b, c, d) = (Double(matrix[0]), Double(matrix[1]), Double(matrix[3]), Double(matrix[4]))
        let determinant = a * d - b * c
        let degrees = -av_display_rotation_get(matrix)
        guard determinant != 0, degrees.isFinite else { return nil }
        self.init(rotation: Int((degrees / 90).rounded()) * 90, isFlipped: determinant < 0)
    }

    /// The display matrix.
    var matrix: [Int32] {
        let (one, column, row) = (Int32(1 << 16), column, row)
        return [
            one * Int32(column.x), one * Int32(column.y), 0, one * Int32(row.x), one * Int32(row.y), 0, 0, 0, 1 << 30,
        ]
    }

    /// Where the next stored column lies in the picture shown: one pixel to the right or left, down or up.
    public var column: (x: Int, y: Int) {
        switch rotation {
        case 90: (0, 1)
        case 180: (-1, 0)
        case 270: (0, -1)
        default: (1, 0)
        }
    }

    /// Where the next stored row lies in the picture shown.
    public var row: (x: Int, y: Int) {
        let sign = isFlipped ? -1 : 1
        return switch rotation {
        case 90: (-sign, 0)
        case 180: (0, -sign)
        case 270: (sign, 0)
        default: (0, sign)
        }
    }

    /// Whether stored rows are shown as columns.
    public var swapsSides: Bool { rotation == 90 || rotation == 270 }

    /// The size that a picture of a stored size is shown in.
    public func shown(_ stored: Size) -> Size {
        swapsSides ? Size(width: stored.height, height: stored.width) : stored
    }

    /// Where stored pixels lie in the picture shown, row-major without gaps: pixel (x, y) at
    /// `start + x · column + y · row`.
    public func places(in stored: Size) -> (start: Int, column: Int, row: Int) {
        let shown = shown(stored)
        let (column, row) = (column, row)
        // One of the two steps is 0 on each axis.
        let left = column.x + row.x < 0 ? shown.width - 1 : 0
        let top = column.y + row.y < 0 ? shown.height - 1 : 0
        return (top * shown.width + left, column.y * shown.width + column.x, row.y * shown.width + row.x)
    }

    /// Stored values, `channels` a pixel, row-major without gaps, as they are shown.
    public func turn<Value>(_ values: [Value], of stored: Size, channels: Int = 1) -> [Value] {
        precondition(values.count == stored.width * stored.height * channels, "values of another size than \(stored)")
        guard self != .upright, let first = values.first else { return values }
        let places = places(in: stored)
        var turned = [Value](repeating: first, count: values.count)
        var from = 0
        for y in 0..<stored.height {
            for x in 0..<stored.width {
                let to = (places.start + x * places.column + y * places.row) * channels
                for channel in 0..<channels { turned[to + channel] = values[from + channel] }
                from += channels
            }
        }
        return turned
    }

    /// In words, for people: `turned by 90°`, `mirrored left to right`; nil if it is upright.
    public var words: String? {
        switch (rotation, isFlipped) {
        case (0, false): nil
        case (0, true): "mirrored top to bottom"
        case (180, true): "mirrored left to right"
        case (_, true): "mirrored top to bottom, then turned by \(rotation)°"
        case (_, false): "turned by \(rotation)°"
        }
    }
}
