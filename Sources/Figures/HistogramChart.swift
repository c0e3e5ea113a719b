import Storage

/// A histogram as an SVG drawing: bars of the kept clips, those of the dropped ones stacked on them, a line with median and
/// 5 and 95 % marks, and a filter's cuts.
package struct HistogramChart: Sendable {
    /// A value at which a filter cuts.
    package struct Cut: Sendable, Equatable {
        /// The value.
        package let value: Double
        /// Whether what lies above is kept; else what lies below.
        let keepsAbove: Bool

        /// Makes a cut.
        package init(value: Double, keepsAbove: Bool) { (self.value, self.keepsAbove) = (value, keepsAbove) }

        /// `≥ 1`.
        package var label: String { (keepsAbove ? "≥ " : "≤ ") + NumberText.short(value) }
    }

    /// The clips of the set.
    let kept: Histogram
    /// The clips that a filter dropped, on the same axis.
    let dropped: Histogram?
    /// The 5 %, 50 % and 95 % quantiles; nil without values.
    let quantiles: (low: Double, median: Double, high: Double)?
    /// The values at which a filter cuts; drawn where they lie on the axis.
    let cuts: [Cut]
    /// What the drawing shows, for those who cannot see it.
    let label: String

    /// Makes a drawing of counts that lie on one axis.
    package init(
        kept: Histogram, dropped: Histogram?, quantiles: (low: Double, median: Double, high: Double)?, cuts: [Cut],
        label: String
    ) {
        (self.kept, self.dropped, self.quantiles, self.cuts, self.label) = (kept, dropped, quantiles, cuts, label)
    }

    private static let width = 360.0
    private static let height = 184.0
    private static let plot = (left: 40.0, right: 350.0, top: 38.0, bottom: 158.0)

    /// The `svg` element.
    package var html: HTML {
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
    package func isOnAxis(_ value: Double) -> Bool { (-1e-9...1 + 1e-9).contains(kept.scale.position(value)) }
}

/// Values in order.
package struct SortedValues: Sendable {
    /// All values, ascending.
    package private(set) var sorted: [Double] = []
    /// How many have no value.
    package private(set) var missing = 0

    /// No values.
    package init() {}

    /// Sorts values.
    package init(_ values: [Double], missing: Int = 0) {
        sorted = values.sorted()
        self.missing = missing
    }

    /// The value below which a share of the values lies; nil without values.
    package func quantile(_ share: Double) -> Double? {
        sorted.isEmpty ? nil : Figures.quantile(share, ofSorted: sorted)
    }
}

/// How many values lie where: bins that are equally wide on an axis.
package struct Histogram: Sendable, Equatable {
    /// The axis.
    package let scale: AxisScale
    /// The ends of the bins, ascending: one more than there are bins.
    package let edges: [Double]
    /// Values in each bin; a bin takes in its lower end, the last one both.
    package let counts: [Int]

    /// Counts values; those off the axis are left out.
    package init(_ values: SortedValues, on scale: AxisScale, bins: Int) {
        precondition(bins > 0, "a histogram has bins")
        self.scale = scale
        var edges = (0...bins).map { scale.value(at: Double($0) / Double(bins)) }
        (edges[0], edges[bins]) = (scale.range.lowerBound, scale.range.upperBound)
        self.edges = edges
        let sorted = values.sorted
        // How many values lie below each edge; all values below and at the last one.
        var below = edges.map { edge in sorted.partition { $0 >= edge } }
        below[bins] = sorted.partition { $0 > edges[bins] }
        counts = zip(below, below.dropFirst()).map { $1 - $0 }
    }

    /// An axis and bins for whole numbers: each has a bin of its own, or shares it with as many as every other.
    package static func wholeNumbers(_ range: ClosedRange<Int>, most: Int) -> (scale: AxisScale, bins: Int) {
        let width = (range.count + most - 1) / most
        let bins = (range.count + width - 1) / width
        let low = Double(range.lowerBound) - 0.5
        return (AxisScale(low...(low + Double(bins * width))), bins)
    }
}

extension [Double] {
    /// The index of the first of sorted values that meets a condition, which all after it meet too.
    fileprivate func partition(_ condition: (Double) -> Bool) -> Int {
        var (low, high) = (0, count)
        while low < high {
            let middle = (low + high) / 2
            if condition(self[middle]) { high = middle } else { low = middle + 1 }
        }
        return low
    }
}
