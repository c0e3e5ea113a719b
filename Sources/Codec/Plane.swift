import Storage

/// One 8-bit plane of a picture, lent: valid only while its picture is.
///
/// The owner must outlive it (`withExtendedLifetime`); nothing stores one beyond the call that got it.
public struct Plane: BitwiseCopyable {
    /// The top left pixel.
    public let base: UnsafeMutablePointer<UInt8>
    /// Bytes from one row to the next.
    public let stride: Int
    /// Pixels a row.
    public let width: Int
    /// Rows.
    public let height: Int

    /// Describes memory that someone else owns.
    public init(base: UnsafeMutablePointer<UInt8>, stride: Int, width: Int, height: Int) {
        self.base = base
        self.stride = stride
        self.width = width
        self.height = height
    }
}

@available(*, unavailable)
extension Plane: Sendable {}

/// The width and height of something, in pixels.
public struct Size: Sendable, Hashable, CustomStringConvertible {
    /// Pixels a row.
    public var width: Int
    /// Rows.
    public var height: Int

    /// Creates a size.
    public init(width: Int, height: Int) {
        self.width = width
        self.height = height
    }

    /// Reads `256x128`, or `128` for a square; nil for any other text, and for sides below 1.
    public init?(_ text: String) {
        let sides = text.split(separator: "x", omittingEmptySubsequences: false).map { Int($0) }
        guard (1...2).contains(sides.count), let width = sides[0], let height = sides[sides.count - 1], width > 0,
            height > 0
        else { return nil }
        self.init(width: width, height: height)
    }

    /// `1280x720`.
    public var description: String { "\(width)x\(height)" }

    /// The size of a 4:2:0 chroma plane: ceil(W/2) × ceil(H/2).
    public var chroma: Size { Size(width: (width + 1) / 2, height: (height + 1) / 2) }
}
