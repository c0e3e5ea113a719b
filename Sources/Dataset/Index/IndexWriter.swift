import Codec
import GRDB
public import Shards
public import Storage
import Synchronization
import SystemPackage

extension DatasetIndex {
    /// Writes `index.sqlite` from `dataset.json`, the rows, the score side files and `rejects.jsonl`.
    ///
    /// The same files give the same bytes. It is written under a hidden name and renamed. Memory: the rows of `jobs`
    /// shards, and some 30 bytes per clip.
    ///
    /// - Parameters:
    ///   - description: the description that `dataset.json` will hold, if it is not written yet.
    ///   - folder: the data set.
    ///   - jobs: threads that work at once.
    /// - Throws: `PFrameError` if a file is missing or damaged, a key occurs twice, or the disk is full.
    public static func write(
        _ folder: DatasetFolder, description: DatasetDescription? = nil, jobs: Int = Parallel.processors
    ) throws(PFrameError) {
        let known: DatasetDescription
        if let description { known = description } else { known = try folder.description() }
        let writer = IndexWriter(
            folder: folder, shards: known.shards, sideFiles: try folder.scoreFiles(of: known), jobs: jobs)
        try writer.write(rejects: try folder.rejects())
    }
}

/// Fills an index; see `DatasetIndex.write`.
private struct IndexWriter {
    let folder: DatasetFolder
    let shards: [DatasetDescription.Shard]
    let sideFiles: [String: [String]]
    let jobs: Int

    func write(rejects: [Reject]) throws(PFrameError) {
        var columns = IndexColumns()
        var hashes: [UInt64] = []
        // The videos by number: their names, ten million times over, would fill the memory.
        var videos: [String: Int32] = [:]
        var sources: [Int32] = []
        try forEachShard { _, rows throws(PFrameError) in
            for row in rows {
                columns.add(row.columns)
                hashes.append(row.columns.hash)
                let source = row.columns.source
                let known = source.isEmpty ? -1 : videos[source]
                sources.append(known ?? Int32(videos.count))
                if known == nil { videos[source] = Int32(videos.count) }
            }
        }
        // Clips of one video are alike by nature, where the camera rests; that is no reason to drop one.
        let links = DuplicateSearch.links(of: hashes, jobs: jobs).enumerated().map { place, link in
            link >= 0 && sources[place] >= 0 && sources[place] == sources[Int(link)] ? -1 : link
        }

        let path = folder.path.appending(DatasetIndex.fileName)
        var staged = StagedFile(path: path)
        // What a killed run left under the hidden name is not a database to continue.
        try removeFile(staged.path)
        let list = columns.columns
        let name = try DatabaseName(staged.path)
        try querying(path) {
            var configuration = Configuration()
            configuration.prepareDatabase { database in
                // A hidden file that is removed on failure needs no journal; it is synchronised once, when it gets its name.
                try database.execute(
                    sql: "PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF; PRAGMA cache_size = -262144")
            }
            let queue = try DatabaseQueue(path: name.string, configuration: configuration)
            try queue.inTransaction { database in
                try create(list, database)
                try insert(list, links, database)
                for reject in rejects {
                    try database.execute(
                        sql: "INSERT INTO rejects VALUES (?, ?, ?, ?)",
                        arguments: [reject.video, reject.kind.rawValue, reject.reason, reject.clips])
                }
                // One clip in many is a duplicate: only these are in the index.
                try database.execute(
                    sql: "CREATE INDEX clips_duplicate_of ON clips(duplicate_of) WHERE duplicate_of IS NOT NULL")
                return .commit
            }
            try queue.close()
        }
        try staged.commit()
    }

