import Codec
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
    /// Of captions with times, the further rows of a video by its first.
    private var further: [Int: [Int]] = [:]
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
        if let captions {
            rejects += captions.rejects
            if captions.hasSpans, let list = search.lists.values.first(where: { $0.hasSpans }) {
                throw PFrameError(
                    .conflict, path: captions.table.path,
                    "has times, and so has \(list.table.path): leave the times in one of the two")
            }
            match = try CaptionMatch(captions, videos: search.candidates.map(\.name))
        }
        self.match = match
        if captions?.hasSpans == true {
            for (row, first) in match?.repeated ?? [] { further[first, default: []].append(row) }
        }
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
                "no captions: give a file of captions (CSV or JSONL with the columns video,caption), write a .txt beside "
                    + "each video, or build without captions")
        }
        if videos.contains(where: { $0.captions != nil }) {
            // Readers take the columns of a set from its first records: every record has the column, or none.
            for index in videos.indices where videos[index].captions == nil {
                videos[index].captions = [videos[index].caption].compactMap { $0 }
            }
        }
        guard let match, let table = captions?.table, captions?.hasSpans == false else { return }
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
        var listed: [VideoTable.Entry?] = [nil]
        if let list = search.lists[candidate.input], !candidate.rows.isEmpty {
            listed = try list.entries(candidate.rows)
        }
        var described: [VideoTable.Entry?] = [nil]
        if let captions, let row = match?.rows[number] {
            described = try captions.entries([row] + (further[row] ?? []))
        }
        // At most one of the two has several: those of a table with times.
        var lines: [TimeSpan?: Int] = [:]
        for own in listed {
            for other in described {
                let (span, line) = (other?.span ?? own?.span, (other ?? own)?.line ?? 0)
                if let first = lines[span] {
                    let what = span.map { "the same times, \($0.words)" } ?? "the whole video"
                    rejects.append(
                        Reject(
                            video: candidate.name, kind: .repeated,
                            reason: "lines \(first) and \(line) name \(what); the first is used"))
                    continue
                }
                lines[span] = line
                add(candidate, facts, own, other, span)
            }
        }
    }

    /// Adds a video, or a span of one, by its row in the list and its row in the captions.
    private mutating func add(
        _ candidate: InputSearch.Candidate, _ facts: InputLayout.Facts, _ own: VideoTable.Entry?,
        _ other: VideoTable.Entry?, _ span: TimeSpan?
    ) {
        var rows: [(places: [(from: Int, to: Int)], values: [JSONValue])] = []
        var caption: Caption?
        var several: [String] = []
        if let own {
            rows.append((listPlaces[candidate.input] ?? [], own.values))
            if search.lists[candidate.input]?.hasCaptions == true {
                caption = own.captions.first.map { .text($0) } ?? .none("its caption in the list is empty")
                several = own.captions
            }
        }
        if captions != nil {
            caption = .none("no row of the captions names it; add one, or build without captions")
            several = []
            if let other {
                rows.append((captionPlaces, other.values))
                caption = other.captions.first.map { .text($0) } ?? .none("its caption in line \(other.line) is empty")
                several = other.captions
            }
        }
        let text: String?
        switch caption ?? sidecar(candidate.path) ?? facts.caption.map({ .text($0) }) ?? nothingGiven {
        case .text(let found): text = found
        case .none(let reason):
            guard !requiresCaptions else {
                let place = span.map { "\($0.words): " } ?? ""
                rejects.append(Reject(video: candidate.name, kind: .noCaption, reason: place + reason))
                return
            }
            text = nil
        }
        var video = InputVideo(
            path: candidate.path, name: candidate.name, bytes: candidate.bytes, caption: text, span: span,
            columns: columns.names, values: columns.values(facts.values, rows, span: span))
        if several.count > 1 { video.captions = several }
        videos.append(video)
    }

    private var nothingGiven: Caption {
        .none("no .txt beside it; write one, give a file of captions, or build without captions")
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
