import Storage
import SystemPackage

/// A CSV or JSONL file in memory: its text, where its rows begin, its columns and their types.
///
/// Rows are read from the text when they are asked for, so a table of millions takes little more than its file.
struct InputTable: Sendable {
    /// The file.
    let path: FilePath
    /// The columns in the order in which the file names them.
    let columns: [String]
    /// What the values of each column have in common.
    let types: [ColumnType]
    private let text: [UInt8]
    private let isCSV: Bool
    private let rows: Rows

    /// Where rows begin.
    private struct Rows: Sendable {
        var starts: [Int] = []
        var lines: [Int32] = []

        mutating func append(_ start: Int, _ line: Int) {
            starts.append(start)
            lines.append(Int32(clamping: line))
        }
    }

    /// Whether a path names a list and no video.
    static func isTable(_ path: FilePath) -> Bool {
        ["csv", "jsonl", "ndjson"].contains(FilePath(path.fileName ?? "").extension?.lowercased() ?? "")
    }

    /// Reads a table; what begins with `{` is JSONL, all else CSV.
    ///
    /// - Throws: `PFrameError` with the line of the first mistake.
    init(_ path: FilePath) throws(PFrameError) {
        self.path = path
        if let address = path.address { text = try RemoteFile(address).contents() } else { text = try readFile(path) }
        let start = text.starts(with: [0xEF, 0xBB, 0xBF]) ? 3 : 0
        let first = text[start...].first { !Self.isSpace($0) }
        guard first != UInt8(ascii: "[") else {
            throw PFrameError(
                .unsupported, path: path, "is a JSON list; write one object per line: `jq -c '.[]' < old > new.jsonl`")
        }
        isCSV = first != UInt8(ascii: "{")
        if isCSV {
            (columns, rows) = try Self.scanCSV(text, path)
            types = columns.map { _ in .text }
        } else {
            (columns, types, rows) = try Self.scanJSON(text, from: start, path)
        }
    }

    /// How many rows it has.
    var count: Int { rows.starts.count }

    /// The line in which a row begins, from 1.
    func line(_ row: Int) -> Int { Int(rows.lines[row]) }

    /// The values of a row in the order of `columns`; null if it has none, and for CSV where the field is empty.
    func values(_ row: Int) throws(PFrameError) -> [JSONValue] {
        let start = rows.starts[row]
        guard isCSV else {
            let end = text[start...].firstIndex(of: UInt8(ascii: "\n")) ?? text.count
            let value = try Self.parse(text[start..<end], line(row), path)
            return columns.map { value[$0] ?? .null }
        }
        var reader = CSVReader(text, position: start, line: line(row))
        var fields: [CSVReader.Field] = []
        try Self.read(&reader, &fields, path)
        return fields.map { field in
            field.range.isEmpty ? .null : reader.text(field).map { .text($0) } ?? .null
        }
    }

    private static func scanCSV(_ text: [UInt8], _ path: FilePath) throws(PFrameError) -> ([String], Rows) {
        var reader = CSVReader(text)
        var fields: [CSVReader.Field] = []
        guard reader.seekRecord() else {
            throw PFrameError(.damaged, path: path, "is empty; its first line names the columns: video,caption")
        }
        let first = reader.line
        try read(&reader, &fields, path)
        var columns: [String] = []
        for (index, field) in fields.enumerated() {
            let name = try decoded(field, reader, first, path)
            // Such is the column of row numbers that pandas writes.
            columns.append(name.isEmpty ? "column_\(index + 1)" : name)
            if columns.dropLast().contains(columns[index]) {
                throw PFrameError(
                    .damaged, path: path, "line \(first): two columns are named \(columns[index]); rename one")
            }
        }
        var rows = Rows()
        while reader.seekRecord() {
            let (start, line) = (reader.position, reader.line)
            rows.append(start, line)
            try read(&reader, &fields, path)
            guard fields.count == columns.count else {
                throw PFrameError(
                    .damaged, path: path,
                    "line \(line): \(fields.count) fields, but line \(first) names \(columns.count) columns; "
                        + "put a field with a comma into quotes")
            }
            if text[start..<reader.position].contains(where: { $0 >= 0x80 }) {
                for field in fields { _ = try decoded(field, reader, line, path) }
            }
        }
        return (columns, rows)
    }

    private static func scanJSON(
        _ text: [UInt8], from start: Int, _ path: FilePath
    ) throws(PFrameError) -> ([String], [ColumnType], Rows) {
        var (columns, types, rows) = ([String](), [ColumnType](), Rows())
        var numbers: [String: Int] = [:]
        var (position, line) = (start, 1)
        while position < text.count {
            let end = text[position...].firstIndex(of: UInt8(ascii: "\n")) ?? text.count
            if !text[position..<end].allSatisfy(isSpace) {
                guard let members = try parse(text[position..<end], line, path).members else {
                    throw PFrameError(
                        .damaged, path: path, "line \(line): not a JSON object; every line of a JSONL file is one")
                }
                rows.append(position, line)
                for name in members.keys.sorted() where numbers[name] == nil {
                    numbers[name] = columns.count
                    columns.append(name)
                    types.append(.unknown)
                }
                for (name, value) in members {
                    guard let number = numbers[name] else { continue }
                    types[number] = types[number].joined(ColumnType(value))
                }
            }
            position = end + 1
            line += 1
        }
        return (columns, types, rows)
    }

    private static func read(
        _ reader: inout CSVReader, _ fields: inout [CSVReader.Field], _ path: FilePath
    ) throws(PFrameError) {
        do throws(CSVReader.Problem) { try reader.read(into: &fields) } catch {
            throw PFrameError(.damaged, path: path, "line \(error.line): \(error.message)")
        }
    }

    private static func decoded(
        _ field: CSVReader.Field, _ reader: CSVReader, _ line: Int, _ path: FilePath
    ) throws(PFrameError) -> String {
        guard let text = reader.text(field) else {
            throw PFrameError(.damaged, path: path, "line \(line): is not UTF-8; save the file as UTF-8")
        }
        return text
    }

    private static func parse(
        _ line: ArraySlice<UInt8>, _ number: Int, _ path: FilePath
    ) throws(PFrameError) -> JSONValue {
        do throws(PFrameError) { return try JSONValue(line, path: path) } catch {
            throw PFrameError(
                .damaged, path: path, "line \(number), column \((error.offset ?? 0) + 1): \(error.message)")
        }
    }

    private static func isSpace(_ byte: UInt8) -> Bool { byte == 0x20 || (0x09...0x0D).contains(byte) }
}
