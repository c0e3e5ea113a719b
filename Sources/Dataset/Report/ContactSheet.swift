import Storage

/// Clips spread evenly over a set.
package struct ContactSheet: Sendable {
    /// The clips, in the order of the set.
    let clips: [ReportClip]
    private let total: Int

    /// Chooses clips: the same of the same set, however often.
    ///
    /// - Throws: `DatasetError`.
    init(_ index: DatasetIndex, total: Int, count: Int) throws(DatasetError) {
        self.total = total
        let numbers = Self.numbers(of: count, among: total)
        let list = numbers.map(String.init).joined(separator: ", ")
        clips = numbers.isEmpty ? [] : try ReportClip.fetch(index, where: "number IN (\(list))")
    }

    /// The middles of `count` equal parts of a set.
    package static func numbers(of count: Int, among total: Int) -> [Int] {
        let count = min(count, total)
        return (0..<count).map { (2 * $0 + 1) * total / (2 * count) }
    }

    /// The section.
    func html(_ card: ClipCard, score: String?) -> HTML {
        guard !clips.isEmpty else { return "" }
        let which =
            clips.count == total
            ? "All \(NumberText.count(total, "clip"))"
            : "\(NumberText.count(clips.count)) of \(NumberText.count(total, "clip")), spread evenly over the set"
        let shown: HTML = score.map { ", with <code>\($0)</code>, key and caption" } ?? ", with key and caption"
        return """
            <section id="clips"><h2>Clips</h2>
            <p>\(which)\(shown).\(card.legend)</p>
            <ul class="sheet">
            \(clips.map { card.html($0, score: score) })</ul></section>

            """
    }
}