    private func create(_ columns: [IndexColumns.Column], _ database: Database) throws {
        let fixed = IndexColumns.fixed.map { "\(quoted($0.0)) \($0.1)" }
        let others = columns.map { "\(quoted($0.name)) \($0.type)" }
        try database.execute(
            sql: """
                CREATE TABLE clips (\((fixed + others).joined(separator: ", ")));
                CREATE TABLE rejects (video TEXT NOT NULL, kind TEXT NOT NULL, reason TEXT NOT NULL, clips INTEGER NOT NULL);
                CREATE TABLE columns (name TEXT NOT NULL, kind TEXT NOT NULL);
                PRAGMA user_version = \(DatasetIndex.schema);
                """)
        for column in columns {
            try database.execute(
                sql: "INSERT INTO columns VALUES (?, ?)", arguments: [column.name, column.kind.rawValue])
        }
    }

    private func insert(_ columns: [IndexColumns.Column], _ links: [Int32], _ database: Database) throws {
        let places = repeatElement("?", count: IndexColumns.fixed.count + columns.count).joined(separator: ", ")
        let statement = try database.makeStatement(sql: "INSERT INTO clips VALUES (\(places))")
        let original = try database.makeStatement(sql: "SELECT key FROM clips WHERE number = ?")
        var number = 0
        try forEachShard { shard, rows throws(PFrameError) in
            let path = folder.path.appending(shard.rowsName)
            try querying(path) {
                for row in rows {
                    var link = DatabaseValue.null
                    if links[number] >= 0 {
                        link = try DatabaseValue.fetchOne(original, arguments: [Int(links[number])]) ?? .null
                    }
                    statement.setUncheckedArguments(
                        StatementArguments(values(row, shard, number, link) + values(row.columns, columns)))
                    do { try statement.execute() } catch DatabaseError.SQLITE_CONSTRAINT {
                        throw PFrameError(
                            .conflict, path: path,
                            "the key \(row.key) occurs twice in the set: remake the shards or remove one"
                        )
                    }
                    number += 1
                }
            }
        }
    }

    private func values(
        _ row: ShardRow, _ shard: DatasetDescription.Shard, _ number: Int, _ link: DatabaseValue
    ) -> [DatabaseValue] {
        let columns = row.columns
        let hash = columns.hash == 0 ? DatabaseValue.null : SampleColumns.hexadecimal(columns.hash).databaseValue
        return [
            row.key.databaseValue, shard.name.databaseValue, number.databaseValue, columns.caption.databaseValue,
            columns.source.databaseValue, (columns.seconds.first.map { JSONValue.number($0) } ?? .null).databaseValue,
            (columns.seconds.last.map { JSONValue.number($0) } ?? .null).databaseValue, hash, link,
        ]
    }

    private func values(_ sample: SampleColumns, _ columns: [IndexColumns.Column]) -> [DatabaseValue] {
        columns.map { column in
            switch column.kind {
            case .score: JSONValue.number(sample.scores[column.origin] ?? .nan).databaseValue
            case .metadata:
                switch sample.metadata[column.origin] {
                case nil: .null
                // A number among texts stands as its JSON text, which SQLite would write otherwise.
                case .some(let value) where column.type == "TEXT" && value.double != nil: value.json().databaseValue
                case .some(let value): value.databaseValue
                }
            }
        }
    }

    /// Lends the scored rows of every shard in order, reading as many at a time as there are jobs.
    private func forEachShard(
        _ body: (DatasetDescription.Shard, [ShardRow]) throws(PFrameError) -> Void
    ) throws(PFrameError) {
        for start in stride(from: 0, to: shards.count, by: jobs) {
            let batch = Array(shards[start..<min(start + jobs, shards.count)])
            let read = Mutex([Result<[ShardRow], PFrameError>?](repeating: nil, count: batch.count))
            Parallel.forEach(batch.count, jobs: jobs) { index in
                let rows = Result { () throws(PFrameError) in
                    try folder.scoredRows(batch[index], sideFiles[batch[index].name] ?? [])
                }
                read.withLock { $0[index] = rows }
            }
            for (shard, rows) in zip(batch, read.withLock { $0 }) {
                if let rows { try body(shard, try rows.get()) }
            }
        }
    }
}

/// The columns of table `clips`: the fixed ones, one a score, one per metadata name.
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
