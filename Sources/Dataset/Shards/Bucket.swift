/// The one shape that all clips of a shard have, in a set of clips of several shapes: `320x192x16`.
public struct Bucket: Sendable, Hashable, Comparable, CustomStringConvertible {
    /// Pixels per row.
    public let width: Int
    /// Rows.
    public let height: Int
    /// Frames per clip.
    public let frames: Int

    /// Creates a shape of positive sides.
    public init(width: Int, height: Int, frames: Int) {
        (self.width, self.height, self.frames) = (width, height, frames)
    }

    /// Reads `320x192x16`; nil for any other text.
    public init?(_ text: String) {
        let sides = text.split(separator: "x", omittingEmptySubsequences: false).map { Int($0) }
        let numbers = sides.compactMap(\.self)
        guard sides.count == 3, numbers.count == 3, numbers.allSatisfy({ $0 > 0 }) else { return nil }
        self.init(width: numbers[0], height: numbers[1], frames: numbers[2])
    }

    /// `320x192x16`: width, height, frames.
    public var description: String { "\(width)x\(height)x\(frames)" }

    /// The condition of SQL that a filter takes to keep this bucket alone, for messages.
    package var condition: String { "width = \(width) AND height = \(height) AND frames = \(frames)" }

    /// Narrow before wide, low before high, short before long.
    public static func < (one: Bucket, other: Bucket) -> Bool {
        (one.width, one.height, one.frames) < (other.width, other.height, other.frames)
    }
}
