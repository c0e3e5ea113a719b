import CPango
package import Codec
package import Storage

/// An opaque sRGB colour, 8 bits per channel.
package struct RGBColor: Sendable, Hashable {
    /// `0xRRGGBB`.
    package let hex: UInt32

    /// Makes a colour of a hexadecimal literal such as `0xE69F00`.
    package init(_ hex: UInt32) { self.hex = hex }

    /// Makes a colour of its three channels.
    package init(red: UInt8, green: UInt8, blue: UInt8) {
        hex = UInt32(red) << 16 | UInt32(green) << 8 | UInt32(blue)
    }

    /// Makes a neutral grey.
    package init(grey: UInt8) { self.init(red: grey, green: grey, blue: grey) }

    /// The red channel, 0…255.
    package var red: UInt8 { UInt8(truncatingIfNeeded: hex >> 16) }
    /// The green channel, 0…255.
    package var green: UInt8 { UInt8(truncatingIfNeeded: hex >> 8) }
    /// The blue channel, 0…255.
    package var blue: UInt8 { UInt8(truncatingIfNeeded: hex) }
}

/// An image surface of cairo: 32 bits per pixel, `0x00RRGGBB`.
///
/// Stands for `cairo_surface_t`. A surface that cairo cannot make, such as one of more than 32,767 rows, takes no pixels.
private struct Raster: ~Copyable {
    let surface: OpaquePointer
    let width: Int
    let height: Int

    init(width: Int, height: Int) {
        surface = cairo_image_surface_create(
            CAIRO_FORMAT_RGB24, Int32(clamping: width), Int32(clamping: height))
        (self.width, self.height) = (width, height)
    }

    init(_ picture: RGBImage) {
        self.init(width: picture.width, height: picture.height)
        withPixels { pixels, stride in
            picture.pixels.withUnsafeBufferPointer { bytes in
                var at = 0
                for row in 0..<picture.height {
                    for pixel in (row * stride)..<(row * stride + picture.width) {
                        pixels[pixel] = UInt32(bytes[at]) << 16 | UInt32(bytes[at + 1]) << 8 | UInt32(bytes[at + 2])
                        at += 3
                    }
                }
            }
        }
    }

    deinit { cairo_surface_destroy(surface) }

    /// Lends the pixels, row by row of `stride`.
    @inline(__always)
    func withPixels(_ body: (_ pixels: UnsafeMutablePointer<UInt32>, _ stride: Int) -> Void) {
        cairo_surface_flush(surface)
        guard let bytes = cairo_image_surface_get_data(surface) else { return }
        let stride = Int(cairo_image_surface_get_stride(surface)) / 4
        bytes.withMemoryRebound(to: UInt32.self, capacity: stride * height) { body($0, stride) }
        cairo_surface_mark_dirty(surface)
    }
}

/// The one funnel for cairo's statuses.
private func check(_ status: cairo_status_t, _ doing: String) throws(PFrameError) {
    guard status != CAIRO_STATUS_SUCCESS else { return }
    throw PFrameError(.failed, "\(doing): \(String(cString: cairo_status_to_string(status)))")
}

