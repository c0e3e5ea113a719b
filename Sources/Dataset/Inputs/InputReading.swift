import Shards
import Storage
import SystemPackage

/// Joins what was found with captions and metadata, video by video.
struct InputReading {
    private(set) var videos: [InputVideo] = []
    private(set) var rejects: [Reject]
    /// Rows of the captions file that no video matched.
    var unused: Int { match?.unused ?? 0 }
    private let options: InputOptions
    private let search: InputSearch
    private let captions: VideoTable?
    private let match: CaptionMatch?
    private let columns: InputColumns
    private let captionPlaces: [(from: Int, to: Int)]
    private let listPlaces: [Int: [(from: Int, to: Int)]]
    /// Whether captions are written anywhere: in a file, in a list, beside a video.
    private var isCaptioned: Bool

    /// A caption, or why there is none.
    private enum Caption {
        case text(String)
        case none(String)
    }

    init(_ options: InputOptions, _ search: InputSearch, _ captions: VideoTable?) throws(PFrameError) {
        (self.options, self.search, self.captions) = (options, search, captions)
        rejects = search.rejects
        var match: CaptionMatch?
        if let captions { match = try CaptionMatch(captions, videos: search.candidates.map(\.name)) }
        self.match = match
        let tables = search.lists.sorted { $0.key < $1.key }.map(\.value) + [captions].compactMap { $0 }
        let columns = InputColumns(tables, layout: options.layout)
        self.columns = columns
        captionPlaces = captions.map(columns.places(of:)) ?? []
        listPlaces = search.lists.mapValues(columns.places(of:))
        isCaptioned = captions != nil || search.lists.values.contains { $0.hasCaptions }
    }

    /// Whether a video without a caption is rejected.
    private var requiresCaptions: Bool { options.requiresCaptions && options.layout?.hasCaptions != false }

    /// Reads every video.
    ///
    /// - Throws: `PFrameError` if captions are required and nothing gives any.
    mutating func readAll() throws(PFrameError) {
        videos.reserveCapacity(search.candidates.count)
        for number in search.candidates.indices { try read(number) }
        if !isCaptioned, videos.isEmpty, rejects.contains(where: { $0.kind == .noCaption }) {
            throw PFrameError(
                .usage, path: nil,
                "no captions: give --captions FILE (CSV or JSONL with the columns video,caption), write a .txt beside "
                    + "each video, or build with --no-captions")
        }
        guard let match, let table = captions?.table else { return }
        for (row, first) in match.repeated {
            guard let name = try captions?.video(row) else { continue }
            rejects.append(
                Reject(
                    video: name, kind: .repeated,
                    reason:
                        "the captions name it in lines \(table.line(first)) and \(table.line(row)); the first is used"))
        }
    }

    private mutating func read(_ number: Int) throws(PFrameError) {
        let candidate = search.candidates[number]
        var facts = InputLayout.Facts()
        if let layout = options.layout {
            guard let known = layout.facts(candidate.name) else {
                rejects.append(
                    Reject(
                        video: candidate.name, kind: .unreadable,
                        reason: "its name does not fit the layout \(layout.rawValue): \(layout.pattern)"))
                return
            }
            facts = known
        }
        var rows: [(places: [(from: Int, to: Int)], values: [JSONValue])] = []
        var caption: Caption?
        if let row = candidate.row, let list = search.lists[candidate.input] {
            let content = try list.content(row)
            rows.append((listPlaces[candidate.input] ?? [], content.values))
            if list.hasCaptions {
                caption = content.caption.map { .text($0) } ?? .none("its caption in the list is empty")
            }
        }
        if let captions, let match {
            caption = .none("no row of the captions names it; add one, or build with --no-captions")
            if let row = match.rows[number] {
                let content = try captions.content(row)
                rows.append((captionPlaces, content.values))
                caption =
                    content.caption.map { .text($0) }
                    ?? .none("its caption in line \(captions.table.line(row)) is empty")
            }
        }
        let text: String?
        switch caption ?? sidecar(candidate.path) ?? facts.caption.map({ .text($0) }) ?? nothingGiven {
        case .text(let found): text = found
        case .none(let reason):
            guard !requiresCaptions else {
                rejects.append(Reject(video: candidate.name, kind: .noCaption, reason: reason))
                return
            }
            text = nil
        }
        videos.append(
            InputVideo(
                path: candidate.path, name: candidate.name, bytes: candidate.bytes, caption: text,
                columns: columns.names, values: columns.values(facts.values, rows)))
    }

    private var nothingGiven: Caption {
        .none("no .txt beside it; write one, give --captions FILE, or build with --no-captions")
    }

    /// The text of the `.txt` beside a video, on one line; nil if there is no such file.
    private mutating func sidecar(_ video: FilePath) -> Caption? {
        var path = video
        path.extension = "txt"
        guard path != video, case .file = FileFacts(path) else { return nil }
        isCaptioned = true
        let bytes: [UInt8]
        do throws(PFrameError) { bytes = try readFile(path) } catch { return Caption.none(".txt: \(error.message)") }
        guard let text = String(validating: bytes, as: UTF8.self) else {
            return Caption.none("the .txt file beside it is not UTF-8")
        }
        let words = text.drop { $0 == "\u{FEFF}" }.split(whereSeparator: \.isWhitespace)
        return words.isEmpty ? Caption.none("the .txt file beside it is empty") : .text(words.joined(separator: " "))
    }
}

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
    /// - Throws: `PFrameError` with the line of the first mistake, or if there is no column that names videos.
    init(_ path: FilePath, layout: InputLayout?) throws(PFrameError) {
        let table = try InputTable(path)
        func require(_ name: String, _ purpose: String) throws(PFrameError) -> Int {
            if let place = table.columns.firstIndex(of: name) { return place }
            let others = table.columns.isEmpty ? "it has none" : "it has " + table.columns.joined(separator: ", ")
            throw PFrameError(.missing, path: path, "no column \"\(name)\", \(purpose); \(others)")
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
    /// - Throws: `PFrameError` with the line if it does not.
    func video(_ row: Int) throws(PFrameError) -> String { try video(row, try table.values(row)) }

    /// The caption of a row, nil if it is blank, and its values by their place.
    ///
    /// - Throws: `PFrameError` with the line if the caption is not text.
    func content(_ row: Int) throws(PFrameError) -> (caption: String?, values: [JSONValue]) {
        let values = try table.values(row)
        guard let caption else { return (nil, values) }
        switch values[caption] {
        case .null: return (nil, values)
        case .text(let text): return (text.allSatisfy(\.isWhitespace) ? nil : text, values)
        case let other: throw problem(row, "\"\(table.columns[caption])\" is \(other.json()) and no text")
        }
    }

    private func video(_ row: Int, _ values: [JSONValue]) throws(PFrameError) -> String {
        func text(_ place: Int) throws(PFrameError) -> String {
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

    private func problem(_ row: Int, _ message: String) -> PFrameError {
        PFrameError(.damaged, path: table.path, "line \(table.line(row)): \(message)")
    }
}
