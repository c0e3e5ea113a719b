public import Codec
import Storage

/// An opaque sRGB colour, 8 bits a channel.
public struct RGBColor: Sendable, Hashable {
    /// The red channel, 0…255.
    public var red: UInt8
    /// The green channel, 0…255.
    public var green: UInt8
    /// The blue channel, 0…255.
    public var blue: UInt8

    /// Makes a colour of its three channels.
    public init(red: UInt8, green: UInt8, blue: UInt8) {
        self.red = red
        self.green = green
        self.blue = blue
    }

    /// Makes a colour of a hexadecimal literal such as `0xE69F00`.
    public init(_ hex: UInt32) {
        self.init(
            red: UInt8(truncatingIfNeeded: hex >> 16),
            green: UInt8(truncatingIfNeeded: hex >> 8),
            blue: UInt8(truncatingIfNeeded: hex))
    }

    /// Makes a neutral grey.
    public init(grey: UInt8) {
        self.init(red: grey, green: grey, blue: grey)
    }
}

/// An RGB raster to draw on: lines, convex polygons, discs, arrows, pictures and text, all anti-aliased.
///
/// Coordinates are pixels, +x right and +y down; pixel `(0, 0)` covers `0..<1` in both directions, so its centre
/// lies at `(0.5, 0.5)`. What falls outside the raster is cut off. A shape is a signed distance field: a pixel whose
/// centre lies `d` pixels outside the shape's edge is covered by `clamp(1/2 - d, 0, 1)`.
public struct Canvas: Sendable {
    /// A position on the canvas in pixels.
    public struct Point: Sendable, Hashable {
        /// Pixels from the left edge.
        public var x: Float
        /// Pixels from the top edge.
        public var y: Float

        /// Makes a position of its two coordinates.
        public init(_ x: Float, _ y: Float) {
            self.x = x
            self.y = y
        }
    }

    /// A soft rim around a shape, which keeps it readable on any background.
    public struct Halo: Sendable, Hashable {
        /// The rim's colour.
        public var color: RGBColor
        /// How far the rim reaches beyond the shape, in pixels.
        public var width: Float
        /// 0 (invisible) … 1 (opaque).
        public var opacity: Float

        /// Makes a rim; by default it is dark and one pixel wide.
        public init(color: RGBColor = RGBColor(0x101418), width: Float = 1, opacity: Float = 0.7) {
            self.color = color
            self.width = width
            self.opacity = opacity
        }
    }

    /// The raster drawn so far.
    public private(set) var image: RGBImage

    /// Coverage of the polyline being drawn; kept between calls so that text does not allocate for each glyph.
    private var mask: [Float] = []

    /// The canvas's width in pixels.
    public var width: Int { image.width }
    /// The canvas's height in pixels.
    public var height: Int { image.height }

    /// Makes a canvas of one colour.
    public init(width: Int, height: Int, background: RGBColor = RGBColor(grey: 255)) {
        image = RGBImage(width: width, height: height)
        fill(x: 0, y: 0, width: width, height: height, background)
    }

    /// Makes a canvas that shows a picture, to draw over it.
    public init(_ picture: RGBImage) {
        image = picture
    }

    // MARK: Shapes

    /// Draws a line with round ends.
    public mutating func line(
        from start: Point, to end: Point, width: Float, _ color: RGBColor, halo: Halo? = nil
    ) {
        let segment = Segment(start, end)
        paint(Box(around: [start, end], margin: width / 2), color, halo) { segment.distance($0, $1) - width / 2 }
    }

    /// Draws connected lines, or several such strokes at once, with round joins and ends.
    ///
    /// All strokes are covered together, so that joins and crossings leave no knots in the soft edge.
    public mutating func strokes(_ strokes: [[Point]], width: Float, _ color: RGBColor) {
        guard let box = Box(around: strokes.joined(), margin: width / 2)?.pixels(in: (image.width, image.height)) else {
            return
        }
        let count = box.width * box.height
        let bounds = (width: image.width, height: image.height)
        // The mask leaves `self` while it is in use: two of its buffers cannot be borrowed through `self` at once.
        var mask: [Float] = []
        swap(&mask, &self.mask)
        defer { swap(&mask, &self.mask) }
        if mask.count < count { mask = [Float](repeating: 0, count: count) }
        mask.withUnsafeMutableBufferPointer { mask in
            mask[..<count].update(repeating: 0)
            for stroke in strokes {
                for (start, end) in zip(stroke, stroke.dropFirst()) {
                    let segment = Segment(start, end)
                    let part = Box(around: [start, end], margin: width / 2)?.pixels(in: bounds)
                    guard let part else { continue }
                    for y in part.y0..<part.y1 {
                        let row = (y - box.y0) * box.width - box.x0
                        for x in part.x0..<part.x1 {
                            let distance = segment.distance(Float(x) + 0.5, Float(y) + 0.5) - width / 2
                            mask[row + x] = max(mask[row + x], coverage(distance))
                        }
                    }
                }
            }
            image.pixels.withUnsafeMutableBufferPointer { pixels in
                for y in box.y0..<box.y1 {
                    for x in box.x0..<box.x1 {
                        let amount = mask[(y - box.y0) * box.width + x - box.x0]
                        if amount > 0 { blend(pixels, 3 * (y * bounds.width + x), color, amount) }
                    }
                }
            }
        }
    }

    /// Fills a convex polygon, whichever way round its corners are listed.
    public mutating func polygon(_ corners: [Point], _ color: RGBColor, halo: Halo? = nil) {
        guard corners.count > 2 else { return }
        let shape = ConvexPolygon(corners)
        paint(Box(around: corners, margin: 0), color, halo) { shape.distance($0, $1) }
    }

