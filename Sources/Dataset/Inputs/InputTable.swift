import Storage
import SystemPackage

/// A CSV, TSV or JSONL file in memory: its text, where its rows begin, its columns and their types.
///
/// Rows are read from the text when they are asked for, so a table of millions takes little more than its file.
struct InputTable: Sendable {
    /// The file.
    let path: FilePath
    /// The columns in the order in which the file names them.
    let columns: [String]
    /// What the values of each column have in common.
    let types: [ColumnType]
    /// Rows that were skipped: the line of each, and what is wrong with it.
    let problems: [RowProblem]
    private let text: [UInt8]
    /// What separates the fields of a CSV; nil for JSONL.
    private let separator: UInt8?
    private var rows: Rows

    /// Where rows begin.
    fileprivate struct Rows: Sendable {
        var starts: [Int] = []
        var lines: [Int32] = []

        mutating func append(_ start: Int, _ line: Int) {
            starts.append(start)
            lines.append(Int32(clamping: line))
        }
    }

    /// Whether a path names a list and no video.
    static func isTable(_ path: FilePath) -> Bool {
        ["csv", "tsv", "jsonl", "ndjson"].contains(ending(path))
    }

    private static func ending(_ path: FilePath) -> String {
        FilePath(path.fileName ?? "").extension?.lowercased() ?? ""
    }

    /// Reads a table; what begins with `{` is JSONL, all else CSV. Tabs separate the fields where the name ends in `.tsv`,
    /// or the first line has tabs and no comma.
    ///
    /// - Parameter skipsBadRows: whether rows with a mistake are left out and noted in ``problems``.
    /// - Throws: `PFrameError` with the line of the first mistake.
    init(_ path: FilePath, skipsBadRows: Bool = false) throws(PFrameError) {
        self.path = path
        if let address = path.address { text = try RemoteFile(address).contents() } else { text = try readFile(path) }
        let start = text.starts(with: [0xEF, 0xBB, 0xBF]) ? 3 : 0
        let first = text[start...].first { !Self.isSpace($0) }
        guard first != UInt8(ascii: "[") else {
            throw PFrameError(
                .unsupported, path: path, "is a JSON list; write one object per line: `jq -c '.[]' < old > new.jsonl`")
        }
        var scan = Scan(path: path, text: text, skipsBadRows: skipsBadRows)
        if first == UInt8(ascii: "{") {
            separator = nil
            try scan.readJSON(from: start)
        } else {
            let head = text[start...].prefix { $0 != UInt8(ascii: "\n") && $0 != UInt8(ascii: "\r") }
            let hasTabs = head.contains(CSVReader.tab) && !head.contains(CSVReader.comma)
            let separator = hasTabs || Self.ending(path) == "tsv" ? CSVReader.tab : CSVReader.comma
            self.separator = separator
            try scan.readCSV(separator)
        }
        (columns, types, rows, problems) = (scan.columns, scan.types, scan.rows, scan.problems)
    }

    /// Leaves out rows.
    mutating func remove(_ numbers: Set<Int>) {
        var left = Rows()
        for row in 0..<count where !numbers.contains(row) { left.append(rows.starts[row], line(row)) }
        rows = left
    }

    /// How many rows it has.
    var count: Int { rows.starts.count }

    /// The line in which a row begins, from 1.
    func line(_ row: Int) -> Int { Int(rows.lines[row]) }

    /// The values of a row in the order of `columns`; null if it has none, and for CSV where the field is empty.
    func values(_ row: Int) throws(RowProblem) -> [JSONValue] {
        let start = rows.starts[row]
        guard let separator else {
            let end = text[start...].firstIndex(of: UInt8(ascii: "\n")) ?? text.count
            let value = try Scan.parse(text[start..<end], line(row), path)
            return columns.map { value[$0] ?? .null }
        }
        var reader = CSVReader(text, position: start, line: line(row), separator: separator)
        var fields: [CSVReader.Field] = []
        do throws(CSVReader.Problem) { try reader.read(into: &fields) } catch {
            throw RowProblem(line: error.line, message: error.message)
        }
        return fields.map { field in
            field.range.isEmpty ? .null : reader.text(field).map { .text($0) } ?? .null
        }
    }

    fileprivate static func isSpace(_ byte: UInt8) -> Bool { byte == 0x20 || (0x09...0x0D).contains(byte) }
}

/// A row that cannot be read, and why.
struct RowProblem: Error {
    /// Its line in the file, from 1.
    let line: Int
    /// What is wrong, with the remedy.
    let message: String

    /// The error that stops reading.
    func error(_ path: FilePath) -> PFrameError {
        PFrameError(.damaged, path: path, "line \(line): \(message) (such rows can be skipped)")
    }
}

