import Storage
import SystemPackage

/// A table whose rows name videos: which column names them, which describes them, and what the others are.
struct VideoTable: Sendable {
    /// The rows.
    let table: InputTable
    /// Whether it has a column of captions.
    var hasCaptions: Bool { caption != nil }
    /// The columns that become metadata, by their place in a row.
    let metadata: [(place: Int, name: String)]
    private let naming: Naming
    private let caption: Int?

    /// How a row names its video.
    private enum Naming: Sendable {
        /// In the column `video`.
        case column(Int)
        /// As `page_dir/videoid.mp4`.
        case webvid(videoid: Int, folder: Int?)
    }

    /// Reads a table.
    ///
    /// - Throws: `DatasetError` with the line of the first mistake, or where there is no column that names videos.
    init(_ path: FilePath, layout: InputLayout?) throws(DatasetError) {
        let table = try InputTable(path)
        func require(_ name: String, _ purpose: String) throws(DatasetError) -> Int {
            if let place = table.columns.firstIndex(of: name) { return place }
            let others = table.columns.isEmpty ? "it has none" : "it has " + table.columns.joined(separator: ", ")
            throw DatasetError(path: path, "no column \"\(name)\", \(purpose); \(others)")
        }
        self.table = table
        if layout == .webvid {
            let videoid = try require("videoid", "which names the videos of WebVid")
            caption = try require("name", "which holds the captions of WebVid")
            naming = .webvid(videoid: videoid, folder: table.columns.firstIndex(of: "page_dir"))
        } else {
            naming = .column(try require("video", "which names the videos"))
            caption = table.columns.firstIndex(of: "caption")
        }
        var taken = [caption]
        if case .column(let place) = naming { taken.append(place) }
        metadata = table.columns.enumerated().filter { !taken.contains($0.offset) }.map { ($0.offset, $0.element) }
    }

    /// The columns, for messages.
    var columnList: String { table.columns.joined(separator: ", ") }

    /// How a row names its video.
    ///
    /// - Throws: `DatasetError` with the line where it does not.
    func video(_ row: Int) throws(DatasetError) -> String { try video(row, try table.values(row)) }

    /// The caption of a row, nil where it is blank, and its values by their place.
    ///
    /// - Throws: `DatasetError` with the line where the caption is no text.
    func content(_ row: Int) throws(DatasetError) -> (caption: String?, values: [JSONValue]) {
        let values = try table.values(row)
        guard let caption else { return (nil, values) }
        switch values[caption] {
        case .null: return (nil, values)
        case .text(let text): return (text.allSatisfy(\.isWhitespace) ? nil : text, values)
        case let other: throw problem(row, "\"\(table.columns[caption])\" is \(other.json()) and no text")
        }
    }

    private func video(_ row: Int, _ values: [JSONValue]) throws(DatasetError) -> String {
        func text(_ place: Int) throws(DatasetError) -> String {
            switch values[place] {
            case .text(let text) where !text.isEmpty && !text.utf8.contains(0): return text
            case .integer(let number): return String(number)
            case .null, .text(""): throw problem(row, "\"\(table.columns[place])\" is empty and names no video")
            case let other: throw problem(row, "\"\(table.columns[place])\" is \(other.json()) and names no video")
            }
        }
        switch naming {
        case .column(let place): return try text(place)
        case .webvid(let videoid, let folder):
            let file = try text(videoid) + ".mp4"
            guard let folder, values[folder] != .null, values[folder] != .text("") else { return file }
            return try text(folder) + "/" + file
        }
    }

    private func problem(_ row: Int, _ message: String) -> DatasetError {
        DatasetError(path: table.path, "line \(table.line(row)): \(message)")
    }
}
