import Codec
import Shards
import Storage
import SystemPackage

/// A table whose rows name videos: which column names them, which describes them, which tell times, and what the others
/// are.
struct VideoTable: Sendable {
    /// What a row says of a video, or of one span of it.
    struct Entry {
        /// The line of the row.
        let line: Int
        /// The part of the video that is meant; nil for all.
        var span: TimeSpan?
        /// Its captions, none of them blank.
        var captions: [String]
        /// The values of the row by their place.
        var values: [JSONValue]
    }

    /// The rows.
    private(set) var table: InputTable
    /// Rows that were skipped.
    private(set) var rejects: [Reject] = []
    /// Whether it has a column of captions.
    var hasCaptions: Bool { caption != nil }
    /// Whether it has columns of times, so that several rows may name one video.
    var hasSpans: Bool { spans != nil }
    /// The columns that become metadata, by their place in a row.
    let metadata: [(place: Int, name: String)]
    private let naming: Naming
    private let caption: Int?
    private let spans: SpanColumns?
    private let layout: InputLayout?

    /// How a row names its video.
    private enum Naming: Sendable {
        /// In the column `video`.
        case column(Int)
        /// As `FOLDER/ID.mp4`.
        case parts(name: Int, folder: Int?)
    }

    /// Reads a table.
    ///
    /// - Parameters:
    ///   - layout: how a known data set calls the columns.
    ///   - skipsBadRows: whether rows with a mistake become rejects.
    ///   - path: the file.
    /// - Throws: `PFrameError` with the line of the first mistake, or if there is no column that names videos.
    init(_ path: FilePath, layout: InputLayout?, skipsBadRows: Bool = false) throws(PFrameError) {
        let table = try InputTable(path, skipsBadRows: skipsBadRows)
        func require(_ name: String, _ purpose: String) throws(PFrameError) -> Int {
            if let place = table.columns.firstIndex(of: name) { return place }
            let others = table.columns.isEmpty ? "it has none" : "it has " + table.columns.joined(separator: ", ")
            throw PFrameError(.missing, path: path, "no column \"\(name)\", \(purpose); \(others)")
        }
        switch layout {
        case .webvid:
            let videoid = try require("videoid", "which names the videos of WebVid")
            caption = try require("name", "which holds the captions of WebVid")
            naming = .parts(name: videoid, folder: table.columns.firstIndex(of: "page_dir"))
        case .panda70m:
            naming = .parts(name: try require("videoID", "which names the videos of Panda-70M"), folder: nil)
            caption = try require("caption", "which holds the captions of Panda-70M")
            _ = try require("timestamp", "which holds the times of Panda-70M's clips")
        default:
            naming = .column(try require("video", "which names the videos"))
            caption = table.columns.firstIndex(of: "caption")
        }
        do throws(SpanColumns.Mistake) { spans = try SpanColumns(table.columns, layout: layout) } catch {
            throw PFrameError(.damaged, path: path, error.message)
        }
        var taken = [caption] + (spans?.places ?? [])
        if case .column(let place) = naming { taken.append(place) }
        metadata = table.columns.enumerated().filter { !taken.contains($0.offset) }.map { ($0.offset, $0.element) }
        self.layout = layout
        self.table = table
        if skipsBadRows { removeBadRows() }
    }

    /// Makes rejects of the rows that say nothing sensible.
    private mutating func removeBadRows() {
        let file = table.path.lastComponent?.string ?? ""
        var found = table.problems.map { (name: file, problem: $0) }
        var bad: Set<Int> = []
        for row in 0..<table.count {
            var name = file
            do throws(RowProblem) {
                let values = try table.values(row)
                name = try video(row, values)
                _ = try entries(row, values)
            } catch {
                bad.insert(row)
                found.append((name, error))
            }
        }
        table.remove(bad)
        found.sort { $0.problem.line < $1.problem.line }
        rejects = found.map {
            Reject(video: $0.name, kind: .badRow, reason: "line \($0.problem.line) of \(file): \($0.problem.message)")
        }
    }

    /// The columns, for messages.
    var columnList: String { table.columns.joined(separator: ", ") }

    /// What the values of a column have in common.
    func type(_ place: Int) -> ColumnType {
        layout == .panda70m && table.columns[place] == "matching_score" ? .number : table.types[place]
    }

