import GRDB
public import Storage

/// The clips of a data set that a list of rules keeps, and the rule that drops each other clip.
///
/// Memory: one byte per clip, and the duplicates.
public struct FilterPlan: Sendable {
    /// What a rule came to.
    public struct Step: Sendable, Equatable {
        /// The rule.
        public let rule: FilterRule
        /// Clips that were left after it.
        public let kept: Int
        /// Clips that it dropped.
        public let dropped: Int
        /// Of these, those without a value in its column.
        public let missing: Int
    }

    /// The rules in the order in which they were applied.
    public let steps: [Step]
    /// Clips in the set.
    public var clips: Int { fates.count }
    /// Clips that are left.
    public let kept: Int
    /// By place in the set: 0 for kept, else one more than the step that dropped it.
    private let fates: [UInt8]
    /// By place of a dropped duplicate, the place of the clip that was kept instead.
    private let survivors: [Int: Int]

    /// Applies rules in order: motion, scores, conditions, duplicates and top, each to the clips that are left.
    ///
    /// - Throws: `PFrameError` if a column does not exist, or with SQLite's message if a condition is not SQL.
    public init(_ rules: [FilterRule], on index: DatasetIndex) throws(PFrameError) {
        precondition(rules.count < 255, "a clip's fate is one byte")
        let sorted = rules.enumerated().sorted { ($0.element.order, $0.offset) < ($1.element.order, $1.offset) }
        var state = State(fates: Array(repeating: 0, count: try index.count()))
        var steps: [Step] = []
        var left = state.fates.count
        for rule in sorted.map(\.element) {
            state.step = UInt8(steps.count + 1)
            let missing = try state.apply(rule, index)
            let kept = state.fates.count { $0 == 0 }
            steps.append(Step(rule: rule, kept: kept, dropped: left - kept, missing: missing))
            left = kept
        }
        (self.steps, fates, kept, survivors) = (steps, state.fates, left, state.survivors)
    }

    /// Whether the clip at a place of the set is kept.
    public func keeps(_ number: Int) -> Bool { fates[number] == 0 }

    /// The step that dropped a clip, nil if it is kept.
    func step(_ number: Int) -> Step? { fates[number] == 0 ? nil : steps[Int(fates[number]) - 1] }

    /// The place of the clip that is kept instead of a dropped duplicate.
    func survivor(_ number: Int) -> Int? { survivors[number] }

    /// Fates while rules are applied.
    private struct State {
        var fates: [UInt8]
        var step: UInt8 = 0
        var survivors: [Int: Int] = [:]

        /// Applies a rule to what is left.
        ///
        /// - Returns: how many it dropped because they have no value.
        mutating func apply(_ rule: FilterRule, _ index: DatasetIndex) throws(PFrameError) -> Int {
            switch rule {
            case .motion(let low, let high): return try keep("motion_content", low, high, index)
            case .score(let column, let low, let high): return try keep(column, low, high, index)
            case .condition(let sql):
                var meets = [Bool](repeating: false, count: fates.count)
                try index.forEachRow(["number"], where: sql) { row in
                    if let number = row[0].int { meets[number] = true }
                }
                for number in fates.indices where !meets[number] { drop(number) }
                return 0
            case .duplicates:
                try dropDuplicates(index)
                return 0
            case .top(let count, let column): return try keepTop(count, column, index)
            }
        }

        private mutating func drop(_ number: Int) {
            if fates[number] == 0 { fates[number] = step }
        }

        private mutating func keep(
            _ column: String, _ low: Double?, _ high: Double?, _ index: DatasetIndex
        ) throws(PFrameError) -> Int {
            let range = (low ?? -.infinity)...(high ?? .infinity)
            var missing = 0
            var fates = fates
            let step = step
            try index.forEachRow(["number", column]) { row in
                guard let number = row[0].int, fates[number] == 0 else { return }
                guard let value = row[1].double else {
                    missing += 1
                    return fates[number] = step
                }
                if !range.contains(value) { fates[number] = step }
            }
            self.fates = fates
            return missing
        }

        private mutating func keepTop(
            _ count: Int, _ column: String, _ index: DatasetIndex
        ) throws(PFrameError) -> Int {
            let name = quoted(column)
            var stays = [Bool](repeating: false, count: fates.count)
            var chosen = 0
            try index.forEachRow(
                ["number"], where: "typeof(\(name)) IN ('integer', 'real')", order: "\(name) DESC, key"
            ) {
                guard let number = $0[0].int, fates[number] == 0, chosen < count else { return }
                stays[number] = true
                chosen += 1
            }
            var missing = 0
            try index.forEachRow(["number"], where: "typeof(\(name)) NOT IN ('integer', 'real')") { row in
                if let number = row[0].int, fates[number] == 0 { missing += 1 }
            }
            for number in fates.indices where !stays[number] { drop(number) }
            return missing
        }

