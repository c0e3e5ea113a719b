import Figures
import Storage
import TestSupport
import Testing

@Suite struct HistogramTests {
    /// Lists of values of all kinds that scores have.
    static let kinds = ["even", "skewed", "signed", "constant", "one", "ties", "outlier", "shares"]

    static func values(_ kind: String, count: Int = 3000) -> [Double] {
        var random = SplitMix64(seed: UInt64(kind.utf8.count))
        func even() -> Double { Double.random(in: 0...1, using: &random) }
        switch kind {
        case "even": return (0..<count).map { _ in 3 + 4 * even() }
        case "skewed": return (0..<count).map { _ in 0.7 / (1e-3 + even() * even()) }
        case "signed": return (0..<count).map { _ in (even() - 0.5) / (1e-3 + even()) }
        case "constant": return Array(repeating: 4.5, count: count)
        case "one": return [17]
        case "ties": return (0..<count).map { _ in Double(Int.random(in: 0...3, using: &random)) }
        case "outlier": return (0..<count).map { _ in even() } + [1e6]
        default: return (0..<count).map { _ in 1 - even() * even() * 0.2 }
        }
    }

    @Test("count every value once, in the bin whose ends hold it", arguments: kinds, [1, 7, 40])
    func bins(kind: String, bins: Int) {
        let values = Self.values(kind)
        let scale = AxisScale.fitting(sorted: values.sorted())
        let histogram = Histogram(SortedValues(values), on: scale, bins: bins)
        var plain = [Int](repeating: 0, count: bins)
        for value in values {
            // The plain way: look at one bin after the other.
            for bin in 0..<bins where value >= histogram.edges[bin] {
                let end = histogram.edges[bin + 1]
                if value < end || (bin == bins - 1 && value == end) { plain[bin] += 1 }
            }
        }
        #expect(histogram.counts == plain)
        #expect(plain.reduce(0, +) == values.count, "every value lies on an axis that was fitted to it")
        #expect(histogram.edges == histogram.edges.sorted() && histogram.edges.count == bins + 1)
        for edge in histogram.edges.indices {
            #expect(abs(scale.position(histogram.edges[edge]) - Double(edge) / Double(bins)) < 1e-9, "equally wide")
        }
    }

    @Test("leave out what lies off the axis")
    func offAxis() {
        let histogram = Histogram(SortedValues([-1, 0, 0.5, 1, 2, 2.1]), on: AxisScale(0...2), bins: 2)
        #expect(histogram.counts == [2, 2])
    }

    @Test("quantiles are those of numpy")
    func quantiles() {
        // numpy.quantile([3, 1, 2, 10], [0, .05, .25, .5, .95, 1])
        let values = SortedValues([3, 1, 2, 10], missing: 2)
        let expected = [(0.0, 1.0), (0.05, 1.15), (0.25, 1.75), (0.5, 2.5), (0.95, 8.95), (1, 10)]
        for (share, value) in expected {
            #expect(abs((values.quantile(share) ?? .nan) - value) < 1e-12)
        }
        #expect(SortedValues([]).quantile(0.5) == nil && values.missing == 2)
        #expect(SortedValues([7]).quantile(0.95) == 7)
    }

    @Test("whole numbers stand in the middle of their bins", arguments: [0...0, 3...11, 1...40, 1...41, 5...1000])
    func wholeNumbers(range: ClosedRange<Int>) {
        let (scale, bins) = Histogram.wholeNumbers(range, most: 40)
        #expect(bins <= 40)
        let histogram = Histogram(SortedValues(range.map(Double.init)), on: scale, bins: bins)
        #expect(histogram.counts.reduce(0, +) == range.count)
        let width = histogram.counts.max() ?? 0
        #expect(histogram.counts.dropLast().allSatisfy { $0 == width } && (range.count > 40) == (width > 1))
    }

    @Test("an axis leads there and back", arguments: kinds)
    func axis(kind: String) {
        let values = Self.values(kind).sorted()
        let scale = AxisScale.fitting(sorted: values)
        #expect(scale.position(scale.range.lowerBound) == 0 && abs(scale.position(scale.range.upperBound) - 1) < 1e-12)
        #expect((scale.knee != nil) == ["skewed", "signed", "outlier"].contains(kind))
        for value in values {
            let position = scale.position(value)
            #expect((-1e-12...1 + 1e-12).contains(position))
            #expect(abs(scale.value(at: position) - value) <= 1e-9 * max(1, abs(value)))
        }
    }

    @Test("ticks are round, in order, apart, and say what they are", arguments: kinds)
    func ticks(kind: String) {
        let scale = AxisScale.fitting(sorted: Self.values(kind).sorted())
        let ticks = scale.ticks()
        #expect((2...12).contains(ticks.count), "\(ticks)")
        for (tick, next) in zip(ticks, ticks.dropFirst()) {
            #expect(scale.position(next.value) - scale.position(tick.value) > 0.07, "labels would touch")
        }
        for tick in ticks {
            #expect((-1e-9...1 + 1e-9).contains(scale.position(tick.value)))
            let plain = tick.label.filter { $0 != "," }.map { $0 == "−" ? "-" : String($0) }.joined()
            let read = Double(plain) ?? .nan
            #expect(abs(read - tick.value) <= 1e-9 * max(1, abs(tick.value)), "\(tick)")
        }
    }

    @Test("an axis shows marks that are near, and not those far away")
    func marks() {
        let values = (0...100).map { Double($0) / 10 }
        #expect(AxisScale.fitting(sorted: values, marks: [-1, 12]).range == -1...12)
        #expect(AxisScale.fitting(sorted: values, marks: [400]).range == 0...10)
        #expect(AxisScale.fitting(sorted: [], others: [1, 2], marks: []).range == 1...2)
        #expect(AxisScale.fitting(sorted: [0.5, 1], others: [40]).range == 0...40)
    }
}
