import Storage

/// An 8-bit RGB picture, `(H, W, 3)` row-major.
public struct RGBImage: Sendable, Equatable {
    /// Pixels a row.
    public let width: Int
    /// Rows.
    public let height: Int
    /// `height · width · 3` values, R, G, B.
    public var pixels: [UInt8]

    /// Wraps pixels; `pixels.count` must be `width · height · 3`.
    public init(width: Int, height: Int, pixels: [UInt8]) {
        precondition(pixels.count == width * height * 3, "\(pixels.count) values are no \(width)x\(height) RGB picture")
        self.width = width
        self.height = height
        self.pixels = pixels
    }

    /// A black picture.
    public init(width: Int, height: Int) {
        self.init(width: width, height: height, pixels: [UInt8](repeating: 0, count: width * height * 3))
    }

    /// The picture as an orientation shows it.
    public func turned(by orientation: Orientation) -> RGBImage {
        let stored = Size(width: width, height: height)
        let shown = orientation.shown(stored)
        return RGBImage(
            width: shown.width, height: shown.height, pixels: orientation.turn(pixels, of: stored, channels: 3))
    }
}
