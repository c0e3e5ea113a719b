import GRDB
public import Shards
public import Storage
public import SystemPackage

/// `index.sqlite`: the rows of all shards of a data set in one table for SQL queries; derived, see `write`.
///
/// | table | columns |
/// |---|---|
/// | `clips` | `key`, `shard`, `number` (place in the set, from 0), `caption`, `source`, `start` and `end` (seconds, NULL without), `hash` (NULL without), `duplicate_of` (key, NULL for no duplicate), one REAL per score (NULL if it could not be computed), one per metadata name |
/// | `rejects` | `video`, `kind`, `reason`, `clips` |
/// | `columns` | `name`, `kind` (`score` or `metadata`) of the columns of `clips` from the tenth on, in order |
///
/// `duplicate_of` is set if the perceptual hash of an earlier clip differs in at most four bits. It names the earliest
/// such clip that is not a duplicate itself; if all are duplicates, the earliest.
public final class DatasetIndex: Sendable {
    /// The name of the file.
    public static let fileName = "index.sqlite"
    /// The version of the tables, SQLite's `user_version`.
    public static let schema = 1

    /// A column of `clips` beyond the fixed ones.
    public struct Column: Sendable, Equatable {
        /// Its name in SQL, unquoted.
        public let name: String
        /// Whether it is a score; else it is metadata.
        public let isScore: Bool
    }

    /// Where it is.
    public let path: FilePath
    /// The score and metadata columns, in order.
    public let columns: [Column]
    private let queue: DatabaseQueue

    /// Opens the index of a data set for reading; the folder may be read-only.
    ///
    /// - Throws: `PFrameError` if there is none, or it is damaged or of a newer version.
    public init(_ folder: DatasetFolder) throws(PFrameError) {
        let path = folder.path.appending(Self.fileName)
        guard fileSize(path) != nil else {
            guard isFolder(folder.path) else { throw PFrameError(.missing, path: folder.path, "no such folder") }
            guard try fileNames(in: folder.path).contains(where: { $0.hasSuffix(".tar") }) else {
                throw PFrameError(.missing, path: folder.path, "is not a data set: it holds no shards (.tar)")
            }
            throw PFrameError(.missing, path: folder.path, "holds no \(Self.fileName): run `pframe index`")
        }
        self.path = path
        let name = try DatabaseName(path)
        (queue, columns) = try querying(path) {
            var configuration = Configuration()
            configuration.readonly = true
            let queue = try DatabaseQueue(path: name.string, configuration: configuration)
            let columns = try queue.read { database in
                let version = try Int.fetchOne(database, sql: "PRAGMA user_version") ?? 0
                guard version == Self.schema else {
                    throw PFrameError(
                        .unsupported, path: path, "index version \(version), not \(Self.schema): run `pframe index`")
                }
                return try Row.fetchAll(database, sql: "SELECT name, kind FROM columns ORDER BY rowid").map { row in
                    Column(name: row[0], isScore: row[1] == IndexColumns.Kind.score.rawValue)
                }
            }
            return (queue, columns)
        }
    }

    /// The names of all columns of `clips`, in order.
    public var columnNames: [String] { IndexColumns.fixed.map(\.0) + columns.map(\.name) }

    /// The names of the score columns, in order.
    public var scores: [String] { columns.filter(\.isScore).map(\.name) }

    /// The number of clips that meet a condition; without a condition all clips.
    ///
    /// - Throws: `PFrameError` with SQLite's message if the condition is not SQL.
    public func count(where condition: String? = nil) throws(PFrameError) -> Int {
        try read { try Int.fetchOne($0, sql: "SELECT COUNT(*) FROM clips" + Self.clause(condition)) ?? 0 }
    }

    /// Clips that meet a condition.
    ///
    /// - Parameters:
    ///   - columns: the columns of the result: names, unquoted.
    ///   - condition: SQL on the columns of `clips`.
    ///   - order: SQL that orders the clips; without it the order of the data set.
    ///   - limit: the most rows.
    /// - Returns: one array per clip, in the order of `columns`.
    /// - Throws: `PFrameError` with SQLite's message if the SQL is wrong.
    public func rows(
        _ columns: [String], where condition: String? = nil, order: String? = nil, limit: Int? = nil
    ) throws(PFrameError) -> [[JSONValue]] {
        var rows: [[JSONValue]] = []
        try forEachRow(columns, where: condition, order: order, limit: limit) { rows.append($0) }
        return rows
    }

    /// Lends clips one by one: see `rows`; memory does not grow with their number.
    ///
    /// - Throws: `PFrameError`, and what `body` throws.
    public func forEachRow(
        _ columns: [String], where condition: String? = nil, order: String? = nil, limit: Int? = nil,
        _ body: ([JSONValue]) throws -> Void
    ) throws(PFrameError) {
        try require(columns)
        let sql =
            "SELECT \(columns.map(quoted).joined(separator: ", ")) FROM clips" + Self.clause(condition)
            + " ORDER BY \(order ?? "number")" + (limit.map { " LIMIT \($0)" } ?? "")
        try read { database in
            let cursor = try Row.fetchCursor(database, sql: sql)
            while let row = try cursor.next() { try body(columns.indices.map { JSONValue(row[$0] as DatabaseValue) }) }
        }
    }

    /// All rejects, in the order of the input.
    ///
    /// - Throws: `PFrameError`.
    public func rejects() throws(PFrameError) -> [Reject] {
        try read { database in
            try Row.fetchAll(database, sql: "SELECT video, kind, reason, clips FROM rejects ORDER BY rowid").map {
                row in
                guard let kind = Reject.Kind(rawValue: row[1]) else {
                    throw PFrameError(
                        .unsupported, path: path, "an unknown kind of reject, \(row[1] as String): update PFrame")
                }
                return Reject(video: row[0], kind: kind, reason: row[2], clips: row[3])
            }
        }
    }

    /// SQLite takes a quoted name that it does not know for a text: unknown names must not reach it.
    func require(_ names: [String]) throws(PFrameError) {
        let known = Set(columnNames)
        guard let unknown = names.first(where: { !known.contains($0) }) else { return }
        throw PFrameError(.usage, path: path, "there is no column \(unknown), only \(columnList)")
    }

    /// ` WHERE …`, proof against a comment at the condition's end.
    static func clause(_ condition: String?) -> String { condition.map { " WHERE (\($0)\n)" } ?? "" }

    func read<Result>(_ body: (Database) throws -> Result) throws(PFrameError) -> Result {
        try querying(path) { try queue.read(body) }
    }
}

extension DatasetIndex {
    /// The places in the set of clips by their keys.
    ///
    /// - Returns: a place a key, and the keys that the set does not have; then the places are of no use.
    /// - Throws: `PFrameError`.
    func places(of keys: [Substring]) throws(PFrameError) -> (places: [Int], unknown: [String]) {
        try read { database in
            let statement = try database.makeStatement(sql: "SELECT number FROM clips WHERE key = ?")
            var places: [Int] = []
            var unknown: [String] = []
            for key in keys {
                let key = String(key)
                if let place = try Int.fetchOne(statement, arguments: [key]) {
                    places.append(place)
                } else {
                    unknown.append(key)
                }
            }
            return (places, unknown)
        }
    }
}
