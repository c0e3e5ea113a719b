import Codec
import Storage

/// The figure's colours.
enum FigurePalette {
    /// The background.
    static let paper = RGBColor(grey: 255)
    /// Headings.
    static let ink = RGBColor(0x1C2126)
    /// Captions and legends.
    static let softInk = RGBColor(0x525A63)
    /// Panel outlines.
    static let rule = RGBColor(0x8A929A)
    /// Vectors into past frames. With `future` a pair that colour-blind readers can tell apart (after Okabe and Ito).
    static let past = RGBColor(0xFFA51F)
    /// Vectors into future frames.
    static let future = RGBColor(0x5CC3FF)
    /// Blocks that hardly move.
    static let still = RGBColor(0xF2F2F2)

    /// The hatching of blocks without a vector: grey lines on light grey, `pitch` pixels apart.
    static func hatch(x: Int, y: Int, pitch: Int) -> RGBColor {
        (x + y) % pitch < max(1, pitch / 5) ? RGBColor(0xA3AAB1) : RGBColor(0xDDE1E4)
    }
}

extension Canvas {
    /// Draws a panel's outline, its letter and title above it, and a remark at the right.
    fileprivate mutating func frame(
        _ layout: FigureLayout, at corner: (x: Int, y: Int), letter: String, title: String, remark: String
    ) {
        outline(
            x: corner.x - 1, y: corner.y - 1, width: layout.panelWidth + 2, height: layout.panelHeight + 2,
            FigurePalette.rule)
        let baseline = Float(corner.y - layout.length(10))
        let left = Float(corner.x)
        text("\(letter)   \(title)", at: Point(left, baseline), font: layout.panelFont, FigurePalette.ink)
        text(
            remark, at: Point(left + Float(layout.panelWidth), baseline), font: layout.legendFont,
            FigurePalette.softInk, alignment: .trailing)
    }
}

extension FigureLayout {
    /// The place of a legend's colour bar for a panel at `corner`, the baseline of text beside the bar, and that of its
    /// labels.
    fileprivate func legend(below corner: (x: Int, y: Int)) -> (top: Int, height: Int, baseline: Float, lower: Float) {
        let top = corner.y + panelHeight + length(11)
        let height = length(12)
        let middle = Float(top) + Float(height) / 2
        return (
            top, height, (middle + legendFont.capHeight / 2 + 0.5).rounded(),
            Float(top + height) + (1.65 * legendFont.capHeight).rounded()
        )
    }
}

/// The picture with arrows of the content's motion.
struct ArrowPanel {
    let layout: FigureLayout
    let field: VectorField
    /// The motion in pixels that the magnitude's colour scale ends at; it decides how much arrows are lengthened.
    let limit: Float
    /// The least distance between arrows.
    let spacing: Float

    func draw(_ picture: RGBImage, on canvas: inout Canvas, at corner: (x: Int, y: Int)) {
        let cell = layout.arrowSpacing(least: spacing)
        // Arrows of the scale's largest motion may cross three cells; small motion needs more than true length.
        let room = 3 * Float(cell) / max(limit, 1)
        let gain = [8, 4, 2].first { Float($0) <= room } ?? 1
        let reach = Float(gain) * layout.scale

        var panel = Canvas(width: layout.panelWidth, height: layout.panelHeight)
        if layout.reduction > 1 {
            panel.draw(picture, x: 0, y: 0, reducedBy: layout.reduction)
        } else {
            panel.draw(picture, x: 0, y: 0, enlargedBy: layout.enlargement, interpolation: .bilinear)
        }
        let chosen = vectors(every: cell).map { ($0, length: $0.magnitude * reach) }
        for (vector, length) in chosen where length < shortest {
            dot(at: center(of: vector), on: &panel)
        }
        // Long arrows first, so that they do not hide short ones.
        for (vector, length) in chosen.sorted(by: { $0.length > $1.length }) where length >= shortest {
            let block = center(of: vector)
            let motion = vector.contentMotion
            let sign: Float = vector.source < 0 ? -1 : 1
            let other = Canvas.Point(block.x + sign * motion.x * reach, block.y + sign * motion.y * reach)
            if vector.source < 0 {
                panel.arrow(from: other, to: block, width: thickness, FigurePalette.past, halo: halo)
            } else {
                panel.arrow(from: block, to: other, width: thickness, FigurePalette.future, halo: halo)
            }
        }
        canvas.draw(panel.image, x: corner.x, y: corner.y)
        canvas.frame(
            layout, at: corner, letter: "a", title: "Motion vectors",
            remark: gain == 1 ? "arrows to scale" : "arrow length ×\(gain)")
        drawLegend(on: &canvas, below: corner, still: shortest / reach)
    }

