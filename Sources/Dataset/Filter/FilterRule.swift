import Storage

/// What a clip must meet to be kept.
public enum FilterRule: Sendable, Equatable {
    /// `motion_content` within a closed range; nil for an open end.
    case motion(low: Double?, high: Double?)
    /// A numeric column within a closed range.
    case score(String, low: Double?, high: Double?)
    /// An SQL condition on table `clips`.
    case condition(String)
    /// No clip before it that was kept is a near duplicate of it.
    case duplicates
    /// Among so many with the greatest values of a column; ties by key.
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