        /// Drops all of a group of duplicates but the first that earlier rules left. A group is what `duplicate_of` links,
        /// directly or through others.
        private mutating func dropDuplicates(_ index: DatasetIndex) throws(PFrameError) {
            let links = try index.duplicates()
            var roots: [Int: Int] = [:]
            var first: [Int: Int] = [:]
            for (number, original) in links {
                let root = roots[original] ?? original
                roots[number] = root
                // The group's first clip is before all its duplicates.
                if first[root] == nil, fates[root] == 0 { first[root] = root }
                guard fates[number] == 0 else { continue }
                if let survivor = first[root] {
                    drop(number)
                    survivors[number] = survivor
                } else {
                    first[root] = number
                }
            }
        }
    }
}

extension DatasetIndex {
    /// All columns of `clips`, for messages.
    public var columnList: String { columnNames.joined(separator: ", ") }

    /// Says whether a condition is SQL that table `clips` understands.
    ///
    /// - Throws: `PFrameError` with SQLite's message and the names of the columns.
    public func check(condition: String) throws(PFrameError) {
        do throws(PFrameError) {
            try read { _ = try $0.makeStatement(sql: "SELECT 1 FROM clips" + Self.clause(condition)) }
        } catch {
            throw PFrameError(.usage, "\(error.message), in: \(condition)\nThe columns are \(columnList).")
        }
    }

    /// The places of all duplicates with those of the clips that they duplicate, in the order of the set.
    func duplicates() throws(PFrameError) -> [(Int, Int)] {
        try read { database in
            let rows = try Row.fetchAll(
                database,
                sql: """
                    SELECT clips.number, original.number FROM clips JOIN clips AS original ON original.key = clips.duplicate_of
                    WHERE clips.duplicate_of IS NOT NULL ORDER BY clips.number
                    """)
            return rows.map { ($0[0], $0[1]) }
        }
    }
}

/// What a clip must meet to be kept.
public enum FilterRule: Sendable, Equatable {
    /// `motion_content` within a closed range; nil for an open end.
    case motion(low: Double?, high: Double?)
    /// A numeric column within a closed range.
    case score(String, low: Double?, high: Double?)
    /// An SQL condition on table `clips`.
    case condition(String)
    /// The clip is not a near duplicate of an earlier kept clip.
    case duplicates
    /// The clip is among the N clips with the greatest values of a column; ties by key.
    case top(Int, by: String)

    /// The rule in one word, as files and tables name it.
    public var name: String {
        switch self {
        case .motion: "motion"
        case .score: "score"
        case .condition: "where"
        case .duplicates: "duplicates"
        case .top: "top"
        }
    }

    /// The column that it looks at.
    public var column: String? {
        switch self {
        case .motion: "motion_content"
        case .score(let column, _, _), .top(_, let column): column
        case .condition, .duplicates: nil
        }
    }

    /// The rule as people read it.
    public var description: String {
        switch self {
        case .motion(let low, let high): "motion \(Self.range(low, high))"
        case .score(let column, let low, let high): "\(column) \(Self.range(low, high))"
        case .condition(let sql): "where \(sql)"
        case .duplicates: "duplicates"
        case .top(let count, let column): "top \(count) by \(column)"
        }
    }

    /// The order in which rules are applied, whatever order they are given in.
    var order: Int {
        switch self {
        case .motion: 0
        case .score: 1
        case .condition: 2
        case .duplicates: 3
        case .top: 4
        }
    }

    /// The rule as `filter.json` and the options of the filtered set have it.
    var members: [String: JSONValue] {
        func end(_ value: Double?) -> JSONValue { value.map { .number($0) } ?? .null }
        var members: [String: JSONValue] = ["rule": .text(name)]
        if let column { members["column"] = .text(column) }
        switch self {
        case .motion(let low, let high), .score(_, let low, let high):
            members["low"] = end(low)
            members["high"] = end(high)
        case .condition(let sql): members["sql"] = .text(sql)
        case .duplicates: break
        case .top(let count, _): members["count"] = .integer(count)
        }
        return members
    }

    private static func range(_ low: Double?, _ high: Double?) -> String {
        (low.map { "\($0)" } ?? "") + "..." + (high.map { "\($0)" } ?? "")
    }
}

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
