import GRDB
import Storage

/// Near duplicates: how many, and the largest groups with one of their duplicates each.
struct DuplicatesSection: Sendable {
    private let count: Int
    private let total: Int
    private let pairs: [(original: ReportClip, duplicate: ReportClip, group: Int)]

    /// Pairs that are shown.
    private static let most = 6

    /// Finds the pairs.
    ///
    /// - Throws: `DatasetError`.
    init(_ index: DatasetIndex, facts: ReportFacts) throws(DatasetError) {
        (count, total) = (facts.duplicates, facts.clips)
        guard count > 0 else {
            pairs = []
            return
        }
        let groups: [(duplicate: Int, original: Int, size: Int)] = try index.read { database in
            try Row.fetchAll(
                database,
                sql: """
                    SELECT duplicate, clips.number, size FROM clips JOIN (
                        SELECT MIN(number) AS duplicate, duplicate_of AS key, COUNT(*) AS size FROM clips
                        WHERE duplicate_of IS NOT NULL GROUP BY duplicate_of ORDER BY size DESC, duplicate LIMIT ?
                    ) USING (key) ORDER BY size DESC, duplicate
                    """, arguments: [Self.most]
            ).map { ($0[0], $0[1], $0[2]) }
        }
        let list = groups.flatMap { [$0.duplicate, $0.original] }.map(String.init).joined(separator: ", ")
        let clips = Dictionary(
            try ReportClip.fetch(index, where: "number IN (\(list))").map { ($0.number, $0) }
        ) { clip, _ in clip }
        pairs = groups.compactMap { group in
            guard let original = clips[group.original], let duplicate = clips[group.duplicate] else { return nil }
            return (original, duplicate, group.size)
        }
    }

    /// All clips that are shown.
    var clips: [ReportClip] { pairs.flatMap { [$0.original, $0.duplicate] } }

    /// The section.
    func html(_ card: ClipCard) -> HTML {
        let head: HTML =
            count == 0
            ? "<p>No clip looks like an earlier one.</p>"
            : """
            <p>\(NumberText.count(count, "clip")) (\(NumberText.percent(count, of: total))) look\(count == 1 ? "s" : "") like an \
            earlier one: perceptual hashes that differ in at most \(DuplicateSearch.distance) bits. \
            \(pairs.count > 1 ? "The largest groups, with" : "With") the first duplicate of each.</p>
            """
        let items = pairs.map { pair -> HTML in
            let others: HTML =
                pair.group > 1
                ? "<p class=\"soft\">and \(NumberText.count(pair.group - 1, "further duplicate"))</p>" : ""
            let marker: HTML = "<p class=\"soft\">duplicate</p>"
            return """
                <li><ul class="pair">
                \(card.html(pair.original, score: nil))\(card.html(pair.duplicate, score: nil, note: marker))</ul>\(others)</li>

                """
        }
        let list: HTML = items.isEmpty ? "" : "<ul class=\"pairs\">\n\(items)</ul>"
        return "<section id=\"duplicates\"><h2>Duplicates</h2>\n\(head)\(list)</section>\n"
    }
}
