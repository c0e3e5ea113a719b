import Codec
import MotionVectors
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
    /// Draws what stands above the panels: a title, if it is not empty, and facts in a line.
    mutating func header(_ title: String, _ facts: [String], _ layout: FigureLayout) {
        let room = Float(layout.width - 2 * layout.margin)
        let left = Float(layout.margin)
        var baseline = left + layout.captionFace.capHeight
        if layout.hasTitle {
            baseline = left + layout.titleFace.capHeight
            text(title, at: Point(left, baseline), layout.titleFace, FigurePalette.ink, room: room)
            baseline += 26 * layout.unit
        }
        text(
            facts.joined(separator: "  ·  "), at: Point(left, baseline), layout.captionFace, FigurePalette.softInk,
            room: room)
    }

    /// Draws a panel's outline, its letter and title above it, and a remark at the right.
    mutating func frame(
        _ layout: FigureLayout, at corner: (x: Int, y: Int), letter: String, title: String, remark: String
    ) {
        outline(
            x: corner.x - 1, y: corner.y - 1, width: layout.panelWidth + 2, height: layout.panelHeight + 2,
            FigurePalette.rule)
        let baseline = Float(corner.y - layout.length(10))
        let (left, width) = (Float(corner.x), Float(layout.panelWidth))
        let taken = text(
            "\(letter)   \(title)", at: Point(left, baseline), layout.panelFace, FigurePalette.ink, room: width)
        text(
            remark, at: Point(left + width, baseline), layout.legendFace, FigurePalette.softInk, alignment: .trailing,
            room: width - taken - 14 * layout.unit)
    }
}

extension FigureLayout {
    /// Where a legend lies: its colour bar, the baseline of text beside the bar, and that of the bar's labels.
    struct Legend {
        let left: Int
        let right: Int
        let top: Int
        let height: Int
        let baseline: Float
        let lower: Float
    }

    /// The legend of a panel at `corner`.
    func legend(below corner: (x: Int, y: Int)) -> Legend {
        let top = corner.y + panelHeight + length(11)
        let height = length(12)
        let middle = Float(top) + Float(height) / 2
        return Legend(
            left: corner.x, right: corner.x + panelWidth, top: top, height: height,
            baseline: (middle + legendFace.capHeight / 2 + 0.5).rounded(),
            lower: Float(top + height) + (1.8 * legendFace.capHeight).rounded())
    }
}

extension Canvas {
    /// Writes a line of a legend from `x` to the end of its panel at most; returns its width.
    @discardableResult
    mutating func note(
        _ text: String, _ layout: FigureLayout, _ legend: FigureLayout.Legend, x: Float, isLower: Bool = false
    ) -> Float {
        self.text(
            text, at: Point(x, isLower ? legend.lower : legend.baseline), layout.legendFace, FigurePalette.softInk,
            room: Float(legend.right) - x)
    }

