import Storage

/// The columns of table `clips`: the fixed ones, one a score, one a metadata name.
struct IndexColumns {
    /// What a column beyond the fixed ones shows.
    enum Kind: String {
        /// A score, REAL.
        case score
        /// What the user's list says of the video, or the `json` member of a sample made elsewhere.
        case metadata
    }

    /// A column beyond the fixed ones.
    struct Column: Equatable {
        /// Its name in SQL.
        var name: String
        /// The score's or metadata's own name.
        var origin: String
        var kind: Kind
        /// SQLite's type.
        var type: String
    }

    /// The columns that every index has, with their declarations.
    static let fixed = [
        ("key", "TEXT NOT NULL UNIQUE"), ("shard", "TEXT NOT NULL"), ("number", "INTEGER PRIMARY KEY"),
        ("caption", "TEXT NOT NULL"), ("source", "TEXT NOT NULL"), ("start", "REAL"), ("end", "REAL"), ("hash", "TEXT"),
        ("duplicate_of", "TEXT"),
    ]
    /// SQLite takes 2,000 columns: of more, the last metadata names by order are left to the rows.
    private static let maximum = 1_900

    private var scores: Set<String> = []
    private var metadata: [String: Affinity] = [:]

    /// What fits all values of a column, the larger taking in the smaller.
    private enum Affinity: Int {
        case none, integer, real, text

        init(_ value: JSONValue) {
            switch value {
            case .null: self = .none
            case .bool, .integer: self = .integer
            case .number: self = .real
            case .text, .list, .object: self = .text
            }
        }

        var type: String {
            switch self {
            case .none, .text: "TEXT"
            case .integer: "INTEGER"
            case .real: "REAL"
            }
        }
    }

    /// Takes in the names of a sample.
    mutating func add(_ columns: SampleColumns) {
        for name in columns.scores.keys where !scores.contains(name) { scores.insert(name) }
        for (name, value) in columns.metadata {
            let affinity = Affinity(value)
            if affinity.rawValue >= metadata[name]?.rawValue ?? 0 { metadata[name] = affinity }
        }
    }

    /// Takes in scores of side files.
    mutating func add(scores names: some Sequence<String>) { scores.formUnion(names) }

    /// Takes in what another part of the set has.
    mutating func add(_ other: IndexColumns) {
        scores.formUnion(other.scores)
        metadata.merge(other.metadata) { $0.rawValue > $1.rawValue ? $0 : $1 }
    }

    /// The columns in order: built scores, other scores, metadata, the latter two sorted.
    ///
    /// A name that another column has (SQL knows no capitals), or that is empty, gets a `_`.
    var columns: [Column] {
        func sorted(_ names: some Sequence<String>) -> [String] {
            names.sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) }
        }
        let built = SampleColumns.builtScores.filter { scores.contains($0) }
        var taken = Set(Self.fixed.map(\.0))
        var result: [Column] = []
        func append(_ origin: String, _ kind: Kind, _ type: String) {
            var name = String(origin.map { $0 == "\0" ? "_" : $0 })
            if name.isEmpty { name = "_" }
            while !taken.insert(name.lowercased()).inserted { name += "_" }
            result.append(Column(name: name, origin: origin, kind: kind, type: type))
        }
        for name in built + sorted(scores.subtracting(built)) { append(name, .score, "REAL") }
        for name in sorted(metadata.keys).prefix(Self.maximum - result.count) {
            append(name, .metadata, (metadata[name] ?? .none).type)
        }
        return result
    }
}
