public import Codec
import Storage

/// How much, and how, a picture moves: means over the area that has vectors.
public struct MotionStatistics: Sendable, Equatable {
    /// Share of the picture that has a vector, 0…1.
    public var covered = 0.0
    /// Mean vector length in pixels, over the covered area.
    public var meanLength = 0.0
    /// Share of the covered area whose vector is at least one pixel long, 0…1.
    public var moving = 0.0
    /// Share of the covered area whose vector lies within one pixel of the median vector, 0…1: near 1 for still or
    /// panned pictures, low where things move on their own.
    public var global = 0.0

    /// Measures the rows of one picture; of blocks with two lists, both count.
    public init(_ rows: [MotionRow], size: Size) {
        guard !rows.isEmpty, size.width > 0, size.height > 0 else { return }
        let median = (
            x: Self.median(rows.map { $0.vector.quarterPel.x }), y: Self.median(rows.map { $0.vector.quarterPel.y })
        )
        var area = 0.0
        var listArea = (first: 0.0, second: 0.0)
        for row in rows {
            let weight = Double(row.vector.width * row.vector.height)
            let quarter = row.vector.quarterPel
            area += weight
            if row.vector.source < 0 { listArea.first += weight } else { listArea.second += weight }
            if Self.length(quarter) >= 1 { moving += weight }
            if Self.length((quarter.x &- median.x, quarter.y &- median.y)) <= 1 { global += weight }
        }
        covered = min(1, max(listArea.first, listArea.second) / Double(size.width * size.height))
        meanLength = Self.meanLength(rows)
        moving /= area
        global /= area
    }

    /// Mean vector length in pixels, weighted by block area; 0 without vectors.
    public static func meanLength(_ rows: [MotionRow]) -> Double {
        var (sum, area) = (0.0, 0.0)
        for row in rows {
            let weight = Double(row.vector.width * row.vector.height)
            sum += weight * length(row.vector.quarterPel)
            area += weight
        }
        return area > 0 ? sum / area : 0
    }

    /// Length in pixels of a vector in quarter pixels.
    private static func length(_ quarter: (x: Int32, y: Int32)) -> Double {
        let (x, y) = (Double(quarter.x), Double(quarter.y))
        return (x * x + y * y).squareRoot() / 4
    }

    private static func median(_ values: [Int32]) -> Int32 {
        let sorted = values.sorted()
        return sorted[sorted.count / 2]
    }
}
