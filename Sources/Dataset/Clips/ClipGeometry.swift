import Codec
import MotionVectors

/// Where the pixels of clips lie in the pictures of a video, as ``ClipFitter`` places them. Places are in pixels, (0, 0)
/// the top left corner of the first pixel; pictures are as stored.
struct ClipGeometry {
    /// Pixels of a clip from one traced point to the next.
    private static let spacing = 4

    /// The clip's frame, as it is shown.
    private let size: Size
    /// Where the scaled picture begins in the clip's frame, as stored pictures lie.
    private let lower: SIMD2<Double>
    /// Where it ends there.
    private let upper: SIMD2<Double>
    /// Where the clip's corner is in that frame.
    private let origin: SIMD2<Double>
    /// One pixel of the clip to the right, in that frame.
    private let right: SIMD2<Double>
    /// One pixel of the clip down, in that frame.
    private let down: SIMD2<Double>
    /// The part of the picture that the clip shows begins here.
    private let corner: SIMD2<Double>
    /// Pixels of the picture per pixel of the clip.
    private let scale: SIMD2<Double>
    /// Whether nothing of the picture is cut off.
    private let isWhole: Bool

    /// The geometry of a fit.
    ///
    /// - Parameters:
    ///   - source: size of the picture.
    ///   - crop: what is cut off the picture.
    ///   - scaled: the size that the rest is scaled to.
    ///   - left: where the scaled picture stands in the frame.
    ///   - top: where it stands in the frame.
    ///   - frame: the clip's frame, as stored pictures lie.
    ///   - orientation: how stored pictures are turned for display.
    init(
        source: Size, crop: Crop, scaled: Size, left: Int, top: Int, frame: Size, orientation: Orientation
    ) {
        let (column, row) = (orientation.column, orientation.row)
        size = orientation.shown(frame)
        right = SIMD2(Double(column.x), Double(row.x))
        down = SIMD2(Double(column.y), Double(row.y))
        // The middle of the frame is the middle of both.
        let middle = SIMD2(Double(frame.width), Double(frame.height)) / 2
        origin = middle - right * (Double(size.width) / 2) - down * (Double(size.height) / 2)
        lower = SIMD2(Double(left), Double(top))
        upper = lower + SIMD2(Double(scaled.width), Double(scaled.height))
        corner = SIMD2(Double(crop.left), Double(crop.top))
        isWhole = crop == Crop()
        let rest = crop.applied(to: source)
        scale = SIMD2(Double(rest.width), Double(rest.height)) / SIMD2(Double(scaled.width), Double(scaled.height))
    }

    /// Whether frames of the clip are the pictures as they are.
    var isIdentity: Bool {
        right == SIMD2(1, 0) && down == SIMD2(0, 1) && origin == .zero && corner == .zero && scale == SIMD2(1, 1)
            && lower == .zero && upper == SIMD2(Double(size.width), Double(size.height)) && isWhole
    }

    /// The place of a clip's place in the picture; nil in black bars.
    private func stored(_ place: SIMD2<Double>) -> SIMD2<Double>? {
        let place = origin + right * place.x + down * place.y
        guard place.x >= lower.x, place.y >= lower.y, place.x < upper.x, place.y < upper.y else { return nil }
        return corner + (place - lower) * scale
    }

    /// A step in the picture as a step in the clip.
    private func shown(_ step: SIMD2<Double>) -> SIMD2<Double> {
        let step = step / scale
        return SIMD2((step * right).sum(), (step * down).sum())
    }

    /// Traces points of every block of a clip, 4 pixels apart.
    ///
    /// - Parameter trace: where a place of the picture lies in the picture before; nil if nothing leads there.
    func candidates(_ trace: (SIMD2<Double>) -> SIMD2<Double>?) -> MotionCandidates {
        let field = MotionField(size: size, cellSize: Clip.cellSize)
        return MotionCandidates(
            field.vectors.indices.map { cell in
                let (left, top) = (cell % field.columns * Clip.cellSize, cell / field.columns * Clip.cellSize)
                var vectors: [SIMD2<Int16>] = []
                for y in stride(from: top, to: min(top + Clip.cellSize, size.height), by: Self.spacing) {
                    for x in stride(from: left, to: min(left + Clip.cellSize, size.width), by: Self.spacing) {
                        let half = Double(Self.spacing) / 2
                        guard let vector = vector(at: SIMD2(Double(x) + half, Double(y) + half), trace),
                            !vectors.contains(vector)
                        else { continue }
                        vectors.append(vector)
                    }
                }
                return vectors
            })
    }

    /// The traced motion at a place of the clip, in whole pixels and quarter-pel units. Black bars stand still.
    private func vector(at place: SIMD2<Double>, _ trace: (SIMD2<Double>) -> SIMD2<Double>?) -> SIMD2<Int16>? {
        guard let start = stored(place) else { return .zero }
        guard let end = trace(start) else { return nil }
        let step = shown(end - start)
        return SIMD2(
            Int16(clamping: Int(step.x.rounded()) * 4) & ~3, Int16(clamping: Int(step.y.rounded()) * 4) & ~3)
    }
}
