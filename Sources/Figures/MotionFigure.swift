public import Codec
public import MotionVectors
public import Storage

/// A figure of one coded frame: its motion vectors over the picture, its residual, and its motion's magnitude.
///
/// The three panels stand in a row or in a column, whichever is nearer to 16:9 as a whole (a row up to pictures of 16:9,
/// a column beyond). Pictures narrower than 480 pixels are enlarged, pictures wider than 1280 reduced, by the least whole
/// factor that brings a panel into that range. The figure's size depends only on the picture's size, the arrangement and
/// whether there is a title, and is even, so figures of a video's frames can be encoded as a video.
///
/// Arrows show where content moves as time runs. An arrow of list 0 starts where the content was in a past frame and
/// ends at its block. An arrow of list 1 starts at its block and ends where the content will be in a future frame.
/// Dense fields are thinned out to one block per cell of a grid.
public struct MotionFigure: Sendable {
    /// The values at the ends of the colour scales.
    ///
    /// A range that is `nil` is fitted to each frame. Fix both ranges for a video, so that its colours do not flicker.
    public struct Ranges: Sendable, Hashable {
        /// The residual shown as white, and negated as black, in luma steps; positive.
        public var residual: Int?
        /// The motion shown in the brightest colour, in pixels of the picture; positive.
        public var magnitude: Float?

        /// Makes ranges; omitted ranges are fitted to each frame.
        public init(residual: Int? = nil, magnitude: Float? = nil) {
            self.residual = residual
            self.magnitude = magnitude
        }

        /// The ranges that suit a frame: the 99.5th percentile over pixels, rounded up to 1, 2 or 5 times a power of ten.
        public static func fitting(residual: [Int16], vectors: [MotionVector]) -> Ranges {
            Ranges(
                residual: Int(ColorScale.niceLimit(residualPercentile(residual), minimum: 10)),
                magnitude: ColorScale.niceLimit(magnitudePercentile(vectors), minimum: 2))
        }

        /// These ranges, with those left open as suits most of the frames that `fitted` are of.
        func completed(by fitted: [Ranges]) -> Ranges {
            // The upper quartile: a single wild frame must not darken all the others.
            let residuals = fitted.compactMap(\.residual).sorted()
            let magnitudes = fitted.compactMap(\.magnitude).sorted()
            return Ranges(
                residual: residual ?? residuals.dropFirst(residuals.count * 3 / 4).first ?? 10,
                magnitude: magnitude ?? magnitudes.dropFirst(magnitudes.count * 3 / 4).first ?? 2)
        }
    }

    /// The arrangement of the three panels.
    public enum Arrangement: Sendable, Hashable {
        /// A row or a column, whichever is nearer to 16:9 as a whole.
        case automatic
        /// Side by side.
        case row
        /// One below the other.
        case column
    }

    /// What the figure shows.
    public struct Frame: Sendable {
        /// The picture in display size, (H, W, 3).
        public var picture: RGBImage
        /// The frame's vectors in the picture's coordinates.
        public var vectors: [MotionVector]
        /// The luma residual, (H, W) row-major: the picture less its prediction.
        public var residual: [Int16]
        /// The frame's type: `I`, `P` or `B`.
        public var type: Character
        /// The frame's number in display order, from 0.
        public var index: Int
        /// The frame's time in seconds.
        public var seconds: Double
        /// The statistics of residual and intra blocks in the panels; nil to compute both from the drawn frame.
        public var prediction: PredictionStatistics?

        /// Makes a frame of its parts; `residual` has as many values as `picture` has pixels.
        public init(
            picture: RGBImage, vectors: [MotionVector], residual: [Int16], type: Character, index: Int, seconds: Double
        ) {
            precondition(residual.count == picture.width * picture.height, "a residual has its picture's size")
            self.picture = picture
            self.vectors = vectors
            self.residual = residual
            self.type = type
            self.index = index
            self.seconds = seconds
        }
    }