    /// Fills a disc.
    public mutating func disc(_ center: Point, radius: Float, _ color: RGBColor, halo: Halo? = nil) {
        paint(Box(around: [center], margin: radius), color, halo) { x, y in
            let dx = x - center.x
            let dy = y - center.y
            return (dx * dx + dy * dy).squareRoot() - radius
        }
    }

    /// Draws an arrow: a round-ended shaft and a solid head whose tip lies at `tip`.
    ///
    /// The head is 4.4 shafts long and 4 wide; an arrow too short for it shrinks as a whole, to no less than 70 %.
    public mutating func arrow(
        from tail: Point, to tip: Point, width: Float, _ color: RGBColor, halo: Halo? = Halo()
    ) {
        let dx = tip.x - tail.x
        let dy = tip.y - tail.y
        let length = (dx * dx + dy * dy).squareRoot()
        guard length > 0 else { return disc(tip, radius: width / 2, color, halo: halo) }
        let thickness = width * min(1, max(0.7, length / (6 * width)))
        let head = min(4.4 * thickness, length)
        let side = 2 * thickness
        let (ux, uy) = (dx / length, dy / length)
        let base = Point(tip.x - head * ux, tip.y - head * uy)
        let triangle = ConvexPolygon([
            tip, Point(base.x - side * uy, base.y + side * ux), Point(base.x + side * uy, base.y - side * ux),
        ])
        let shaft = Segment(tail, Point(base.x + head * ux / 2, base.y + head * uy / 2))
        paint(Box(around: [tail, tip], margin: side), color, halo) { x, y in
            min(shaft.distance(x, y) - thickness / 2, triangle.distance(x, y))
        }
    }

    // MARK: Rectangles

    /// Fills whole pixels.
    public mutating func fill(x: Int, y: Int, width: Int, height: Int, _ color: RGBColor) {
        shade(x: x, y: y, width: width, height: height) { _, _ in color }
    }

    /// Fills whole pixels, each with the colour that `color(x, y)` gives it; `x` and `y` count from the corner.
    @inline(__always)
    public mutating func shade(x: Int, y: Int, width: Int, height: Int, _ color: (_ x: Int, _ y: Int) -> RGBColor) {
        let columns = max(0, x)..<max(0, x, min(image.width, x + width))
        let stride = image.width
        let rows = max(0, y)..<max(0, y, min(image.height, y + height))
        image.pixels.withUnsafeMutableBufferPointer { pixels in
            for row in rows {
                for column in columns {
                    let color = color(column - x, row - y)
                    let at = 3 * (row * stride + column)
                    pixels[at] = color.red
                    pixels[at + 1] = color.green
                    pixels[at + 2] = color.blue
                }
            }
        }
    }

    /// Draws a rectangle's outline of whole pixels, inside the rectangle.
    public mutating func outline(x: Int, y: Int, width: Int, height: Int, thickness: Int = 1, _ color: RGBColor) {
        fill(x: x, y: y, width: width, height: thickness, color)
        fill(x: x, y: y + height - thickness, width: width, height: thickness, color)
        fill(x: x, y: y, width: thickness, height: height, color)
        fill(x: x + width - thickness, y: y, width: thickness, height: height, color)
    }

    // MARK: Pixels

    /// Paints the pixels of `box` (grown by the halo) by their signed distance from a shape.
    @inline(__always)
    private mutating func paint(
        _ box: Box?, _ color: RGBColor, _ halo: Halo?, distance: (_ x: Float, _ y: Float) -> Float
    ) {
        let rim = halo ?? Halo(width: 0, opacity: 0)
        guard let area = box?.grown(by: rim.width).pixels(in: (image.width, image.height)) else { return }
        let stride = image.width
        image.pixels.withUnsafeMutableBufferPointer { pixels in
            for y in area.y0..<area.y1 {
                for x in area.x0..<area.x1 {
                    let edge = distance(Float(x) + 0.5, Float(y) + 0.5)
                    guard edge < rim.width + 0.5 else { continue }
                    let at = 3 * (y * stride + x)
                    if rim.opacity > 0 { blend(pixels, at, rim.color, rim.opacity * coverage(edge - rim.width)) }
                    if edge < 0.5 { blend(pixels, at, color, coverage(edge)) }
                }
            }
        }
    }

    /// Lends the raster's bytes, row by row of `3 * width`, to be written.
    mutating func withPixels(_ body: (UnsafeMutableBufferPointer<UInt8>) -> Void) {
        image.pixels.withUnsafeMutableBufferPointer { body($0) }
    }
}

/// The share of a pixel that a shape covers whose edge lies `distance` pixels away (negative: inside).
@inline(__always)
private func coverage(_ distance: Float) -> Float {
    min(1, max(0, 0.5 - distance))
}

/// Mixes `amount` (0…1) of a colour into the pixel that starts at byte `at`.
@inline(__always)
private func blend(_ pixels: UnsafeMutableBufferPointer<UInt8>, _ at: Int, _ color: RGBColor, _ amount: Float) {
    let weight = Int32(amount * 256 + 0.5)
    func mixed(_ below: UInt8, _ above: UInt8) -> UInt8 {
        UInt8(truncatingIfNeeded: Int32(below) + ((Int32(above) - Int32(below)) * weight + 128) >> 8)
    }
    pixels[at] = mixed(pixels[at], color.red)
    pixels[at + 1] = mixed(pixels[at + 1], color.green)
    pixels[at + 2] = mixed(pixels[at + 2], color.blue)
}
