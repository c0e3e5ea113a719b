import Figures
import GRDB
import Storage

/// Clips spread evenly over a set.
package struct ContactSheet: Sendable {
    /// The clips, in the order of the set.
    let clips: [ReportClip]
    private let total: Int

    /// Chooses clips: the same of the same set, however often.
    ///
    /// - Throws: `PFrameError`.
    init(_ index: DatasetIndex, total: Int, count: Int) throws(PFrameError) {
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
            : "\(NumberText.count(clips.count)) of \(NumberText.count(total, "clip")), spread evenly over the data set"
        let shown: HTML = score.map { ", with <code>\($0)</code>, key and caption" } ?? ", with key and caption"
        return """
            <section id="clips"><h2>Clips</h2>
            <p>\(which)\(shown).\(card.legend)</p>
            <ul class="sheet">
            \(clips.map { card.html($0, score: score) })</ul></section>

            """
    }
}

/// The clips with the least and the greatest value of every score.
struct ExtremesSection: Sendable {
    private let groups: [(score: String, lowest: [ReportClip], highest: [ReportClip])]

    /// Clips at each end.
    private static let most = 6

    /// Finds them.
    ///
    /// - Throws: `PFrameError`.
    init(_ index: DatasetIndex, progress: () throws(PFrameError) -> Void) throws(PFrameError) {
        var groups: [(score: String, lowest: [ReportClip], highest: [ReportClip])] = []
        for score in index.scores {
            try progress()
            let column = quoted(score)
            func end(_ order: String) throws(PFrameError) -> [ReportClip] {
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

/// Near duplicates: how many, and the largest groups with one of their duplicates each.
struct DuplicatesSection: Sendable {
    private let count: Int
    private let total: Int
    private let pairs: [(original: ReportClip, duplicate: ReportClip, group: Int)]

    /// Pairs that are shown.
    private static let most = 6

    /// Finds the pairs.
    ///
    /// - Throws: `PFrameError`.
    init(_ index: DatasetIndex, facts: ReportFacts) throws(PFrameError) {
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
            ? "<p>No clip looks like an earlier clip.</p>"
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

/// Draws clips: picture with arrows, a value, key and caption.
struct ClipCard: Sendable {
    let pictures: ClipPictures
    let arrows: MotionArrows

    /// The list item of a clip.
    ///
    /// - Parameters:
    ///   - score: the score that is shown; none where the clip has no value of it.
    ///   - note: a further line.
    func html(_ clip: ReportClip, score: String?, note: HTML = "") -> HTML {
        let value: HTML =
            score.map { name in
                let text = clip.scores[name].map { NumberText.short($0) } ?? "no value"
                return "<span class=\"value\" title=\"\(name)\">\(text)</span>"
            } ?? ""
        let caption: HTML =
            clip.caption.isEmpty
            ? "<p class=\"caption none\">\(clip.source.isEmpty ? "no caption" : clip.source)</p>"
            : "<p class=\"caption\" dir=\"auto\" title=\"\(clip.caption)\">\(clip.caption)</p>"
        let source = clip.source.isEmpty ? clip.key : "\(clip.key) of \(clip.source)"
        return """
            <li class="clip"><div class="picture">\(picture(clip))</div>\
            <p class="facts">\(value)<code title="\(source)">\(clip.key)</code></p>\(caption)\(note)</li>

            """
    }

    private func picture(_ clip: ReportClip) -> HTML {
        if pictures.damaged.contains(clip.number) { return "<p class=\"absent\">damaged</p>" }
        guard let picture = pictures.pictures[clip.number] else { return "<p class=\"absent\">no picture</p>" }
        let alternative = "First frame of clip \(clip.key)" + (clip.caption.isEmpty ? "" : ": \(clip.caption)")
        let size: HTML =
            picture.size.map { width, height in
                (width < 96 ? " class=\"small\"" : "") + " width=\"\(width)\" height=\"\(height)\""
            } ?? ""
        return """
            <img src="\(picture.uri)"\(size) alt="\(alternative)" decoding="async">\
            \(picture.motion.map { arrows.html($0) } ?? "")
            """
    }

    /// What the arrows mean; empty if no clip has any.
    var legend: HTML {
        guard pictures.pictures.values.contains(where: { $0.motion != nil }) else { return "" }
        return """
             Arrows show where the content of a block moves within \(NumberText.count(arrows.frames, "frame")) of the clip, \
            on average over its length.
            """
    }
}