    /// Arrows shorter than this many figure pixels are drawn as dots.
    private var shortest: Float { 4 * layout.lineUnit }
    private var thickness: Float { 1.7 * layout.lineUnit }
    private var halo: Canvas.Halo { Canvas.Halo(width: 0.9 * layout.lineUnit, opacity: 0.75) }

    private func center(of vector: MotionVector) -> Canvas.Point {
        Canvas.Point(Float(vector.destinationX) * layout.scale, Float(vector.destinationY) * layout.scale)
    }

    private func dot(at center: Canvas.Point, on canvas: inout Canvas) {
        canvas.disc(center, radius: 1.1 * layout.lineUnit, FigurePalette.still, halo: halo)
    }

    /// The vectors that cover the centres of the cells of a grid, each once.
    private func vectors(every cell: Int) -> [MotionVector] {
        var seen: Set<Int> = []
        for y in stride(from: min(cell / 2, field.height - 1), to: field.height, by: cell) {
            for x in stride(from: min(cell / 2, field.width - 1), to: field.width, by: cell) {
                seen.formUnion(field.vectors(x: x, y: y))
            }
        }
        return seen.sorted().map { field.vectors[$0] }
    }

    private func drawLegend(on canvas: inout Canvas, below corner: (x: Int, y: Int), still: Float) {
        let (top, height, baseline, lower) = layout.legend(below: corner)
        let middle = Float(top) + Float(height) / 2
        let font = layout.legendFont
        let unit = layout.unit
        var x = Float(corner.x)
        for (label, color) in [
            ("from past (list 0)", FigurePalette.past), ("to future (list 1)", FigurePalette.future),
        ] {
            canvas.arrow(
                from: Canvas.Point(x + 2 * unit, middle), to: Canvas.Point(x + 26 * unit, middle),
                width: 1.15 * thickness, color, halo: halo)
            x += 33 * unit
            x += canvas.text(label, at: Canvas.Point(x, baseline), font: font, FigurePalette.softInk) + 18 * unit
        }
        dot(at: Canvas.Point(x + 3 * unit, middle), on: &canvas)
        x += 11 * unit
        let label = "below " + decimalText(Double(still), places: still < 1 ? 2 : 1) + " px"
        canvas.text(label, at: Canvas.Point(x, baseline), font: font, FigurePalette.softInk)
        canvas.text(
            "Arrows show content motion; a past arrow ends at its block.",
            at: Canvas.Point(Float(corner.x), lower), font: font,
            FigurePalette.softInk)
    }
}

/// The luma residual in grey; where nothing predicts, hatched.
struct ResidualPanel {
    let layout: FigureLayout
    let field: VectorField
    let scale: ColorScale

