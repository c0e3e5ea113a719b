import Codec

/// Where the parts of a figure lie, in pixels of the figure.
struct FigureLayout {
    /// The picture's pixels are enlarged by this whole factor …
    let enlargement: Int
    /// … or reduced by this one; the other is 1.
    let reduction: Int
    /// A panel's width without title and legend.
    let panelWidth: Int
    /// A panel's height without title and legend.
    let panelHeight: Int
    /// Left top corners of the panels.
    let panels: [(x: Int, y: Int)]
    /// The figure's width, even.
    let width: Int
    /// The figure's height, even.
    let height: Int
    /// The blank border's width.
    let margin: Int
    /// Whether the header holds a title above its caption.
    let hasTitle: Bool
    /// The size of type, lines and gaps relative to a panel of the ordinary width.
    let unit: Float

    /// The narrowest panel that small pictures are enlarged to.
    private static let leastPanelWidth = 480
    /// The widest panel that a picture is shown in without being reduced.
    private static let greatestPanelWidth = 1280

    /// Lays out the figure of a picture: three panels in a row or in a column, or four in a square too.
    init(
        width pictureWidth: Int, height pictureHeight: Int, arrangement: MotionFigure.Arrangement, hasTitle: Bool,
        panels count: Int = 3
    ) {
        precondition(pictureWidth > 0 && pictureHeight > 0, "a picture has pixels")
        enlargement = max(1, (Self.leastPanelWidth + pictureWidth - 1) / pictureWidth)
        reduction = (pictureWidth + Self.greatestPanelWidth - 1) / Self.greatestPanelWidth
        panelWidth = pictureWidth * enlargement / reduction
        panelHeight = max(1, pictureHeight * enlargement / reduction)
        // With a picture of 16:9, row and column miss 16:9 by the same factor of 3: the row of larger type wins.
        let columns =
            switch arrangement {
            case .row: count
            case .column: 1
            case .automatic: count == 4 ? 2 : 9 * pictureWidth <= 16 * pictureHeight ? count : 1
            }
        unit = min(columns > 1 ? 2 : 1.5, max(1, Float(panelWidth) / (columns > 1 ? 640 : 900)))
        margin = Int(24 * unit)
        self.hasTitle = hasTitle

        let header = Int((hasTitle ? 58 : 30) * unit)
        let titleHeight = Int(28 * unit)
        let legendHeight = Int(46 * unit)
        let gap = Int(22 * unit)
        let (panelWidth, panelHeight, margin) = (panelWidth, panelHeight, margin)
        let step = (x: panelWidth + gap, y: titleHeight + panelHeight + legendHeight + gap)
        let corners = (0..<count).map { index in
            (x: margin + index % columns * step.x, y: margin + header + titleHeight + index / columns * step.y)
        }
        panels = corners
        width = (corners[count - 1].x + panelWidth + margin + 1) / 2 * 2
        height = (corners[count - 1].y + panelHeight + legendHeight + margin + 1) / 2 * 2
    }

    /// Figure pixels per picture pixel.
    var scale: Float { Float(enlargement) / Float(reduction) }

    /// The size of arrows relative to a panel of the ordinary width; it grows less than type does, for detail's sake.
    var lineUnit: Float { unit.squareRoot() }

    /// A length of `value` pixels at the ordinary panel width, in whole pixels.
    func length(_ value: Float) -> Int { Int((value * unit).rounded()) }

    /// The distance between the places where arrows are drawn, in picture pixels.
    ///
    /// It is a whole number of macroblocks (16), so that arrows sit in their blocks, and at least `least` figure pixels
    /// at the ordinary panel width, somewhat more in wider ones.
    func arrowSpacing(least: Float) -> Int {
        var spacing = 16
        while Float(spacing) * scale < least * lineUnit { spacing += 16 }
        return spacing
    }

    /// The type of the figure's title.
    var titleFace: Typeface { Typeface(size: (20 * unit).rounded(), isBold: true) }
    /// The type of the line below the title.
    var captionFace: Typeface { Typeface(size: (14 * unit).rounded()) }
    /// The type of a panel's title.
    var panelFace: Typeface { Typeface(size: (15 * unit).rounded(), isBold: true) }
    /// The type of legends.
    var legendFace: Typeface { Typeface(size: (13 * unit).rounded()) }
}
