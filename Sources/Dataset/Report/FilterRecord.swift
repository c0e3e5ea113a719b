import Storage
import SystemPackage

/// What `filter.json` says of the filter that a data set went through.
struct FilterRecord: Sendable {
    /// The name of the file.
    static let fileName = "filter.json"

    /// A rule and what it came to.
    struct Rule: Sendable {
        /// `motion`, `score`, `where`, `duplicates` or `top`.
        let name: String
        /// The column that it looks at, if it does.
        let column: String?
        /// What is kept has this value or more.
        var low: Double?
        /// What is kept has this value or less.
        let high: Double?
        /// The condition of `where`.
        let sql: String?
        /// How many `top` keeps.
        let count: Int?
        /// Clips left after it.
        let kept: Int
        /// Clips that it dropped.
        let dropped: Int
        /// Of these, clips without a value in its column.
        let missing: Int
    }

    /// The data set that was filtered, as the command named it.
    let source: String
    /// The rules in the order in which they were applied.
    var rules: [Rule]
    /// Clips that were kept.
    let kept: Int
    /// Clips that were dropped.
    let dropped: Int

    /// Reads the file of a data set; nil where it was not filtered.
    ///
    /// - Throws: `DatasetError` where it is damaged.
    init?(_ folder: DatasetFolder) throws(DatasetError) {
        let path = folder.path.appending(Self.fileName)
        guard fileSize(path) != nil else { return nil }
        let value = try JSONValue(try readFile(path), path: path)
        guard let list = value["rules"]?.array, let kept = value["kept"]?.int, let dropped = value["dropped"]?.int
        else {
            throw DatasetError(path: path, "no valid \"rules\", \"kept\" and \"dropped\": run `pframe filter` again")
        }
        source = value["source"]?.string ?? ""
        rules = list.map(Rule.init)
        (self.kept, self.dropped) = (kept, dropped)
    }

    /// The values at which rules cut a column.
    func cuts(of column: String) -> [HistogramChart.Cut] {
        rules.filter { $0.column == column }.flatMap { rule in
            [
                rule.low.map { .init(value: $0, keepsAbove: true) },
                rule.high.map { .init(value: $0, keepsAbove: false) },
            ]
            .compactMap { $0 }
        }
    }
}

extension FilterRecord.Rule {
    /// Reads a rule; what a later version adds is passed over.
    init(_ value: JSONValue) {
        name = value["rule"]?.string ?? ""
        column = (value["column"] ?? value["by"])?.string ?? (name == "motion" ? "motion_content" : nil)
        low = (value["low"] ?? value["threshold"])?.double
        high = value["high"]?.double
        sql = value["sql"]?.string
        count = value["count"]?.int
        kept = value["kept"]?.int ?? 0
        dropped = value["dropped"]?.int ?? 0
        missing = value["missing"]?.int ?? 0
    }

    /// The rule as a sentence has it.
    var words: HTML {
        let column: HTML = "<code>\(column ?? "")</code>"
        switch name {
        case "motion", "score":
            switch (low, high) {
            case (let low?, let high?): return "\(column) from \(NumberText.short(low)) to \(NumberText.short(high))"
            case (let low?, nil): return "\(column) at least \(NumberText.short(low))"
            case (nil, let high?): return "\(column) at most \(NumberText.short(high))"
            case (nil, nil): return "\(column) known"
            }
        case "where": return "<code>\(sql ?? "")</code>"
        case "duplicates": return "no near duplicates of an earlier clip"
        case "top":
            let least: HTML = low.map { ", which is \(NumberText.short($0)) or more" } ?? ""
            return "the \(NumberText.count(count ?? 0)) greatest \(column)\(least)"
        default: return "\(name)"
        }
    }
}
