import GRDB
import Storage

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
    /// - Throws: `DatasetError`.
    static func charts(_ index: DatasetIndex, clips: Int) throws(DatasetError) -> [ColumnChart] {
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