    /// Draws a legend's colour bar; returns where it ends.
    mutating func bar(
        _ scale: ColorScale, _ layout: FigureLayout, _ legend: FigureLayout.Legend, inset: Int
    ) -> Int {
        let (left, width) = (legend.left + layout.length(Float(inset)), layout.panelWidth * 11 / 20)
        bar(
            scale, x: left, y: legend.top, width: width, height: legend.height, face: layout.legendFace,
            color: FigurePalette.softInk)
        return left + width
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

        let chosen = vectors(every: cell).map { ($0, length: $0.magnitude * reach) }
        canvas.inside(x: corner.x, y: corner.y, width: layout.panelWidth, height: layout.panelHeight) { canvas in
            canvas.draw(picture, x: 0, y: 0, scale: layout.scale)
            for (vector, length) in chosen where length < shortest {
                dot(at: center(of: vector), on: &canvas)
            }
            // Long arrows first, so that they do not hide short ones.
            for (vector, length) in chosen.sorted(by: { $0.length > $1.length }) where length >= shortest {
                let block = center(of: vector)
                let motion = vector.contentMotion
                let sign: Float = vector.source < 0 ? -1 : 1
                let other = Canvas.Point(block.x + sign * motion.x * reach, block.y + sign * motion.y * reach)
                if vector.source < 0 {
                    canvas.arrow(from: other, to: block, width: thickness, FigurePalette.past, halo: halo)
                } else {
                    canvas.arrow(from: block, to: other, width: thickness, FigurePalette.future, halo: halo)
                }
            }
        }
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
        let legend = layout.legend(below: corner)
        let middle = Float(legend.top) + Float(legend.height) / 2
        let unit = layout.unit
        var x = Float(corner.x)
        for (label, color) in [
            ("from past (list 0)", FigurePalette.past), ("to future (list 1)", FigurePalette.future),
        ] {
            canvas.arrow(
                from: Canvas.Point(x + 2 * unit, middle), to: Canvas.Point(x + 26 * unit, middle),
                width: 1.15 * thickness, color, halo: halo)
            x += 33 * unit
            x += canvas.note(label, layout, legend, x: x) + 18 * unit
        }
        dot(at: Canvas.Point(x + 3 * unit, middle), on: &canvas)
        let label = "below " + NumberText.trimmed(Double(still), still < 1 ? 2 : 1) + " px"
        canvas.note(label, layout, legend, x: x + 11 * unit)
        canvas.note(
            "Arrows show content motion; a past arrow ends at its block.", layout, legend, x: Float(corner.x),
            isLower: true)
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
                canvas.inside(x: corner.x, y: corner.y, width: layout.panelWidth, height: layout.panelHeight) {
                    canvas in
                    canvas.draw(grey, x: 0, y: 0, scale: layout.scale)
                }
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
                ? "nothing is predicted" : "mean magnitude " + NumberText.fixed(mean, 2) + " where predicted")
        let legend = layout.legend(below: corner)
        let end = canvas.bar(scale, layout, legend, inset: 18)
        canvas.note("picture − prediction", layout, legend, x: Float(end + layout.length(18)))
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
        let mean = covered > 0 ? "mean " + NumberText.fixed(total / Double(covered), 2) + " px" : ""
        canvas.frame(layout, at: corner, letter: "c", title: "Motion magnitude (pixels)", remark: mean)
        let legend = layout.legend(below: corner)
        let end = canvas.bar(scale, layout, legend, inset: 5)
        let swatch = (x: end + layout.length(18), width: layout.length(24))
        canvas.shade(x: swatch.x, y: legend.top, width: swatch.width, height: legend.height) { x, y in
            FigurePalette.hatch(x: x, y: y, pitch: pitch)
        }
        canvas.outline(
            x: swatch.x, y: legend.top, width: swatch.width, height: legend.height, FigurePalette.rule)
        let left = Float(swatch.x + swatch.width + layout.length(8))
        canvas.note("no vector (intra)", layout, legend, x: left)
        let share = NumberText.fixed(100 * (intra ?? drawn), 1) + " %"
        canvas.note(share, layout, legend, x: left, isLower: true)
    }
}

/// A frame's vectors laid out over its pixels: which vector moves which pixel.
struct VectorField {
    /// The picture's width in pixels.
    let width: Int
    /// The picture's height in pixels.
    let height: Int
    /// The frame's vectors.
    let vectors: [MotionVector]
    /// The list 0 vector of every pixel as an index of `vectors`, -1 where it has none: (H, W) row-major.
    private var past: [Int32]
    /// The same for list 1.
    private var future: [Int32]

    init(_ vectors: [MotionVector], width: Int, height: Int) {
        self.width = width
        self.height = height
        self.vectors = vectors
        past = [Int32](repeating: -1, count: width * height)
        future = vectors.contains { $0.source > 0 } ? past : []
        past.withUnsafeMutableBufferPointer { past in
            future.withUnsafeMutableBufferPointer { future in
                for (index, vector) in vectors.enumerated() {
                    let left = Int(vector.destinationX - vector.width / 2)
                    let top = Int(vector.destinationY - vector.height / 2)
                    let columns = max(0, left)..<max(0, left, min(width, left + Int(vector.width)))
                    let plane = vector.source < 0 ? past : future
                    for row in max(0, top)..<max(0, top, min(height, top + Int(vector.height))) {
                        let start = row * width
                        plane[(start + columns.lowerBound)..<(start + columns.upperBound)]
                            .update(repeating: Int32(truncatingIfNeeded: index))
                    }
                }
            }
        }
    }

    /// The indices of the vectors that move a pixel, list 0 first; empty in intra blocks.
    func vectors(x: Int, y: Int) -> [Int] {
        let at = y * width + x
        return [past[at], future.isEmpty ? -1 : future[at]].filter { $0 >= 0 }.map { Int($0) }
    }

    /// Lends, for every pixel, the index of its list 0 vector, or of its list 1 vector where it has no other, or -1.
    func withPreferred<Result>(_ body: (_ index: (_ pixel: Int) -> Int) -> Result) -> Result {
        past.withUnsafeBufferPointer { past in
            future.withUnsafeBufferPointer { future in
                body { pixel in
                    let first = Int(past[pixel])
                    return first < 0 && !future.isEmpty ? Int(future[pixel]) : first
                }
            }
        }
    }
}

extension MotionVector {
    /// The displacement's length in pixels.
    var magnitude: Float {
        let (dx, dy) = contentMotion
        return (dx * dx + dy * dy).squareRoot()
    }

    /// Where the block's content moves as time runs, in pixels: +x right, +y down.
    ///
    /// Content moves from a past reference to the block, and from the block to a future reference, so list 0 and list 1
    /// differ in sign.
    var contentMotion: (x: Float, y: Float) {
        let scale = Float(max(1, motionScale)) * (source < 0 ? -1 : 1)
        return (Float(motionX) / scale, Float(motionY) / scale)
    }
}
