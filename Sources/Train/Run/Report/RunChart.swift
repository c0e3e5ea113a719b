import Figures
import Storage

/// Curves over the steps of a run as a drawing: every value faint, without noise strong.
///
/// The drawing is stretched to whatever room there is, with lines and letters that keep their size.
struct RunChart: Sendable {
    /// What they have in common.
    let name: String
    /// One to four of them.
    let curves: [RunCurve]
    /// The step at the right end.
    let lastStep: Int

    /// Curves of one chart at most.
    static let most = 4
    /// Few values are drawn as dots.
    private static let dots = 40

    /// Even, or logarithmic where the values span more than a decade and most of them lie low in it.
    private var scale: AxisScale {
        let sorted = curves.flatMap { $0.points.map(\.value) }.sorted()
        guard let low = sorted.first, let high = sorted.last else { return AxisScale(0...1) }
        // Far above the knee the scale is as good as the logarithm.
        if low > 0, high > 10 * low, high > 4 * sorted[sorted.count / 2] {
            return AxisScale(low...high, knee: low / 4)
        }
        return AxisScale((low > 0 && low < 0.25 * high ? 0 : low)...high)
    }

    /// The `figure` element.
    ///
    /// - Parameter isLarge: whether it takes the whole width.
    func html(isLarge: Bool) -> HTML {
        let (scale, steps) = (scale, AxisScale(0...Double(max(1, lastStep))))
        let lines = curves.enumerated().map { draw($1, "series\($0 + 1)", steps, scale) }
        return """
            <figure class="card run\(isLarge ? " large" : "")"><figcaption><h3><code>\(name)</code></h3>\(legend)\
            <p>\(summary(isLogarithmic: scale.knee != nil))</p></figcaption><div class="plot" role="img" \
            aria-label="\(label)"><svg viewBox="0 0 1000 1000" preserveAspectRatio="none" aria-hidden="true">\
            \(grid(scale))\(lines)</svg>\(labels(steps, scale))</div></figure>

            """
    }

    private func y(_ value: Double, _ scale: AxisScale) -> Double { 1000 * (1 - scale.position(value)) }

    private func grid(_ scale: AxisScale) -> HTML {
        let lines = scale.ticks().map { "M0 \(NumberText.coordinate(y($0.value, scale)))H1000" }
        return "<path class=\"grid\" d=\"\(lines.joined())\"/><path class=\"axis\" d=\"M0 1000H1000\"/>"
    }

    private func labels(_ steps: AxisScale, _ scale: AxisScale) -> HTML {
        let vertical = scale.ticks().map { tick -> HTML in
            let top = NumberText.coordinate(y(tick.value, scale) / 10)
            return "<span class=\"y\" aria-hidden=\"true\" style=\"top:\(top)%\">\(tick.label)</span>"
        }
        let horizontal = steps.ticks().filter { $0.value == $0.value.rounded() }.map { tick -> HTML in
            let left = NumberText.coordinate(100 * steps.position(tick.value))
            let text = NumberText.tick(Int(tick.value))
            return "<span class=\"x\" aria-hidden=\"true\" style=\"left:\(left)%\">\(text)</span>"
        }
        return HTML(vertical + horizontal)
    }

    private func draw(_ curve: RunCurve, _ series: String, _ steps: AxisScale, _ scale: AxisScale) -> HTML {
        func path(_ points: [RunCurve.Point], _ name: String) -> HTML {
            guard !points.isEmpty else { return "" }
            let places = points.map { point in
                let across = NumberText.coordinate(1000 * steps.position(point.step))
                return "\(across) \(NumberText.coordinate(y(point.value, scale)))"
            }
            return "<path class=\"\(series) \(name)\" d=\"M\(places.joined(separator: "L"))\"/>"
        }
        let outline = path(curve.outline, curve.smooth.isEmpty ? "mean" : "raw") + path(curve.smooth, "mean")
        guard curve.points.count <= Self.dots else { return outline }
        let dots = curve.points.map { point in
            let across = NumberText.coordinate(1000 * steps.position(point.step))
            return "M\(across) \(NumberText.coordinate(y(point.value, scale)))h0"
        }
        return outline + "<path class=\"\(series) dots\" d=\"\(dots.joined())\"/>"
    }