/// Finds columns and rows of a table.
private struct Scan {
    let path: FilePath
    let text: [UInt8]
    let skipsBadRows: Bool
    private(set) var columns: [String] = []
    private(set) var types: [ColumnType] = []
    private(set) var rows = InputTable.Rows()
    private(set) var problems: [RowProblem] = []

    init(path: FilePath, text: [UInt8], skipsBadRows: Bool) {
        (self.path, self.text, self.skipsBadRows) = (path, text, skipsBadRows)
    }

    private mutating func skip(_ problem: RowProblem) throws(PFrameError) {
        guard skipsBadRows else { throw problem.error(path) }
        problems.append(problem)
    }

    mutating func readCSV(_ separator: UInt8) throws(PFrameError) {
        var reader = CSVReader(text, separator: separator)
        var fields: [CSVReader.Field] = []
        guard reader.seekRecord() else {
            throw PFrameError(.damaged, path: path, "is empty; its first line names the columns: video,caption")
        }
        let first = reader.line
        do throws(RowProblem) { try readHeader(&reader, &fields) } catch {
            throw PFrameError(.damaged, path: path, "line \(error.line): \(error.message)")
        }
        types = columns.map { _ in .text }
        while reader.seekRecord() {
            let (start, line) = (reader.position, reader.line)
            var isWhole = false
            do throws(RowProblem) {
                try Self.read(&reader, &fields)
                isWhole = true
                guard fields.count == columns.count else {
                    let comma = separator == CSVReader.comma ? "comma" : "tab"
                    throw RowProblem(
                        line: line,
                        message: "\(fields.count) fields, but line \(first) names \(columns.count) columns; "
                            + "put a field with a \(comma) into quotes")
                }
                if text[start..<reader.position].contains(where: { $0 >= 0x80 }) {
                    for field in fields { _ = try Self.decoded(field, reader, line) }
                }
                rows.append(start, line)
            } catch {
                try skip(error)
                guard !isWhole else { continue }
                // A quote that is not closed hides good rows: reading continues with the next line.
                let end = text[start...].firstIndex { $0 == UInt8(ascii: "\n") || $0 == UInt8(ascii: "\r") }
                reader = CSVReader(text, position: end ?? text.count, line: line, separator: separator)
            }
        }
    }

    private mutating func readHeader(
        _ reader: inout CSVReader, _ fields: inout [CSVReader.Field]
    ) throws(RowProblem) {
        let line = reader.line
        try Self.read(&reader, &fields)
        for (index, field) in fields.enumerated() {
            let name = try Self.decoded(field, reader, line)
            // Such is the column of row numbers that pandas writes.
            columns.append(name.isEmpty ? "column_\(index + 1)" : name)
            if columns.dropLast().contains(columns[index]) {
                throw RowProblem(line: line, message: "two columns are named \(columns[index]); rename one")
            }
        }
    }

    mutating func readJSON(from start: Int) throws(PFrameError) {
        var numbers: [String: Int] = [:]
        var (position, line) = (start, 1)
        while position < text.count {
            let end = text[position...].firstIndex(of: UInt8(ascii: "\n")) ?? text.count
            if !text[position..<end].allSatisfy(InputTable.isSpace) {
                do throws(RowProblem) {
                    try readObject(text[position..<end], line, &numbers)
                    rows.append(position, line)
                } catch {
                    try skip(error)
                }
            }
            position = end + 1
            line += 1
        }
    }

    private mutating func readObject(
        _ bytes: ArraySlice<UInt8>, _ line: Int, _ numbers: inout [String: Int]
    ) throws(RowProblem) {
        guard let members = try Self.parse(bytes, line, path).members else {
            throw RowProblem(line: line, message: "not a JSON object; every line of a JSONL file is one")
        }
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

    private static func read(_ reader: inout CSVReader, _ fields: inout [CSVReader.Field]) throws(RowProblem) {
        do throws(CSVReader.Problem) { try reader.read(into: &fields) } catch {
            throw RowProblem(line: error.line, message: error.message)
        }
    }

    private static func decoded(
        _ field: CSVReader.Field, _ reader: CSVReader, _ line: Int
    ) throws(RowProblem) -> String {
        guard let text = reader.text(field) else {
            throw RowProblem(line: line, message: "is not UTF-8; save the file as UTF-8")
        }
        return text
    }

    static func parse(_ line: ArraySlice<UInt8>, _ number: Int, _ path: FilePath) throws(RowProblem) -> JSONValue {
        do throws(PFrameError) { return try JSONValue(line, path: path) } catch {
            throw RowProblem(line: number, message: "column \((error.offset ?? 0) + 1): \(error.message)")
        }
    }
}
