import Storage

/// The clips with the least and the greatest value of every score.
struct ExtremesSection: Sendable {
    private let groups: [(score: String, lowest: [ReportClip], highest: [ReportClip])]

    /// Clips at each end.
    private static let most = 6

    /// Finds them.
    ///
    /// - Throws: `DatasetError`.
    init(_ index: DatasetIndex, progress: () throws(DatasetError) -> Void) throws(DatasetError) {
        var groups: [(score: String, lowest: [ReportClip], highest: [ReportClip])] = []
        for score in index.scores {
            try progress()
            let column = quoted(score)
            func end(_ order: String) throws(DatasetError) -> [ReportClip] {
                try ReportClip.fetch(
                    index, where: "\(column) IS NOT NULL", order: "\(column) \(order), number", limit: Self.most)
            }
            let (lowest, highest) = (try end("ASC"), try end("DESC"))
            if !lowest.isEmpty { groups.append((score, lowest, highest)) }
        }
        self.groups = groups
    }

    /// All clips that are shown.
    var clips: [ReportClip] { groups.flatMap { $0.lowest + $0.highest } }

    /// The section.
    func html(_ card: ClipCard) -> HTML {
        guard !groups.isEmpty else { return "" }
        let parts = groups.map { group -> HTML in
            """
            <article><h3><code>\(group.score)</code> <span class="soft">\(ScoreSection.meanings[group.score] ?? "")</span></h3>
            <div class="ends">\(end("lowest", group.lowest, group.score, card))\
            \(end("highest", group.highest, group.score, card))</div></article>

            """
        }
        return "<section id=\"extremes\"><h2>Lowest and highest</h2>\n\(parts)</section>\n"
    }

    private func end(_ name: String, _ clips: [ReportClip], _ score: String, _ card: ClipCard) -> HTML {
        """
        <div><h4>\(name)</h4><ul class="row">
        \(clips.map { card.html($0, score: score) })</ul></div>
        """
    }
}