/// A raster to draw on: arrows, discs, rectangles, pictures and text, all anti-aliased by cairo.
///
/// Coordinates are pixels, +x right and +y down; pixel `(0, 0)` covers `0..<1` in both directions, so its centre
/// lies at `(0.5, 0.5)`. What falls outside the raster is cut off. As cairo has it, the first failure makes all further
/// drawing do nothing, and ``image()`` tells of it.
package struct Canvas: ~Copyable {
    /// A position on the canvas in pixels.
    package struct Point: Sendable, Hashable {
        /// Pixels from the left edge.
        package var x: Float
        /// Pixels from the top edge.
        package var y: Float

        /// Makes a position of its two coordinates.
        package init(_ x: Float, _ y: Float) { (self.x, self.y) = (x, y) }
    }

    /// A soft rim around a shape, which keeps it readable on any background.
    package struct Halo: Sendable, Hashable {
        /// The rim's colour.
        package var color = RGBColor(0x101418)
        /// How far the rim reaches beyond the shape, in pixels.
        package var width: Float
        /// 0 (invisible) … 1 (opaque).
        package var opacity: Float

        /// Makes a dark rim.
        package init(width: Float = 1, opacity: Float = 0.7) { (self.width, self.opacity) = (width, opacity) }
    }

    private let raster: Raster
    /// The `cairo_t` that draws on the raster.
    let context: OpaquePointer
    let typesetter: Typesetter?

    /// Makes a canvas of one colour.
    package init(width: Int, height: Int, background: RGBColor = RGBColor(grey: 255)) {
        raster = Raster(width: width, height: height)
        context = cairo_create(raster.surface)
        typesetter = Typesetter.hasFonts ? Typesetter() : nil
        ink(background)
        cairo_paint(context)
    }

    deinit { cairo_destroy(context) }

    /// What cairo draws of a picture, each way.
    private static let largest = 32_767

    /// What was drawn.
    ///
    /// - Throws: `PFrameError` if cairo could not draw: the canvas is too large or memory is short; or if there is no
    ///   font.
    package func image() throws(PFrameError) -> RGBImage {
        let (width, height) = (raster.width, raster.height)
        guard max(width, height) <= Self.largest else {
            throw PFrameError(
                .unsupported,
                "a figure of \(width)×\(height) pixels would have more than \(Self.largest) on a side: another "
                    + "arrangement of panels may fit, or scale the video first")
        }
        try check(cairo_status(context), "a figure of \(width)×\(height) pixels")
        guard typesetter != nil else {
            throw PFrameError(
                .missing, "there is no font to write with: install one, such as Debian's fonts-dejavu-core")
        }
        let bytes = [UInt8](unsafeUninitializedCapacity: width * height * 3) { bytes, count in
            raster.withPixels { pixels, stride in
                for row in 0..<height {
                    for pixel in (row * stride)..<(row * stride + width) {
                        let color = RGBColor(pixels[pixel])
                        bytes[count] = color.red
                        bytes[count + 1] = color.green
                        bytes[count + 2] = color.blue
                        count += 3
                    }
                }
            }
        }
        return RGBImage(width: width, height: height, pixels: bytes)
    }

    /// What is drawn next takes this colour.
    func ink(_ color: RGBColor, opacity: Float = 1) {
        cairo_set_source_rgba(
            context, Double(color.red) / 255, Double(color.green) / 255, Double(color.blue) / 255, Double(opacity))
    }

    // MARK: Shapes

    /// Fills a disc.
    package mutating func disc(_ center: Point, radius: Float, _ color: RGBColor, halo: Halo? = nil) {
        fill(color, halo) { rim in
            cairo_arc(context, Double(center.x), Double(center.y), Double(radius) + rim, 0, 2 * Double.pi)
        }
    }

    /// Draws an arrow: a shaft that is round at its tail and a solid head whose tip lies at `tip`.
    ///
    /// The head is 4.4 shafts long and 4 wide; an arrow too short for it shrinks as a whole, to no less than 70 %.
    package mutating func arrow(
        from tail: Point, to tip: Point, width: Float, _ color: RGBColor, halo: Halo? = Halo()
    ) {
        let (dx, dy) = (tip.x - tail.x, tip.y - tail.y)
        let length = (dx * dx + dy * dy).squareRoot()
        guard length > 0 else { return disc(tip, radius: width / 2, color, halo: halo) }
        let thickness = width * min(1, max(0.7, length / (6 * width)))
        let head = Double(min(4.4 * thickness, length))
        let (half, wing, end) = (Double(thickness / 2), Double(2 * thickness), Double(length))
        // Away from the head's upper side.
        let side = (wing * wing + head * head).squareRoot()
        let (outX, outY) = (wing / side, head / side)
        let corner = ((1 - outX) * (1 - outX) + outY * outY).squareRoot()
        // In the arrow's own frame, along +x, it begins at 0 and ends at `length`.
        cairo_save(context)
        var turned = cairo_matrix_t(
            xx: Double(dx / length), yx: Double(dy / length), xy: Double(-dy / length), yy: Double(dx / length),
            x0: Double(tail.x), y0: Double(tail.y))
        cairo_transform(context, &turned)
        fill(color, halo) { rim in
            // The upper half from the neck to the tip, its corners cut as a round rim would cut them.
            let upper = [
                (end - head - rim, half + rim), (end - head - rim, wing),
                (end - head + rim * (outX - 1) / corner, wing + rim * outY / corner),
                (end - head + rim * outX, wing + rim * outY), (end + rim * outX, rim * outY),
            ]
            cairo_arc(context, 0, 0, half + rim, Double.pi / 2, 3 * Double.pi / 2)
            for (x, y) in upper { cairo_line_to(context, x, -y) }
            cairo_line_to(context, end + rim, 0)
            for (x, y) in upper.reversed() { cairo_line_to(context, x, y) }
        }
        cairo_restore(context)
    }

    /// Fills a shape that `path` outlines, grown by a rim, first with its rim and then without. Filling a grown outline
    /// takes cairo half the time of drawing a line around the shape.
    private func fill(_ color: RGBColor, _ halo: Halo?, _ path: (_ rim: Double) -> Void) {
        cairo_new_path(context)
        if let halo {
            ink(halo.color, opacity: halo.opacity)
            path(Double(halo.width))
            cairo_fill(context)
        }
        ink(color)
        path(0)
        cairo_fill(context)
    }

    // MARK: Rectangles

    /// Fills whole pixels.
    package mutating func fill(x: Int, y: Int, width: Int, height: Int, _ color: RGBColor) {
        ink(color)
        cairo_rectangle(context, Double(x), Double(y), Double(width), Double(height))
        cairo_fill(context)
    }

    /// Draws a rectangle's outline of whole pixels, inside the rectangle.
    package mutating func outline(x: Int, y: Int, width: Int, height: Int, _ color: RGBColor) {
        ink(color)
        cairo_set_line_join(context, CAIRO_LINE_JOIN_MITER)
        cairo_set_line_width(context, 1)
        cairo_rectangle(context, Double(x) + 0.5, Double(y) + 0.5, Double(width - 1), Double(height - 1))
        cairo_stroke(context)
    }

    /// Fills whole pixels, each with the colour that `color(x, y)` gives it; `x` and `y` count from the corner.
    @inline(__always)
    mutating func shade(x: Int, y: Int, width: Int, height: Int, _ color: (_ x: Int, _ y: Int) -> RGBColor) {
        let columns = max(0, x)..<max(0, x, min(raster.width, x + width))
        let rows = max(0, y)..<max(0, y, min(raster.height, y + height))
        raster.withPixels { pixels, stride in
            for row in rows {
                for column in columns { pixels[row * stride + column] = color(column - x, row - y).hex }
            }
        }
    }

    /// Draws within a rectangle alone, whose corner becomes the origin.
    mutating func inside(x: Int, y: Int, width: Int, height: Int, _ draw: (inout Canvas) -> Void) {
        cairo_save(context)
        cairo_translate(context, Double(x), Double(y))
        cairo_rectangle(context, 0, 0, Double(width), Double(height))
        cairo_clip(context)
        draw(&self)
        cairo_restore(context)
    }

    /// Draws a picture whose left top corner lies at `(x, y)`, enlarged or reduced: linear between the centres of its
    /// pixels, or the mean of those that come together in one.
    package mutating func draw(_ picture: RGBImage, x: Int, y: Int, scale: Float) {
        let source = Raster(picture)
        cairo_save(context)
        cairo_translate(context, Double(x), Double(y))
        cairo_scale(context, Double(scale), Double(scale))
        cairo_rectangle(context, 0, 0, Double(picture.width), Double(picture.height))
        cairo_set_source_surface(context, source.surface, 0, 0)
        cairo_pattern_set_extend(cairo_get_source(context), CAIRO_EXTEND_PAD)
        cairo_pattern_set_filter(cairo_get_source(context), scale < 1 ? CAIRO_FILTER_GOOD : CAIRO_FILTER_BILINEAR)
        cairo_fill(context)
        // The context lets go of the picture with the colour that it had before.
        cairo_restore(context)
    }
}
