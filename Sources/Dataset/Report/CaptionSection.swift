import Figures
import GRDB
import Storage

/// How long captions are, and how often a label, subject or split occurs.
package struct CaptionSection: Sendable {
    /// The words of captions.
    private let lengths: SortedValues
    private let facts: ReportFacts
    private let columns: [ColumnChart]

    /// The most words in a row of bins.
    private static let bins = 40

    /// Counts words and values.
    ///
    /// - Throws: `PFrameError`.
    init(_ index: DatasetIndex, facts: ReportFacts) throws(PFrameError) {
        self.facts = facts
        columns = try ColumnChart.charts(index, clips: facts.clips)
        guard facts.captioned > 0 else {
            lengths = SortedValues()
            return
        }
        let path = index.path
        lengths = try index.read { database in
            var lengths: [Double] = []
            let captions = try String.fetchCursor(database, sql: "SELECT caption FROM clips WHERE caption <> ''")
            while let caption = try captions.next() { lengths.append(Double(Self.words(in: caption))) }
            guard lengths.count == facts.captioned else {
                throw PFrameError(.conflict, path: path, "changed while it was read")
            }
            return SortedValues(lengths)
        }
    }

    /// Words between spaces; scripts that have none count as one.
    package static func words(in caption: String) -> Int {
        var (count, isInWord) = (0, false)
        for scalar in caption.unicodeScalars {
            let isSpace = scalar.properties.isWhitespace
            if !isSpace, !isInWord { count += 1 }
            isInWord = !isSpace
        }
        return count
    }

    /// Whether there is anything to show.
    var isEmpty: Bool { facts.captioned == 0 && columns.isEmpty }

    var html: HTML {
        guard !isEmpty else { return "" }
        let others = columns.map(\.html)
        return """
            <section id="captions"><h2>Captions and labels</h2>
            \(summary)
            <div class="cards">
            \(words)\(others)</div></section>

            """
    }

    private var summary: HTML {
        guard facts.captioned > 0 else { return "<p>The clips have no captions.</p>" }
        let none = facts.clips - facts.captioned
        return """
            <p>\(NumberText.count(facts.captioned, "clip")) with a caption, \
            \(NumberText.count(facts.captions, "different caption"))\
            \(none > 0 ? "; \(NumberText.count(none, "clip")) without" : "").</p>
            """
    }

    private var words: HTML {
        guard let least = lengths.sorted.first, let greatest = lengths.sorted.last,
            let low = lengths.quantile(0.05), let median = lengths.quantile(0.5), let high = lengths.quantile(0.95)
        else { return "" }
        var scale = AxisScale.fitting(sorted: lengths.sorted)
        var bins = Self.bins
        if scale.knee == nil {
            (scale, bins) = Histogram.wholeNumbers(Int(least)...Int(greatest), most: Self.bins)
        }
        let chart = HistogramChart(
            kept: Histogram(lengths, on: scale, bins: bins), dropped: nil, quantiles: (low, median, high),
            cuts: [],
            label: "Histogram of caption lengths: median \(NumberText.short(median)) words")
        return """
            <figure class="card"><figcaption><h3>Words per caption</h3></figcaption>\(chart.html)<ul class="marks">\
            <li>least <b>\(NumberText.short(least))</b></li><li>median <b>\(NumberText.short(median))</b></li>\
            <li>most <b>\(NumberText.short(greatest))</b></li></ul></figure>

            """
    }
}

/// The most frequent values of a metadata column, as bars.
struct ColumnChart: Sendable {
    /// The column.
    let name: String
    /// The most frequent values with their clips.
    let values: [(value: String, clips: Int)]
    /// How many different values there are.
    let distinct: Int
    /// Clips with a value.
    let filled: Int
    /// Clips in the set.
    let clips: Int

    /// The most bars.
    private static let most = 20
    /// Columns that are shown however many different values they have.
    private static let always = ["split", "label", "subject"]
    /// Others are shown if they have at most so many among the first clips.
    private static let few = 50

    /// The charts of all columns that sort clips into groups: texts with few values, and labels, subjects and splits.
    ///
    /// - Throws: `PFrameError`.
    static func charts(_ index: DatasetIndex, clips: Int) throws(PFrameError) -> [ColumnChart] {
        let metadata = index.columns.filter { !$0.isScore }.map(\.name)
        let texts = Set(
            try index.read { database in
                try Row.fetchAll(database, sql: "SELECT name FROM pragma_table_info('clips') WHERE type = 'TEXT'")
                    .map { $0[0] as String }
            })
        let first = always.filter { metadata.contains($0) }
        var charts: [ColumnChart] = []
        for name in first + metadata.filter({ !always.contains($0) && texts.contains($0) }) {
            let column = quoted(name)
            let isShown = try index.read { database in
                let sql = """
                    SELECT COUNT(*) FROM (SELECT DISTINCT \(column) FROM clips WHERE number < 100000 LIMIT \(few + 1))
                    """
                return try first.contains(name) || Int.fetchOne(database, sql: sql) ?? 0 <= few
            }
            guard isShown else { continue }
            let chart = try index.read { database in
                let whole = try Row.fetchOne(
                    database,
                    sql: "SELECT COUNT(DISTINCT NULLIF(\(column), '')), COUNT(NULLIF(\(column), '')) FROM clips")
                let rows = try Row.fetchAll(
                    database,
                    sql: """
                        SELECT CAST(\(column) AS TEXT), COUNT(*) FROM clips WHERE NULLIF(\(column), '') IS NOT NULL
                        GROUP BY 1 ORDER BY 2 DESC, 1 LIMIT \(most)
                        """)
                return ColumnChart(
                    name: name, values: rows.map { ($0[0] ?? "", $0[1]) }, distinct: whole?[0] ?? 0,
                    filled: whole?[1] ?? 0, clips: clips)
            }
            if chart.filled > 0 { charts.append(chart) }
        }
        return charts
    }

    var html: HTML {
        let largest = Double(max(1, values.first?.clips ?? 1))
        let rows = values.map { value, count -> HTML in
            """
            <tr><th scope="row" dir="auto" title="\(value)">\(value)</th><td class="share"><span class="bar" \
            aria-hidden="true"><i class="kept" style="width:\(NumberText.coordinate(100 * Double(count) / largest))%"></i>\
            </span></td><td>\(NumberText.count(count))</td></tr>

            """
        }
        var notes =
            distinct > values.count
            ? "the \(values.count) most frequent of \(NumberText.count(distinct, "value"))"
            : NumberText.count(distinct, "value")
        if filled < clips { notes += "; \(NumberText.count(clips - filled, "clip")) without" }
        return """
            <figure class="card"><figcaption><h3><code>\(name)</code></h3><p>\(notes)</p></figcaption>\
            <table class="bars"><tbody>\(rows)</tbody></table></figure>

            """
    }
}
