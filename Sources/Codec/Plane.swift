/// One plane of a picture. ``Picture/withPlane(_:_:)`` lends the plane to a closure, which can neither copy nor keep
/// it.
///
/// Its pointers are valid in the closure only.
public struct Plane: ~Copyable {
    /// The first byte of the top left pixel.
    public let base: UnsafeMutablePointer<UInt8>
    /// Bytes from one row to the next; negative where the rows lie bottom up.
    public let stride: Int
    /// Pixels per row. A chroma plane has ceil(W/2) where chroma is halved across.
    public let width: Int
    /// Rows. A chroma plane has ceil(H/2) where chroma is halved down.
    public let height: Int
    /// Bytes per row that hold pixels: `width` of 8-bit samples, 2 · `width` of 10-bit ones, 3 · `width` of RGB.
    public let rowBytes: Int

    /// A plane over memory that the caller owns.
    ///
    /// - Parameter rowBytes: nil for a byte per pixel.
    public init(base: UnsafeMutablePointer<UInt8>, stride: Int, width: Int, height: Int, rowBytes: Int? = nil) {
        self.base = base
        self.stride = stride
        self.width = width
        self.height = height
        self.rowBytes = rowBytes ?? width
    }

    /// The bytes of row `y` that hold pixels.
    public func row(_ y: Int) -> UnsafeMutableBufferPointer<UInt8> {
        precondition(0..<height ~= y, "row \(y) of a plane of \(height)")
        return UnsafeMutableBufferPointer(start: base + y * stride, count: rowBytes)
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
