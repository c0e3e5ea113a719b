import CPango

/// The size and weight of text.
package struct Typeface: Sendable, Hashable {
    /// The height of the type in pixels: ascenders and descenders together.
    package var size: Float
    /// Whether strokes are thick, as in headings.
    package var isBold: Bool

    /// Makes a typeface.
    package init(size: Float, isBold: Bool = false) { (self.size, self.isBold) = (size, isBold) }

    /// The height of capitals in pixels, as DejaVu Sans has them.
    package var capHeight: Float { 0.729 * size }

    /// How a line of text lies about its anchor.
    package enum Alignment: Sendable, Hashable {
        /// The text starts at the anchor.
        case leading
        /// The text is centred on the anchor.
        case center
        /// The text ends at the anchor.
        case trailing
    }
}

/// Sets lines of text in any script for which there is a font, by Pango.
///
/// Stands for a `PangoLayout`. Pango's font maps may not be shared between threads: each thread has its own, which
/// `pango_cairo_font_map_get_default` makes on first use and ends with the thread. So a typesetter, and the canvas that it
/// belongs to, stays on the thread that made it; neither is `Sendable`.
final class Typesetter {
    private let layout: OpaquePointer

    /// Whether there is any font; without one Pango ends the process.
    static let hasFonts = FcConfigGetFonts(nil, FcSetSystem).map { $0.pointee.nfont > 0 } ?? false

    init() {
        let context = pango_font_map_create_context(pango_cairo_font_map_get_default())
        // The same pixels whatever the settings of the desktop and the language are.
        let options = cairo_font_options_create()
        cairo_font_options_set_antialias(options, CAIRO_ANTIALIAS_GRAY)
        cairo_font_options_set_hint_style(options, CAIRO_HINT_STYLE_SLIGHT)
        cairo_font_options_set_hint_metrics(options, CAIRO_HINT_METRICS_ON)
        pango_cairo_context_set_font_options(context, options)
        cairo_font_options_destroy(options)
        pango_context_set_language(context, pango_language_from_string("en"))
        layout = pango_layout_new(context)
        g_object_unref(UnsafeMutableRawPointer(context))
        pango_layout_set_single_paragraph_mode(layout, 1)
        pango_layout_set_ellipsize(layout, UInt32(PANGO_ELLIPSIZE_END))
    }

    deinit { g_object_unref(UnsafeMutableRawPointer(layout)) }

    /// Sets a line no wider than `room`: type shrinks by a fifth at most, and what is still too long ends in an ellipsis.
    ///
    /// - Returns: the line's width in pixels.
    func set(_ text: String, _ face: Typeface, room: Float) -> Float {
        var text = text
        text.withUTF8 { bytes in
            bytes.withMemoryRebound(to: CChar.self) {
                pango_layout_set_text(layout, $0.baseAddress, Int32(clamping: $0.count))
            }
        }
        let font = pango_font_description_new()
        defer { pango_font_description_free(font) }
        pango_font_description_set_family_static(font, "DejaVu Sans, sans-serif")
        pango_font_description_set_weight(font, UInt32(face.isBold ? PANGO_WEIGHT_BOLD : PANGO_WEIGHT_NORMAL))
        pango_font_description_set_absolute_size(font, Double(face.size) * Double(PANGO_SCALE))
        pango_layout_set_font_description(layout, font)
        pango_layout_set_width(layout, -1)
        guard width > room else { return width }
        let shrunk = face.size * max(0.8, room / width)
        pango_font_description_set_absolute_size(font, Double(shrunk) * Double(PANGO_SCALE))
        pango_layout_set_font_description(layout, font)
        pango_layout_set_width(layout, Int32(max(0, room) * Float(PANGO_SCALE)))
        return width
    }

    private var width: Float {
        var (width, height): (Int32, Int32) = (0, 0)
        pango_layout_get_size(layout, &width, &height)
        return Float(width) / Float(PANGO_SCALE)
    }

    /// Draws the line that was set from `(x, baseline)` on.
    func show(on context: OpaquePointer, x: Float, baseline: Float) {
        cairo_move_to(context, Double(x), Double(baseline))
        pango_cairo_show_layout_line(context, pango_layout_get_line_readonly(layout, 0))
    }
}

extension Canvas {
    /// Draws a line of text: in any script, each from its own side, with what a font lacks out of another.
    ///
    /// - Parameters:
    ///   - text: The text.
    ///   - anchor: A point of its baseline; the baseline is moved to the nearest pixel row.
    ///   - face: Size and weight.
    ///   - color: The colour.
    ///   - alignment: Where the text lies about the anchor.
    ///   - room: The greatest width in pixels; longer text is shrunk a little, then cut with an ellipsis.
    /// - Returns: The text's width in pixels.
    @discardableResult
    package mutating func text(
        _ text: String, at anchor: Point, _ face: Typeface, _ color: RGBColor,
        alignment: Typeface.Alignment = .leading, room: Float = .infinity
    ) -> Float {
        // Without fonts the picture is an error.
        guard let typesetter else { return 0 }
        let width = typesetter.set(text, face, room: room)
        let start =
            switch alignment {
            case .leading: anchor.x
            case .center: anchor.x - width / 2
            case .trailing: anchor.x - width
            }
        ink(color)
        typesetter.show(on: context, x: start.rounded(), baseline: anchor.y.rounded(.down))
        return width
    }
}
