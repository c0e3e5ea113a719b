import Figures
import GRDB
import Shards
import Storage
import SystemPackage

/// The page of a data set: title, facts, table of contents, problems and foot.
struct ReportPage: Sendable {
    let title: String
    let description: DatasetDescription
    let facts: ReportFacts
    /// What is wrong with the set, in the order in which it was found.
    let problems: [PFrameError]
    /// Headings by the `id` of their section.
    let contents: [(id: String, heading: String)]
    let body: HTML

    var html: HTML {
        var page = PageFrame(kind: "Data set", title: title, generator: description.tool)
        page.tiles = tiles
        page.contents = contents
        page.body = warnings + body
        page.foot = """
            Written by \(description.tool.isEmpty ? "pframe" : description.tool) from \
            <code>\(DatasetDescription.fileName)</code>, <code>\(DatasetIndex.fileName)</code> and the shards; nothing in \
            this page is loaded from elsewhere.
            """
        return page.html
    }

    private var tiles: [(words: String, value: String)] {
        var tiles: [(words: String, value: String)] = [("clips", NumberText.count(facts.clips))]
        if facts.videos > 0 { tiles.append((facts.videos == 1 ? "video" : "videos", NumberText.count(facts.videos))) }
        if let seconds = facts.seconds { tiles.append(("of clips", NumberText.duration(seconds))) }
        tiles.append(("in shards", NumberText.bytes(description.bytes)))
        tiles.append((description.shards.count == 1 ? "shard" : "shards", NumberText.count(description.shards.count)))
        let rejects = facts.rejects.reduce(0) { $0 + $1.count }
        if rejects > 0 { tiles.append((rejects == 1 ? "reject" : "rejects", NumberText.count(rejects))) }
        return tiles
    }

    private var warnings: HTML {
        guard !problems.isEmpty else { return "" }
        let shown = problems.prefix(20).map { "<li>\($0.local)</li>" as HTML }
        let more: HTML = problems.count > 20 ? "<li>and \(NumberText.count(problems.count - 20)) more</li>" : ""
        return """
            <section class="problems" aria-labelledby="problems"><h2 id="problems">\
            \(NumberText.count(problems.count, "problem")) with the data</h2><ul>\(shown)\(more)</ul></section>

            """
    }
}

extension PFrameError {
    /// The description with no more of the path than the file's name: the page reads the same wherever the set lies.
    fileprivate var local: String {
        let name = path?.lastComponent?.string
        return (name.map { "\($0): " } ?? "") + (offset.map { "at byte \($0): " } ?? "") + message
    }
}

/// The figures at the head of a report, counted over the whole index.
struct ReportFacts: Sendable {
    /// Clips in the set.
    let clips: Int
    /// Videos that they were cut from.
    let videos: Int
    /// From first to last frame, all clips together, seconds; nil if no clip has times.
    let seconds: Double?
    /// Clips that have a caption.
    let captioned: Int
    /// Captions that differ.
    let captions: Int
    /// Near duplicates of an earlier clip.
    let duplicates: Int
    /// Rejects of each kind: how many, the clips they gave all the same, and the first few.
    let rejects: [(kind: Reject.Kind, count: Int, clips: Int, examples: [Reject])]

    /// The most examples of a kind of reject.
    static let mostRejects = 12

    /// Counts.
    ///
    /// - Throws: `PFrameError`.
    init(_ index: DatasetIndex) throws(PFrameError) {
        let row = try index.read { database in
            try Row.fetchOne(
                database,
                sql: """
                    SELECT COUNT(*), COUNT(DISTINCT NULLIF(source, '')), SUM("end" - start), COUNT(NULLIF(caption, '')),
                    COUNT(DISTINCT NULLIF(caption, '')), COUNT(duplicate_of) FROM clips
                    """)
        }
        clips = row?[0] ?? 0
        videos = row?[1] ?? 0
        seconds = row?[2]
        captioned = row?[3] ?? 0
        captions = row?[4] ?? 0
        duplicates = row?[5] ?? 0
        rejects = try index.read { database in
            try Reject.Kind.allCases.compactMap { kind in
                let facts = try Row.fetchOne(
                    database, sql: "SELECT COUNT(*), SUM(clips) FROM rejects WHERE kind = ?", arguments: [kind.rawValue]
                )
                guard let count: Int = facts?[0], count > 0 else { return nil }
                let examples = try Row.fetchAll(
                    database, sql: "SELECT video, reason, clips FROM rejects WHERE kind = ? ORDER BY rowid LIMIT ?",
                    arguments: [kind.rawValue, Self.mostRejects]
                ).map { Reject(video: $0[0], kind: kind, reason: $0[1], clips: $0[2]) }
                return (kind, count, facts?[1] ?? 0, examples)
            }
        }
    }
}

extension Reject.Kind {
    /// What it means, for a heading.
    var words: String {
        switch self {
        case .missing: "missing or not readable"
        case .unreadable: "not a video that can be decoded"
        case .truncated: "cut off; clips before the cut were taken"
        case .damaged: "in places; undamaged clips were taken"
        case .noClip: "too short for a clip"
        case .tooSmall: "too small for the buckets"
        case .noCaption: "without a caption"
        case .repeated: "named twice"
        case .badRow: "with a mistake in its row"
        }
    }
}
