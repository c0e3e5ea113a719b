public import Codec

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

    /// Measures the vectors of one picture; of blocks with two lists, both count.
    public init(_ vectors: some Collection<MotionVector>, size: Size) {
        guard !vectors.isEmpty, size.width > 0, size.height > 0 else { return }
        let median = SIMD2(Self.median(vectors.map(\.quarterPel.x)), Self.median(vectors.map(\.quarterPel.y)))
        var area = 0.0
        var listArea = (first: 0.0, second: 0.0)
        for vector in vectors {
            let weight = Double(vector.width * vector.height)
            let quarter = vector.quarterPel
            let length = Double(quarter.x &* quarter.x &+ quarter.y &* quarter.y).squareRoot() / 4
            area += weight
            if vector.source < 0 { listArea.first += weight } else { listArea.second += weight }
            meanLength += weight * length
            if length >= 1 { moving += weight }
            let fromMedian = quarter &- median
            if abs(fromMedian.x) <= 4, abs(fromMedian.y) <= 4 { global += weight }
        }
        covered = min(1, max(listArea.first, listArea.second) / Double(size.width * size.height))
        meanLength /= area
        moving /= area
        global /= area
    }

    private static func median(_ values: [Int32]) -> Int32 {
        let sorted = values.sorted()
        return sorted[sorted.count / 2]
    }
}
