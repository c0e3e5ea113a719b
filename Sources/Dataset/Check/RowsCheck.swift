import Storage
import SystemPackage

/// The row file of a shard, line by line: what can be read of it, and what is wrong with it.
struct RowsCheck {
    /// A row and its place in the file.
    struct Line {
        let row: ShardRow
        let offset: Int
    }

    /// Rows that could be read, in the order of their place in the shard.
    private(set) var lines: [Line] = []
    private(set) var findings: [Finding] = []
    /// Whether the bytes are those that `dataset.json` knows.
    private(set) var isIntact = false
    private let shard: DatasetDescription.Shard
    private let remedy: String

    /// Reads the rows of `shard`.
    init(_ folder: DatasetFolder, _ shard: DatasetDescription.Shard, remedy: String) {
        (self.shard, self.remedy) = (shard, remedy)
        let path = folder.path.appending(shard.rowsName)
        let text: [UInt8]
        do throws(DatasetError) { text = try readFile(path) } catch {
            add(nil, nil, "a row file", error.message)
            return
        }
        let digest = SHA256.digest(of: text)
        isIntact = digest == shard.rowsSHA256
        var start = 0
        while start < text.count {
            let end = text[start...].firstIndex(of: 0x0A) ?? text.count
            if end == text.count { add(start, nil, "a line feed behind the last row", "the end of the file") }
            read(text[start..<end], path, start)
            start = end + 1
        }
        if lines.count != shard.samples {
            add(nil, nil, "\(shard.samples) rows", "\(lines.count) that can be read")
        }
        lines.sort { $0.row.offset < $1.row.offset }
        if !isIntact, findings.isEmpty { digestFinding = digest }
    }

    /// The digest that differs although every line reads as a row of our own writing.
    private var digestFinding: String?

    private mutating func read(_ line: ArraySlice<UInt8>, _ path: FilePath, _ offset: Int) {
        do throws(DatasetError) {
            let row = try ShardRow(try JSONValue(line, path: path, offset: offset), path: path, offset: offset)
            if !isIntact, !row.json.utf8.elementsEqual(line) {
                add(offset, row.key, "a row as PFrame writes it", "other text")
            }
            lines.append(Line(row: row, offset: offset))
        } catch {
            add(error.offset ?? offset, nil, "a row", error.message)
        }
    }

    /// Notes that a row, and not the shard, is wrong.
    mutating func add(_ offset: Int?, _ sample: String?, _ expected: String, _ found: String) {
        findings.append(
            Finding(
                file: shard.rowsName, offset: offset, sample: sample, expected: expected, found: found, remedy: remedy))
    }

    /// Compares a row with the sample's own `json` member, which says the same of it in sets that PFrame built.
    mutating func compare(_ line: Line, with json: [UInt8]) {
        guard !line.row.columns.json(key: line.row.key).utf8.elementsEqual(json) else { return }
        guard SampleColumns.wrote(json, key: line.row.key) else { return }
        add(line.offset, line.row.key, "what its json member says", "something else")
    }

    /// All findings, once everything is compared.
    func finished() -> [Finding] {
        guard findings.isEmpty, let digestFinding else { return findings }
        return [
            Finding(
                file: shard.rowsName, expected: "SHA-256 \(shard.rowsSHA256)", found: digestFinding, remedy: remedy)
        ]
    }
}
