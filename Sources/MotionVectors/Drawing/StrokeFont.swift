import Storage

/// A sans-serif typeface of single strokes, drawn by ``Canvas`` at any size and weight.
///
/// It covers ASCII 32…126 and `· × − ± ≥ …`; anything else appears as a box. The letterforms are this project's own;
/// see ``Glyph`` for how they are written down.
public struct StrokeFont: Sendable, Hashable {
    /// How a line of text lies about its anchor.
    public enum Alignment: Sendable, Hashable {
        /// The text starts at the anchor.
        case leading
        /// The text is centred on the anchor.
        case center
        /// The text ends at the anchor.
        case trailing
    }

    /// The height of capitals and digits in pixels, measured along the strokes' centres.
    public var capHeight: Float
    /// The thickness of strokes in pixels.
    public var strokeWidth: Float

    /// Makes a font.
    ///
    /// - Parameters:
    ///   - capHeight: The height of capitals in pixels; whole numbers give the sharpest text.
    ///   - weight: Stroke thickness as a share of the height: about 0.12 is regular, 0.17 bold.
    public init(capHeight: Float, weight: Float = 0.12) {
        self.capHeight = capHeight
        strokeWidth = max(1, capHeight * weight)
    }

    /// The distance between the baselines of two lines of text, in pixels.
    public var lineHeight: Float { (capHeight * 1.75).rounded() }

    /// The width of a text in pixels.
    public func width(of text: String) -> Float {
        text.unicodeScalars.reduce(0) { $0 + advance($1) }
    }

    /// A text's longest beginning that fits in `limit` pixels, with an ellipsis where something is cut off.
    public func truncated(_ text: String, to limit: Float) -> String {
        guard width(of: text) > limit else { return text }
        var kept = Substring(text)
        while !kept.isEmpty, width(of: kept + "…") > limit { kept.removeLast() }
        return kept + "…"
    }

    /// How far the pen moves after a character, in pixels.
    private func advance(_ scalar: Unicode.Scalar) -> Float {
        // Bold strokes grow outwards: letters move apart by what they gain over the regular weight.
        (Glyph.of(scalar).advance + 2) * capHeight / 100 + max(0, strokeWidth - 0.12 * capHeight)
    }

    /// The strokes of a text whose baseline starts at `origin`.
    fileprivate func strokes(_ text: String, at origin: Canvas.Point) -> [[[Canvas.Point]]] {
        let scale = capHeight / 100
        // Small letters end on a whole pixel, as capitals and the baseline do, so that all are equally sharp.
        let xHeight = (0.7 * capHeight).rounded()
        let lower = xHeight / 70
        let upper = (capHeight - xHeight) / 30
        var pen = origin.x
        return text.unicodeScalars.map { scalar in
            let left = pen
            pen += advance(scalar)
            return Glyph.of(scalar).strokes.map { stroke in
                stroke.map { point in
                    let rise = point.y <= 70 ? point.y * lower : xHeight + (point.y - 70) * upper
                    return Canvas.Point(left + point.x * scale, origin.y - rise)
                }
            }
        }
    }
}

extension Canvas {
    /// Draws a line of text.
    ///
    /// - Parameters:
    ///   - text: The text.
    ///   - anchor: A point of its baseline; the baseline is moved to the nearest pixel row.
    ///   - font: Size and weight.
    ///   - color: The colour.
    ///   - alignment: Where the text lies about the anchor.
    /// - Returns: The text's width in pixels.
    @discardableResult
    public mutating func text(
        _ text: String, at anchor: Point, font: StrokeFont, _ color: RGBColor,
        alignment: StrokeFont.Alignment = .leading
    ) -> Float {
        let width = font.width(of: text)
        let start =
            switch alignment {
            case .leading: anchor.x
            case .center: anchor.x - width / 2
            case .trailing: anchor.x - width
            }
        let origin = Point(start, anchor.y.rounded(.down) - 0.5)
        for glyph in font.strokes(text, at: origin) {
            strokes(glyph, width: font.strokeWidth, color)
        }
        return width
    }
}