    /// The heading, such as the video's name; none if empty.
    public var title: String
    /// The values at the ends of the colour scales.
    public var ranges: Ranges
    /// The arrangement of the panels.
    public var arrangement: Arrangement
    /// The least distance between arrows, in figure pixels for panels up to 640 wide, growing with wider ones.
    public var arrowSpacing: Float

    /// Makes a figure; the defaults fit ranges and arrangement to each frame.
    public init(
        title: String = "", ranges: Ranges = Ranges(), arrangement: Arrangement = .automatic, arrowSpacing: Float = 20
    ) {
        self.title = title
        self.ranges = ranges
        self.arrangement = arrangement
        self.arrowSpacing = arrowSpacing
    }

    /// The width and height of the figure of a picture, both even.
    public func size(pictureWidth: Int, pictureHeight: Int) -> (width: Int, height: Int) {
        let layout = layout(width: pictureWidth, height: pictureHeight)
        return (layout.width, layout.height)
    }

    /// Draws the figure of a frame.
    ///
    /// - Throws: `PFrameError` if there is no font, the figure is too large to be drawn, or memory is short.
    public func render(_ frame: Frame) throws(PFrameError) -> RGBImage {
        let picture = frame.picture
        let layout = layout(width: picture.width, height: picture.height)
        var ranges = ranges
        if ranges.residual == nil || ranges.magnitude == nil {
            let fitted = Ranges.fitting(residual: frame.residual, vectors: frame.vectors)
            ranges = Ranges(
                residual: ranges.residual ?? fitted.residual, magnitude: ranges.magnitude ?? fitted.magnitude)
        }
        let field = VectorField(frame.vectors, width: picture.width, height: picture.height)
        var canvas = Canvas(width: layout.width, height: layout.height, background: FigurePalette.paper)
        let count = frame.vectors.count
        canvas.header(
            title,
            [
                "Frame \(frame.index)", "type \(frame.type)", NumberText.fixed(frame.seconds, 3) + " s",
                "\(count) motion vector\(count == 1 ? "" : "s")", "\(picture.width)×\(picture.height)",
            ], layout)
        ArrowPanel(layout: layout, field: field, limit: ranges.magnitude ?? 2, spacing: arrowSpacing)
            .draw(picture, on: &canvas, at: layout.panels[0])
        ResidualPanel(layout: layout, field: field, scale: .residual(limit: Float(ranges.residual ?? 10)))
            .draw(frame.residual, mean: frame.prediction?.meanResidual, on: &canvas, at: layout.panels[1])
        MagnitudePanel(layout: layout, field: field, scale: .magnitude(limit: ranges.magnitude ?? 2))
            .draw(intra: frame.prediction?.intraShare, on: &canvas, at: layout.panels[2])
        return try canvas.image()
    }

    private func layout(width: Int, height: Int) -> FigureLayout {
        FigureLayout(width: width, height: height, arrangement: arrangement, hasTitle: !title.isEmpty)
    }
}

/// The 99.5th percentile of a residual's magnitude.
private func residualPercentile(_ residual: [Int16]) -> Float {
    var counts = [Int](repeating: 0, count: 512)
    counts.withUnsafeMutableBufferPointer { counts in
        for value in residual { counts[min(511, Int(value.magnitude))] += 1 }
    }
    var above = residual.count / 200
    for (value, count) in counts.enumerated().reversed() {
        above -= count
        if above < 0 { return Float(value) }
    }
    return 0
}

/// The 99.5th percentile of the vectors' length in pixels, each counted as often as its block has pixels.
private func magnitudePercentile(_ vectors: [MotionVector]) -> Float {
    let lengths = vectors.map { (length: $0.magnitude, area: Int($0.width * $0.height)) }
    var above = lengths.reduce(0) { $0 + $1.area } / 200
    for (length, area) in lengths.sorted(by: { $0.length > $1.length }) {
        above -= area
        if above < 0 { return length }
    }
    return 0
}
