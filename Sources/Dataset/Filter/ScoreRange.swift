import Storage

/// A closed range of values of which one end may be open.
public struct ScoreRange: Sendable, Equatable {
    /// The least value; nil for any.
    public let low: Double?
    /// The greatest value; nil for any.
    public let high: Double?

    /// Reads `1...20`, `1...` or `...20`; nil for any other text, and for ranges that hold nothing.
    public init?(_ text: String) {
        guard let dots = text.firstRange(of: "...") else { return nil }
        let ends = [text[..<dots.lowerBound], text[dots.upperBound...]].map { text -> Double?? in
            text.isEmpty ? .some(nil) : Double(text).map { .some($0) }
        }
        guard let low = ends[0], let high = ends[1], low != nil || high != nil, (low ?? 0).isFinite,
            (high ?? 0).isFinite, low ?? -.infinity <= high ?? .infinity
        else { return nil }
        (self.low, self.high) = (low, high)
    }
}