    /// How a row names its video.
    ///
    /// - Throws: `PFrameError` with the line if it does not.
    func video(_ row: Int) throws(PFrameError) -> String {
        do throws(RowProblem) { return try video(row, table.values(row)) } catch { throw error.error(table.path) }
    }

    /// What rows say of their video, in order.
    ///
    /// - Throws: `PFrameError` with the line of the first row whose caption is not text or whose times are none.
    func entries(_ rows: [Int]) throws(PFrameError) -> [Entry] {
        var entries: [Entry] = []
        for row in rows {
            do throws(RowProblem) { entries += try self.entries(row, table.values(row)) } catch {
                throw error.error(table.path)
            }
        }
        return entries
    }

    private func entries(_ row: Int, _ values: [JSONValue]) throws(RowProblem) -> [Entry] {
        let line = table.line(row)
        guard let spans else {
            return [Entry(line: line, captions: try captions(row, captionValue(values)), values: values)]
        }
        let found: [TimeSpan?]
        do throws(SpanColumns.Mistake) { found = try spans.spans(values) } catch { throw problem(row, error.message) }
        guard spans.areLists, found != [nil] else {
            let captions = try captions(row, captionValue(values))
            return [Entry(line: line, span: found[0], captions: captions, values: values)]
        }
        var split = [[JSONValue]](repeating: values, count: found.count)
        if layout == .panda70m {
            for (place, _) in metadata {
                guard let list = SpanColumns.list(values[place]), list.count == found.count else { continue }
                for number in found.indices { split[number][place] = list[number] }
            }
        }
        let texts = try captionsOfSpans(row, captionValue(values), found.count)
        return found.indices.map { Entry(line: line, span: found[$0], captions: texts[$0], values: split[$0]) }
    }

    private func captionValue(_ values: [JSONValue]) -> JSONValue { caption.map { values[$0] } ?? .null }

    /// The captions of each of the spans of a row: one caption for all, or a list with the captions of each.
    private func captionsOfSpans(_ row: Int, _ value: JSONValue, _ count: Int) throws(RowProblem) -> [[String]] {
        let list = layout == .panda70m ? SpanColumns.list(value) : value.array
        guard let list else { return [[String]](repeating: try captions(row, value), count: count) }
        guard list.count == count else {
            let (captions, clips) = (NumberText.count(list.count, "caption"), NumberText.count(count, "clip"))
            throw problem(row, "\(columnName) has \(captions) for \(clips); write one for each")
        }
        var texts: [[String]] = []
        for value in list { texts.append(try captions(row, value)) }
        return texts
    }

    /// The captions in a value: a text, or a list of texts.
    private func captions(_ row: Int, _ value: JSONValue) throws(RowProblem) -> [String] {
        switch value {
        case .null: return []
        case .text(let text): return text.allSatisfy(\.isWhitespace) ? [] : [text]
        case .list(let values):
            let texts = values.compactMap(\.string)
            guard texts.count == values.count else {
                throw problem(row, "\(columnName) is \(value.json()) and no list of texts")
            }
            return texts.filter { !$0.allSatisfy(\.isWhitespace) }
        default: throw problem(row, "\(columnName) is \(value.json()) and no text")
        }
    }

    private var columnName: String { "\"\(caption.map { table.columns[$0] } ?? "caption")\"" }

    private func video(_ row: Int, _ values: [JSONValue]) throws(RowProblem) -> String {
        func text(_ place: Int) throws(RowProblem) -> String {
            switch values[place] {
            case .text(let text) where !text.isEmpty && !text.utf8.contains(0): return text
            case .integer(let number): return String(number)
            case .null, .text(""): throw problem(row, "\"\(table.columns[place])\" is empty and names no video")
            case let other: throw problem(row, "\"\(table.columns[place])\" is \(other.json()) and names no video")
            }
        }
        switch naming {
        case .column(let place): return try text(place)
        case .parts(let name, let folder):
            let file = try text(name) + ".mp4"
            guard let folder, values[folder] != .null, values[folder] != .text("") else { return file }
            return try text(folder) + "/" + file
        }
    }

    private func problem(_ row: Int, _ message: String) -> RowProblem {
        RowProblem(line: table.line(row), message: message)
    }
}
