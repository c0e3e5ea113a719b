import Dataset

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
    /// The mean of the values around a step; empty where there is no noise, or too few values to tell.
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
