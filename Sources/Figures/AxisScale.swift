import Glibc
import Storage

/// Where the values of an axis lie on it: evenly, or evenly near zero and by their logarithm away from it.
///
/// The latter is `asinh(x / knee)`: it takes in zero and both signs, and shows what lies below the knee as a plain axis
/// does.
package struct AxisScale: Sendable, Equatable {
    /// The least and the greatest value.
    package let range: ClosedRange<Double>
    /// The value from which on the scale is logarithmic; nil for an even one.
    package let knee: Double?

    /// A scale; a range without width is widened.
    package init(_ range: ClosedRange<Double>, knee: Double? = nil) {
        let (low, high) = (range.lowerBound, range.upperBound)
        let least = max(abs(low), abs(high)) * 1e-9
        let margin = max(abs(low) * 0.05, 0.5)
        self.range = high - low > least ? range : (low - margin)...(high + margin)
        self.knee = knee
    }

    /// Where a value lies: 0 at the least one, 1 at the greatest one, outside of these beyond them.
    package func position(_ value: Double) -> Double {
        let (low, high) = (warped(range.lowerBound), warped(range.upperBound))
        return (warped(value) - low) / (high - low)
    }

    /// The value at a position.
    package func value(at position: Double) -> Double {
        let (low, high) = (warped(range.lowerBound), warped(range.upperBound))
        let place = low + position * (high - low)
        guard let knee else { return place }
        return knee * sinh(place)
    }

    private func warped(_ value: Double) -> Double { knee.map { asinh(value / $0) } ?? value }

    /// The scale that shows values well: logarithmic where the outermost lie much further apart than nine in ten.
    ///
    /// - Parameters:
    ///   - main: the values that count, sorted.
    ///   - others: further values that are to be on the axis, sorted.
    ///   - marks: values that are to be on the axis unless they lie far beyond it.
    package static func fitting(sorted main: [Double], others: [Double] = [], marks: [Double] = []) -> AxisScale {
        let values = main.isEmpty ? others : main
        guard let first = values.first, let last = values.last else { return AxisScale(0...1) }
        let (least, greatest) = (min(first, others.first ?? first), max(last, others.last ?? last))
        let core = quantile(0.95, ofSorted: values) - quantile(0.05, ofSorted: values)
        let typical = quantile(0.5, ofSorted: first < 0 ? values.map { abs($0) }.sorted() : values)
        let isWide = core > 0 && greatest - least > 6 * core && max(abs(least), abs(greatest)) > 6 * typical
        let knee = isWide && typical > 0 ? typical / 2 : nil

        var (low, high) = (least, greatest)
        // Values that begin near zero are seen best from zero on.
        if low > 0, low < 0.25 * high { low = 0 }
        let scale = AxisScale(low...high, knee: knee)
        for mark in marks where (-0.5...1.5).contains(scale.position(mark)) {
            (low, high) = (min(low, mark), max(high, mark))
        }
        return AxisScale(low...high, knee: knee)
    }

    /// Round values in the range, some four to seven.
    package func ticks() -> [Tick] {
        knee == nil ? evenTicks(most: 6) : logarithmicTicks()
    }

    /// A value on the axis and its label.
    package struct Tick: Sendable, Equatable {
        package let value: Double
        package let label: String
    }

    private func evenTicks(most: Int) -> [Tick] {
        let step = Self.step((range.upperBound - range.lowerBound) / Double(most))
        let decimals = max(0, -Int(log10(step * 1.0001).rounded(.down)))
        let first = (range.lowerBound / step - 1e-6).rounded(.up)
        let last = (range.upperBound / step + 1e-6).rounded(.down)
        return stride(from: first, through: last, by: 1).map { index in
            let value = index * step
            return Tick(value: value, label: decimals > 4 ? NumberText.short(value) : NumberText.fixed(value, decimals))
        }
    }

    private func logarithmicTicks() -> [Tick] {
        guard let knee else { return [] }
        let least = Int(log10(knee).rounded(.down))
        let greatest = log10(max(abs(range.lowerBound), abs(range.upperBound), knee))
        let decades = least...max(least, Int(greatest.rounded(.down)))
        var taken: [Double] = []
        for factor in [0.0, 1, 5, 2] {
            for decade in decades.reversed() {
                for sign in [1.0, -1] {
                    let value = sign * factor * pow(10, Double(decade))
                    let place = position(value)
                    guard (-1e-9...1 + 1e-9).contains(place), taken.allSatisfy({ abs(position($0) - place) > 0.11 })
                    else { continue }
                    taken.append(value == 0 ? 0 : value)
                }
            }
        }
        return taken.sorted().map { Tick(value: $0, label: NumberText.short($0, digits: 2)) }
    }

    /// The least of 1, 2, 5, 10 … that is not below `value`.
    static func step(_ value: Double) -> Double {
        let decade = pow(10, log10(value).rounded(.down))
        return ([1, 2, 5].first { $0 * decade >= value * 0.9999 } ?? 10) * decade
    }
}

/// The value below which a share of sorted values lies, between neighbours in proportion, as `numpy.quantile` has it.
package func quantile(_ share: Double, ofSorted values: [Double]) -> Double {
    guard let last = values.last else { return .nan }
    let place = share * Double(values.count - 1)
    let index = Int(place)
    guard index + 1 < values.count else { return last }
    return values[index] + (place - Double(index)) * (values[index + 1] - values[index])
}