    private var legend: HTML {
        guard curves.count > 1 else { return "" }
        let entries = curves.enumerated().map { "<span><i class=\"series\($0 + 1)\"></i>\($1.name)</span>" as HTML }
        return "<p class=\"legend\">\(entries)</p>"
    }

    /// Where each curve stands, and the values that it went through.
    private func summary(isLogarithmic: Bool) -> HTML {
        let facts = curves.compactMap { curve -> String? in
            guard let last = curve.points.last, let least = curve.points.min(by: { $0.value < $1.value }),
                let greatest = curve.points.max(by: { $0.value < $1.value })
            else { return nil }
            let range =
                curve.points.count > 1
                ? ", \(NumberText.short(least.value)) to \(NumberText.short(greatest.value))" : ""
            let name = curves.count > 1 ? curve.name + " " : ""
            return "\(name)\(NumberText.short(last.value)) at step \(NumberText.count(Int(last.step)))\(range)"
        }
        return "\(facts.joined(separator: "; "))\(isLogarithmic ? "; logarithmic scale" : "")"
    }

    private var label: String {
        let names = curves.map(\.name).joined(separator: ", ")
        return "\(names) by step: \(summary(isLogarithmic: false).text)"
    }
}

/// A metric over the steps of a run, as a chart draws it: every value, and what they come to without their noise.
struct RunCurve: Sendable {
    /// A value at a step.
    struct Point: Sendable, Equatable {
        var step: Double
        var value: Double
    }

    let name: String
    /// Finite values by step.
    let points: [Point]
    /// The mean of the values around a step; empty if there is no noise, or too few values to tell.
    let smooth: [Point]

    /// Fewer values are shown as they are.
    private static let fewest = 50
    /// The mean is taken over this share of the values on either side.
    private static let reach = 50
    /// Points that a curve is drawn with, and pairs of a least and a greatest value.
    private static let most = 500

    /// Takes a column of a table; values that are no numbers are left out.
    init(_ name: String, of table: MetricsTable) {
        self.name = name
        points = zip(table.steps, table[name] ?? []).filter { $0.1.isFinite }
            .map { Point(step: Double($0), value: $1) }
        smooth = Self.smoothed(points)
    }

    /// What is drawn of all values: of many, the least and the greatest of each stretch.
    var outline: [Point] {
        guard points.count > 2 * Self.most else { return points }
        return (0..<Self.most).flatMap { stretch in
            let part = points[(stretch * points.count / Self.most)..<((stretch + 1) * points.count / Self.most)]
            let ends = [part.min { $0.value < $1.value }, part.max { $0.value < $1.value }].compactMap(\.self)
            return ends.sorted { $0.step < $1.step }
        }
    }

    /// Whether the values go up and down more than a curve does.
    private static func isNoisy(_ points: [Point]) -> Bool {
        let turns = points.indices.dropFirst(2).count { index in
            let (first, second, third) = (points[index - 2].value, points[index - 1].value, points[index].value)
            return (second - first) * (third - second) < 0
        }
        return turns > points.count / 10
    }

    /// Means over what is near, by running sums, at no more places than can be told apart.
    private static func smoothed(_ points: [Point]) -> [Point] {
        guard points.count >= fewest, isNoisy(points) else { return [] }
        var sums = [0.0]
        sums.reserveCapacity(points.count + 1)
        for point in points { sums.append(sums[sums.count - 1] + point.value) }
        let reach = max(1, points.count / Self.reach)
        let places = min(points.count, most)
        return (0..<places).map { place in
            let index = place * (points.count - 1) / (places - 1)
            let (low, high) = (max(0, index - reach), min(points.count, index + reach + 1))
            let mean = (sums[high] - sums[low]) / Double(high - low)
            return Point(step: points[index].step, value: mean)
        }
    }
}
