import Storage

/// A histogram as an SVG drawing: bars of the kept clips, those of the dropped ones stacked on them, a line with median and
/// 5 and 95 % marks, and a filter's cuts.
struct HistogramChart: Sendable {
    /// A value at which a filter cuts.
    struct Cut: Sendable, Equatable {
        /// The value.
        let value: Double
        /// Whether what lies above is kept; else what lies below.
        let keepsAbove: Bool

        /// `≥ 1`.
        var label: String { (keepsAbove ? "≥ " : "≤ ") + NumberText.short(value) }
    }

    /// The clips of the set.
    let kept: ScoreHistogram
    /// The clips that a filter dropped, on the same axis.
    let dropped: ScoreHistogram?
    /// The 5 %, 50 % and 95 % quantiles; nil without values.
    let quantiles: (low: Double, median: Double, high: Double)?
    /// The values at which a filter cuts; drawn where they lie on the axis.
    let cuts: [Cut]
    /// What the drawing shows, for those who cannot see it.
    let label: String

    private static let width = 360.0
    private static let height = 184.0
    private static let plot = (left: 40.0, right: 350.0, top: 38.0, bottom: 158.0)

    /// The `svg` element.
    var html: HTML {
        let largest = zip(kept.counts, dropped?.counts ?? kept.counts.map { _ in 0 }).map(+).max() ?? 0
        let steps = AxisScale(0...Double(max(1, largest)))
        return """
            <svg class="chart" role="img" viewBox="0 0 \(coordinate(Self.width)) \(coordinate(Self.height))" \
            aria-label="\(label)">\(grid(steps))\(bars(steps))\(axis)\(spread)\(lines)</svg>
            """
    }

    private func coordinate(_ value: Double) -> String { NumberText.coordinate(value) }

    private func x(_ value: Double) -> Double {
        Self.plot.left + min(1, max(0, kept.scale.position(value))) * (Self.plot.right - Self.plot.left)
    }

    private func y(_ count: Int, _ scale: AxisScale) -> Double {
        Self.plot.bottom - scale.position(Double(count)) * (Self.plot.bottom - Self.plot.top)
    }

    /// Lines at round counts.
    private func grid(_ scale: AxisScale) -> HTML {
        let ticks = scale.ticks().map { Int($0.value.rounded()) }
        let every = (ticks.count + 3) / 4
        let lines = ticks.enumerated().filter { $0.offset % every == 0 }.map { _, count -> HTML in
            let (at, left) = (coordinate(y(count, scale)), coordinate(Self.plot.left))
            return """
                <path class="grid" d="M\(left) \(at)H\(coordinate(Self.plot.right))"/>\
                <text class="count" x="\(coordinate(Self.plot.left - 6))" y="\(coordinate(y(count, scale) + 3.5))">\
                \(NumberText.tick(count))</text>
                """
        }
        return HTML(lines)
    }

    private func bars(_ scale: AxisScale) -> HTML {
        let bars = kept.counts.indices.map { bin -> HTML in
            let (inside, outside) = (kept.counts[bin], dropped?.counts[bin] ?? 0)
            guard inside + outside > 0 else { return "" }
            let ends = [kept.edges[bin], kept.edges[bin + 1]].map { NumberText.short($0) }
            let counts = dropped == nil ? "" : " kept, \(NumberText.count(outside)) dropped"
            let title = "\(ends[0]) to \(ends[1]): \(NumberText.count(inside))" + (counts.isEmpty ? " clips" : counts)
            return """
                <g><title>\(title)</title>\(bar(bin, from: 0, to: inside, "kept", scale))\
                \(bar(bin, from: inside, to: inside + outside, "dropped", scale))</g>
                """
        }
        return HTML(bars)
    }

    private func bar(_ bin: Int, from low: Int, to high: Int, _ name: String, _ scale: AxisScale) -> HTML {
        guard high > low else { return "" }
        let step = (Self.plot.right - Self.plot.left) / Double(kept.counts.count)
        let left = Self.plot.left + Double(bin) * step
        // The smallest count must still be seen.
        let top = min(y(high, scale), y(low, scale) - 1)
        return """
            <rect class="\(name)" x="\(coordinate(left + 0.4))" y="\(coordinate(top))" \
            width="\(coordinate(max(1, step - 0.8)))" height="\(coordinate(y(low, scale) - top))"/>
            """
    }

    private var axis: HTML {
        let bottom = Self.plot.bottom
        let ticks = kept.scale.ticks().map { tick -> HTML in
            let at = coordinate(x(tick.value))
            return """
                <path class="tick" d="M\(at) \(coordinate(bottom))v4"/>\
                <text class="at" x="\(at)" y="\(coordinate(bottom + 17))">\(tick.label)</text>
                """
        }
        return """
            <path class="axis" d="M\(coordinate(Self.plot.left)) \(coordinate(bottom))H\(coordinate(Self.plot.right))"/>\
            \(ticks)
            """
    }

    /// The line from the 5 % to the 95 % mark with the median.
    private var spread: HTML {
        guard let quantiles else { return "" }
        let at = Self.plot.top - 10
        let (low, median, high) = (x(quantiles.low), x(quantiles.median), x(quantiles.high))
        return """
            <path class="spread" d="M\(coordinate(low)) \(coordinate(at))H\(coordinate(high))\
            M\(coordinate(low)) \(coordinate(at - 4))v8M\(coordinate(high)) \(coordinate(at - 4))v8"/>\
            <path class="median" d="M\(coordinate(median)) \(coordinate(at - 6))v12"/>
            """
    }

    private var lines: HTML {
        var ends: [Double] = []
        let lines = cuts.sorted { $0.value < $1.value }.filter { isOnAxis($0.value) }.map { cut -> HTML in
            let at = x(cut.value)
            // The label stands on the side that is cut off, where there is room; two of them never on one another.
            let isLeft = cut.keepsAbove ? at > Self.plot.left + 40 : at > Self.plot.right - 40
            let isFree = ends.allSatisfy { abs($0 - at) > 50 }
            ends.append(at)
            return """
                <path class="cut" d="M\(coordinate(at)) \(coordinate(isFree ? 4 : 18))V\(coordinate(Self.plot.bottom))"/>\
                <text class="cut \(isLeft ? "end" : "start")" x="\(coordinate(at + (isLeft ? -4 : 4)))" \
                y="\(isFree ? 13 : 26)">\(cut.label)</text>
                """
        }
        return HTML(lines)
    }

    /// Whether a value lies on the axis.
    func isOnAxis(_ value: Double) -> Bool { (-1e-9...1 + 1e-9).contains(kept.scale.position(value)) }
}