    /// - Parameter mean: of the residual's magnitude; nil for the one of what is drawn.
    func draw(_ residual: [Int16], mean: Double?, on canvas: inout Canvas, at corner: (x: Int, y: Int)) {
        let slope = 127.5 / scale.limit
        var grey = RGBImage(width: field.width, height: field.height)
        var (total, covered) = (0, 0)
        let pitch = layout.length(9)
        field.withPreferred { vector in
            grey.pixels.withUnsafeMutableBufferPointer { pixels in
                for index in residual.indices {
                    // In a reduced panel the hatch is reduced with the picture.
                    var color = FigurePalette.hatch(
                        x: index % field.width, y: index / field.width, pitch: pitch * layout.reduction)
                    if vector(index) >= 0 {
                        color = RGBColor(grey: UInt8(min(255, max(0, Float(residual[index]) * slope + 128))))
                        total += Int(residual[index].magnitude)
                        covered += 1
                    }
                    pixels[3 * index] = color.red
                    pixels[3 * index + 1] = color.green
                    pixels[3 * index + 2] = color.blue
                }
            }
            if layout.reduction > 1 {
                canvas.draw(grey, x: corner.x, y: corner.y, reducedBy: layout.reduction)
            } else {
                canvas.shade(x: corner.x, y: corner.y, width: layout.panelWidth, height: layout.panelHeight) { x, y in
                    let pixel = y / layout.enlargement * field.width + x / layout.enlargement
                    guard vector(pixel) >= 0 else { return FigurePalette.hatch(x: x, y: y, pitch: pitch) }
                    return RGBColor(grey: grey.pixels[3 * pixel])
                }
            }
        }
        let mean = mean ?? Double(total) / Double(max(1, covered))
        canvas.frame(
            layout, at: corner, letter: "b", title: "Residual (luma)",
            remark: covered == 0
                ? "nothing is predicted"
                : "mean magnitude " + decimalText(mean, places: 2, padded: true) + " where predicted")
        let (top, barHeight, baseline, _) = layout.legend(below: corner)
        let inset = layout.length(18)
        let barWidth = layout.panelWidth * 11 / 20
        canvas.bar(
            scale, x: corner.x + inset, y: top, width: barWidth, height: barHeight, font: layout.legendFont,
            color: FigurePalette.softInk)
        canvas.text(
            "picture − prediction",
            at: Canvas.Point(Float(corner.x + inset + barWidth + layout.length(18)), baseline),
            font: layout.legendFont, FigurePalette.softInk)
    }
}

/// The motion's magnitude in colour; blocks without a vector are hatched.
struct MagnitudePanel {
    let layout: FigureLayout
    let field: VectorField
    let scale: ColorScale

    /// - Parameter intra: the share of intra blocks, 0…1; nil for the one of what is drawn.
    func draw(intra: Double?, on canvas: inout Canvas, at corner: (x: Int, y: Int)) {
        let magnitudes = field.vectors.map(\.magnitude)
        let colors = magnitudes.map { scale.color($0) }
        let pitch = layout.length(9)
        var covered = 0
        var total = 0.0
        field.withPreferred { index in
            canvas.shade(x: corner.x, y: corner.y, width: layout.panelWidth, height: layout.panelHeight) { x, y in
                let (enlargement, reduction) = (layout.enlargement, layout.reduction)
                let pixel = y * reduction / enlargement * field.width + x * reduction / enlargement
                let vector = index(pixel)
                guard vector >= 0 else { return FigurePalette.hatch(x: x, y: y, pitch: pitch) }
                covered += 1
                total += Double(magnitudes[vector])
                return colors[vector]
            }
        }
        let drawn = 1 - Double(covered) / Double(layout.panelWidth * layout.panelHeight)
        let mean =
            covered > 0 ? "mean " + decimalText(total / Double(covered), places: 2, padded: true) + " px" : ""
        canvas.frame(layout, at: corner, letter: "c", title: "Motion magnitude (pixels)", remark: mean)
        let (top, barHeight, baseline, lower) = layout.legend(below: corner)
        let inset = layout.length(5)
        let barWidth = layout.panelWidth * 11 / 20
        canvas.bar(
            scale, x: corner.x + inset, y: top, width: barWidth, height: barHeight, font: layout.legendFont,
            color: FigurePalette.softInk)
        let swatch = (x: corner.x + inset + barWidth + layout.length(18), width: layout.length(24))
        canvas.shade(x: swatch.x, y: top, width: swatch.width, height: barHeight) { x, y in
            FigurePalette.hatch(x: x, y: y, pitch: pitch)
        }
        canvas.outline(x: swatch.x, y: top, width: swatch.width, height: barHeight, FigurePalette.rule)
        let left = Float(swatch.x + swatch.width + layout.length(8))
        canvas.text(
            "no vector (intra)", at: Canvas.Point(left, baseline), font: layout.legendFont, FigurePalette.softInk)
        canvas.text(
            decimalText(100 * (intra ?? drawn), places: 1, padded: true) + " %",
            at: Canvas.Point(left, lower),
            font: layout.legendFont, FigurePalette.softInk)
    }
}
