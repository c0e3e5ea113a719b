import GRDB
import Storage
import SystemPackage

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

    /// Reads the file of a filtered set; nil where there is none.
    ///
    /// - Parameters:
    ///   - scores: the columns wanted.
    ///   - progress: called after each piece; what it throws ends the work.
    /// - Throws: `DatasetError` with the place of a line that is no clip.
    init?(
        _ folder: DatasetFolder, scores: [String], progress: () throws(DatasetError) -> Void
    ) throws(DatasetError) {
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
                        throw DatasetError(
                            path: path, offset: offset, "a line without a \"key\": run `pframe filter` again")
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
    func values(_ column: String) throws(DatasetError) -> ScoreValues {
        try querying(path) { try queue.read { try ScoreColumn.values(column, in: $0) } }
    }

    /// A score stands among the fields of its clip, with `_` behind it where it has the name of one, or below `scores`.
    private static func score(_ name: String, of clip: JSONValue) -> JSONValue? {
        clip["scores"]?[name] ?? clip[["rule", "value", "reason"].contains(name) ? name + "_" : name]
    }

    /// Lends the lines of a file one by one, reading it in pieces.
    private static func forEachLine(
        of path: FilePath, _ progress: () throws(DatasetError) -> Void, _ body: ([UInt8], Int) throws -> Void
    ) throws {
        let descriptor: FileDescriptor
        do { descriptor = try FileDescriptor.open(path, .readOnly, options: .closeOnExec) } catch {
            throw DatasetError(path: path, "cannot read: \(error)")
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
