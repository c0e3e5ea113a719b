import Figures
import GRDB
import Shards
import Storage
import SystemPackage

/// The rules of a filter with what each came to.
struct FilterSection: Sendable {
    let filter: FilterRecord

    var html: HTML {
        let all = filter.kept + filter.dropped
        var left = all
        let rows = filter.rules.map { rule -> HTML in
            let before = left
            left = rule.kept
            let missing: HTML =
                rule.missing > 0
                ? "<br><span class=\"soft\">\(NumberText.count(rule.missing)) dropped without a value</span>" : ""
            return """
                <tr class="rule"><th scope="row">\(rule.words)\(missing)</th><td>\(NumberText.count(rule.dropped))</td>\
                <td>\(NumberText.count(rule.kept))</td>\
                <td class="share">\(Self.bar(rule.kept, before, all))\(NumberText.percent(rule.kept, of: all))</td></tr>

                """
        }
        let source: HTML = filter.source.isEmpty ? "" : " of <code>\(filter.source)</code>"
        return """
            <section id="filter"><h2>Filter</h2>
            <p>\(NumberText.count(filter.kept)) of the \(NumberText.count(all, "clip"))\(source) were kept, \
            \(NumberText.count(filter.dropped)) dropped. Rules apply one after the other.</p>
            <table class="rules"><thead><tr><th scope="col">rule: keep</th><th scope="col">dropped</th>\
            <th scope="col">left</th><th scope="col">of all</th></tr></thead><tbody>\(rows)</tbody></table>
            </section>

            """
    }

    /// What a rule kept, and what it dropped of what was left, as shares of all.
    private static func bar(_ kept: Int, _ before: Int, _ all: Int) -> HTML {
        let scale = 100 / Double(max(1, all))
        return """
            <span class="bar" aria-hidden="true"><i class="kept" style="width:\(NumberText.coordinate(Double(kept) * scale))%"></i>\
            <i class="dropped" style="width:\(NumberText.coordinate(Double(before - kept) * scale))%"></i></span>
            """
    }
}

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

    /// Reads the file of a data set; nil if it was not filtered.
    ///
    /// - Throws: `PFrameError` if it is damaged.
    init?(_ folder: DatasetFolder) throws(PFrameError) {
        let path = folder.path.appending(Self.fileName)
        guard fileSize(path) != nil else { return nil }
        let value = try JSONValue(try readFile(path), path: path)
        guard let list = value["rules"]?.array, let kept = value["kept"]?.int, let dropped = value["dropped"]?.int
        else {
            throw PFrameError(
                .damaged, path: path, "no valid \"rules\", \"kept\" and \"dropped\": run `pframe filter` again")
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
    /// Reads a rule; what a later version adds is skipped.
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

/// The scores of the clips that a filter dropped, out of `dropped.jsonl`.
///
/// They are read once into a database of SQLite's own temporary kind, in memory as far as its cache goes and in a file
/// without a name beyond: ten million clips take no more memory than the clips of one column.
struct DroppedClips {
    /// The name of the file.
    static let fileName = "dropped.jsonl"
    /// Bytes read at a time.
    private static let piece = 1 << 20

    private let path: FilePath
    private let queue: DatabaseQueue

    /// Reads the file of a filtered set; nil if there is none.
    ///
    /// - Parameters:
    ///   - scores: the columns wanted.
    ///   - progress: called after each piece; what it throws ends the work.
    /// - Throws: `PFrameError` with the place of a line that is not a clip.
    init?(
        _ folder: DatasetFolder, scores: [String], progress: () throws(PFrameError) -> Void
    ) throws(PFrameError) {
        let path = folder.path.appending(Self.fileName)
        guard fileSize(path) != nil, !scores.isEmpty else { return nil }
        self.path = path
        queue = try querying(path) {
            let queue = try DatabaseQueue(path: "")
            try queue.inTransaction { database in
                let columns = scores.map { "\(quoted($0)) REAL" }.joined(separator: ", ")
                try database.execute(sql: "CREATE TABLE clips (\(columns))")
                let places = repeatElement("?", count: scores.count).joined(separator: ", ")
                let statement = try database.makeStatement(sql: "INSERT INTO clips VALUES (\(places))")
                try Self.forEachLine(of: path, progress) { line, offset in
                    let value = try JSONValue(line, path: path, offset: offset)
                    guard value["key"] != nil else {
                        throw PFrameError(
                            .damaged, path: path, offset: offset, "a line without a \"key\": run `pframe filter` again")
                    }
                    let row = scores.map { (Self.score($0, of: value)?.double).flatMap { $0.isFinite ? $0 : nil } }
                    statement.setUncheckedArguments(StatementArguments(row.map { $0?.databaseValue ?? .null }))
                    try statement.execute()
                }
                return .commit
            }
            return queue
        }
    }

    /// The values of a score.
    func values(_ column: String) throws(PFrameError) -> SortedValues {
        try querying(path) { try queue.read { try ScoreColumn.values(column, in: $0) } }
    }

    /// A score stands among the fields of its clip, with `_` after it where it has the name of one, or below `scores`.
    private static func score(_ name: String, of clip: JSONValue) -> JSONValue? {
        clip["scores"]?[name] ?? clip[["rule", "value", "reason"].contains(name) ? name + "_" : name]
    }

    /// Lends the lines of a file one by one, reading it in pieces.
    private static func forEachLine(
        of path: FilePath, _ progress: () throws(PFrameError) -> Void, _ body: ([UInt8], Int) throws -> Void
    ) throws {
        let descriptor: FileDescriptor
        do { descriptor = try FileDescriptor.open(path, .readOnly, options: .closeOnExec) } catch {
            throw PFrameError(error, path: path, "cannot read")
        }
        try descriptor.closeAfter {
            var (rest, start) = ([UInt8](), 0)
            var buffer = [UInt8](repeating: 0, count: piece)
            while true {
                let count = try buffer.withUnsafeMutableBytes { try descriptor.read(into: $0) }
                if count == 0 { break }
                rest.append(contentsOf: buffer[..<count])
                var line = rest.startIndex
                while let end = rest[line...].firstIndex(of: 0x0A) {
                    if end > line { try body(Array(rest[line..<end]), start + line) }
                    line = end + 1
                }
                start += line
                rest.removeFirst(line)
                try progress()
            }
            if !rest.isEmpty { try body(rest, start) }
        }
    }
}
