import Foundation
import Storage

/// Maps values to colours whose lightness tells their order, in colour and in black-and-white print.
package struct ColorScale: Sendable {
    /// What a scale's position stands for.
    private enum Kind {
        case magnitude
        case residual
    }

    /// The largest value shown; what exceeds it takes the scale's last colour.
    package let limit: Float

    private let kind: Kind
    private let colors: [RGBColor]

    /// A scale from dark (0) over blue, violet, red and orange to bright yellow (`limit`).
    ///
    /// Lightness rises linearly while hue turns steadily, in the spirit of matplotlib's inferno and viridis (Smith and
    /// van der Walt, 2015) and of Green's cubehelix; the path is our own, drawn in the OKLCh space of Ottosson (2020).
    package static func magnitude(limit: Float) -> ColorScale {
        ColorScale(limit: limit, kind: .magnitude, colors: magnitudeColors)
    }

    /// A grey scale from black (`-limit`) over mid-grey (0) to white (`limit`).
    package static func residual(limit: Float) -> ColorScale {
        ColorScale(limit: limit, kind: .residual, colors: (0...255).map { RGBColor(grey: UInt8($0)) })
    }

    private init(limit: Float, kind: Kind, colors: [RGBColor]) {
        precondition(limit > 0, "a colour scale needs a positive limit")
        self.limit = limit
        self.kind = kind
        self.colors = colors
    }

    /// The smallest value shown: 0, or `-limit` where values have a sign.
    package var lowerLimit: Float { kind == .residual ? -limit : 0 }

    /// The colour of a value.
    package func color(_ value: Float) -> RGBColor {
        let position = (value - lowerLimit) / (limit - lowerLimit)
        // Half a step up, so that a residual of 0 becomes 128.
        return colors[Int(min(255, max(0, position * 255 + 0.5)))]
    }

    /// The colour at a place along the scale, 0…1.
    package func color(at position: Float) -> RGBColor {
        color(lowerLimit + position * (limit - lowerLimit))
    }

    /// The values a labelled bar marks, from `lowerLimit` to `limit`, at equal distances.
    package var ticks: [Float] {
        // A limit of 5, 50 … parts into fifths, 1 or 2 into quarters; signed scales need a mark at 0.
        let parts = kind == .residual || limit / decade(of: limit) < 4.5 ? 4 : 5
        return (0...parts).map { lowerLimit + (limit - lowerLimit) * Float($0) / Float(parts) }
    }

    /// The smallest of 1, 2, 5, 10, 20, 50 … (and 0.1, 0.2, 0.5 …) that is not below `value`, at least `minimum`.
    package static func niceLimit(_ value: Float, minimum: Float) -> Float {
        let value = max(value, minimum)
        let unit = decade(of: value)
        // The tolerance lets 0.99999 of a decimal step count as the step.
        let factor: Float = [1, 2, 5].first { $0 * unit >= value * 0.9999 } ?? 10
        return factor * unit
    }

    /// Violet-black to pale yellow: 256 colours of equal lightness steps.
    private static let magnitudeColors: [RGBColor] = (0...255).map { index in
        let position = Double(index) / 255
        let lightness = 0.18 + 0.78 * position
        let hue = (275 + 197 * position) * Double.pi / 180
        // The chroma wanted fades at both ends, where sRGB is narrow; what it cannot hold is given up in small steps.
        var chroma = 0.04 + 0.155 * pow(sin(Double.pi * pow(position, 0.9)), 0.7)
        while true {
            let channels = oklch(lightness: lightness, chroma: chroma, hue: hue)
            if chroma < 0.005 || channels.allSatisfy({ (0...1).contains($0) }) {
                let bytes = channels.map { UInt8(min(1, max(0, $0)) * 255 + 0.5) }
                return RGBColor(red: bytes[0], green: bytes[1], blue: bytes[2])
            }
            chroma -= 0.002
        }
    }
}

/// The power of ten at or below `value`.
private func decade(of value: Float) -> Float {
    Float(pow(10, floor(log10(Double(value)) + 1e-6)))
}

/// The red, green and blue of an OKLCh colour (Ottosson, "A perceptual color space for image processing", 2020), 0…1
/// where sRGB can show it.
private func oklch(lightness: Double, chroma: Double, hue: Double) -> [Double] {
    let a = chroma * cos(hue)
    let b = chroma * sin(hue)
    let long = pow(lightness + 0.3963377774 * a + 0.2158037573 * b, 3)
    let medium = pow(lightness - 0.1055613458 * a - 0.0638541728 * b, 3)
    let short = pow(lightness - 0.0894841775 * a - 1.2914855480 * b, 3)
    let linear = [
        4.0767416621 * long - 3.3077115913 * medium + 0.2309699292 * short,
        -1.2684380046 * long + 2.6097574011 * medium - 0.3413193965 * short,
        -0.0041960863 * long - 0.7034186147 * medium + 1.7076147010 * short,
    ]
    return linear.map { $0 <= 0.0031308 ? 12.92 * $0 : 1.055 * pow($0, 1 / 2.4) - 0.055 }
}

extension Canvas {
    /// Draws a horizontal bar of a scale with its values below it. Labels are centred below their marks.
    ///
    /// - Parameters:
    ///   - scale: The scale to show.
    ///   - x: The bar's left edge.
    ///   - y: The bar's top edge.
    ///   - width: The bar's width in pixels.
    ///   - height: The bar's height in pixels; the labels take about twice their cap height below it.
    ///   - face: The labels' size.
    ///   - color: The colour of labels, marks and outline.
    mutating func bar(_ scale: ColorScale, x: Int, y: Int, width: Int, height: Int, face: Typeface, color: RGBColor) {
        shade(x: x, y: y, width: width, height: height) { column, _ in
            scale.color(at: (Float(column) + 0.5) / Float(width))
        }
        outline(x: x, y: y, width: width, height: height, color)
        let ticks = scale.ticks
        for (index, value) in ticks.enumerated() {
            let position = x + Int(Float(index) / Float(ticks.count - 1) * Float(width - 1) + 0.5)
            fill(x: position, y: y + height, width: 1, height: max(3, Int(0.35 * face.capHeight)), color)
            let sign = value > 0 && scale.lowerLimit < 0 ? "+" : ""
            text(
                sign + NumberText.trimmed(Double(value), 2),
                at: Point(Float(position) + 0.5, Float(y + height) + (1.8 * face.capHeight).rounded()), face, color,
                alignment: .center)
        }
    }
}
