import Storage

/// The distance fields behind ``Canvas``'s shapes.
extension Canvas {
    /// A line segment that tells a point's distance from it.
    struct Segment {
        private let x, y, dx, dy, inverseSquaredLength: Float

        init(_ start: Point, _ end: Point) {
            x = start.x
            y = start.y
            dx = end.x - start.x
            dy = end.y - start.y
            let squaredLength = dx * dx + dy * dy
            inverseSquaredLength = squaredLength > 0 ? 1 / squaredLength : 0
        }

        /// The distance in pixels from `(px, py)` to the nearest point of the segment.
        @inline(__always)
        func distance(_ px: Float, _ py: Float) -> Float {
            let along = min(1, max(0, ((px - x) * dx + (py - y) * dy) * inverseSquaredLength))
            let ex = px - x - along * dx
            let ey = py - y - along * dy
            return (ex * ex + ey * ey).squareRoot()
        }

        /// Twice the area of the triangle of the segment and a point: the sign tells the point's side.
        @inline(__always)
        func side(_ px: Float, _ py: Float) -> Float {
            dx * (py - y) - dy * (px - x)
        }
    }

    /// A convex polygon that tells a point's signed distance from its edge.
    struct ConvexPolygon {
        private let edges: [Segment]
        private let orientation: Float

        init(_ corners: [Point]) {
            edges = corners.indices.map { Segment(corners[$0], corners[($0 + 1) % corners.count]) }
            let center = corners.reduce(Point(0, 0)) { Point($0.x + $1.x, $0.y + $1.y) }
            let count = Float(corners.count)
            orientation = edges[0].side(center.x / count, center.y / count) < 0 ? -1 : 1
        }

        /// The distance in pixels from `(x, y)` to the edge, negative inside.
        @inline(__always)
        func distance(_ x: Float, _ y: Float) -> Float {
            var nearest = Float.greatestFiniteMagnitude
            var inside = true
            for edge in edges {
                nearest = min(nearest, edge.distance(x, y))
                inside = inside && edge.side(x, y) * orientation >= 0
            }
            return inside ? -nearest : nearest
        }
    }

    /// The extent of a shape in pixels.
    struct Box {
        private var minX, minY, maxX, maxY: Float

        /// The extent of `points`, grown by `margin` pixels and half a pixel for the soft edge; `nil` without points.
        init?(around points: some Sequence<Point>, margin: Float) {
            (minX, minY) = (.greatestFiniteMagnitude, .greatestFiniteMagnitude)
            (maxX, maxY) = (-.greatestFiniteMagnitude, -.greatestFiniteMagnitude)
            for point in points {
                (minX, maxX) = (min(minX, point.x), max(maxX, point.x))
                (minY, maxY) = (min(minY, point.y), max(maxY, point.y))
            }
            guard minX <= maxX, minY <= maxY else { return nil }
            self = grown(by: margin + 0.5)
        }

        /// The extent with `margin` pixels more on every side.
        func grown(by margin: Float) -> Box {
            var box = self
            box.minX -= margin
            box.minY -= margin
            box.maxX += margin
            box.maxY += margin
            return box
        }

        /// The pixels that the extent touches inside a raster, or `nil` where there are none.
        func pixels(in raster: (width: Int, height: Int)) -> PixelBox? {
            // Clamping before the conversion keeps a far-away coordinate from trapping.
            func pixel(_ value: Float, _ limit: Int) -> Int { Int(min(Float(limit), max(0, value))) }
            let box = PixelBox(
                x0: pixel(minX, raster.width), y0: pixel(minY, raster.height),
                x1: pixel(maxX.rounded(.up), raster.width), y1: pixel(maxY.rounded(.up), raster.height))
            return box.width > 0 && box.height > 0 ? box : nil
        }
    }

    /// A range of whole pixels: columns `x0..<x1` of rows `y0..<y1`.
    struct PixelBox {
        let x0, y0, x1, y1: Int

        var width: Int { x1 - x0 }
        var height: Int { y1 - y0 }
    }
}
