import Codec
import GRDB
import Storage

/// The values of a score over a set, in order.
package struct ScoreValues: Sendable {
    /// All values, ascending.
    package private(set) var sorted: [Double] = []
    /// Clips without a value.
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
        sorted.isEmpty ? nil : Dataset.quantile(share, ofSorted: sorted)
    }
}

/// How many clips have which value: bins that are equally wide on an axis.
package struct ScoreHistogram: Sendable, Equatable {
    /// The axis.
    package let scale: AxisScale
    /// The ends of the bins, ascending: one more than there are bins.
    package let edges: [Double]
    /// Values in each bin; a bin takes in its lower end, the last one both.
    package let counts: [Int]

    /// Counts values; those off the axis are left out.
    package init(_ values: ScoreValues, on scale: AxisScale, bins: Int) {
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

/// Numbers by column out of table `clips` of a database.
enum ScoreColumn {
    /// Every value of a column; memory: eight bytes a clip.
    static func values(_ column: String, in database: Database) throws -> ScoreValues {
        var values: [Double] = []
        var missing = 0
        let cursor = try Optional<Double>.fetchCursor(database, sql: "SELECT \(quoted(column)) FROM clips")
        while let value = try cursor.next() {
            if let value, value.isFinite { values.append(value) } else { missing += 1 }
        }
        return ScoreValues(values, missing: missing)
    }
}
