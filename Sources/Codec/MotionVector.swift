import Storage

/// A motion vector as libavcodec exports it (`AVMotionVector`), with the ten columns that mv-extractor users know.
///
/// The block lies around `(destinationX, destinationY)` in the **current** picture, the vector points **to** its
/// prediction: `source = destination + motion / motionScale`, +x right, +y down. Positions are block centres in pixels
/// of the coded picture and may lie outside it. Ten `Int32`, in column order, so that rows are written as they lie.
@frozen public struct MotionVector: Sendable, Equatable, BitwiseCopyable {
    /// −1: list 0 (predicts from the past), +1: list 1 (from the future).
    public var source: Int32
    /// Block width in pixels.
    public var width: Int32
    /// Block height in pixels.
    public var height: Int32
    /// Centre of the prediction, x, rounded to whole pixels as libavcodec does.
    public var sourceX: Int32
    /// Centre of the prediction, y.
    public var sourceY: Int32
    /// Centre of the block, x.
    public var destinationX: Int32
    /// Centre of the block, y.
    public var destinationY: Int32
    /// Horizontal displacement to the prediction, in `1 / motionScale` pixels.
    public var motionX: Int32
    /// Vertical displacement to the prediction, in `1 / motionScale` pixels.
    public var motionY: Int32
    /// Units a pixel: 4 for H.264, 2 for half-pel codecs.
    public var motionScale: Int32

    /// Creates a vector from the ten columns.
    public init(
        source: Int32, width: Int32, height: Int32, sourceX: Int32, sourceY: Int32, destinationX: Int32,
        destinationY: Int32, motionX: Int32, motionY: Int32, motionScale: Int32
    ) {
        self.source = source
        self.width = width
        self.height = height
        self.sourceX = sourceX
        self.sourceY = sourceY
        self.destinationX = destinationX
        self.destinationY = destinationY
        self.motionX = motionX
        self.motionY = motionY
        self.motionScale = motionScale
    }

    /// A whole-pixel vector of the block whose top left corner is `(x, y)`, with quarter-pel units.
    public init(blockX x: Int, y: Int, size: Int, dx: Int, dy: Int) {
        let (centreX, centreY) = (Int32(x + size / 2), Int32(y + size / 2))
        self.init(
            source: -1, width: Int32(size), height: Int32(size), sourceX: centreX + Int32(dx),
            sourceY: centreY + Int32(dy), destinationX: centreX, destinationY: centreY, motionX: 4 * Int32(dx),
            motionY: 4 * Int32(dy), motionScale: 4)
    }

    /// Left edge of the block in the current picture, in pixels.
    @inlinable public var left: Int { Int(destinationX) - Int(width) / 2 }
    /// Top edge of the block in the current picture, in pixels.
    @inlinable public var top: Int { Int(destinationY) - Int(height) / 2 }
    /// Displacement to the prediction in quarter pixels: `value · 4 / motionScale`.
    @inlinable public var quarterPel: (x: Int32, y: Int32) {
        motionScale == 4 ? (motionX, motionY) : (motionX &* 4 / motionScale, motionY &* 4 / motionScale)
    }
}
