import Storage
import SystemPackage

/// The page of a data set: title, facts, table of contents, problems and foot.
struct ReportPage: Sendable {
    let title: String
    let description: DatasetDescription
    let facts: ReportFacts
    /// What is wrong with the set, in the order in which it was found.
    let problems: [DatasetError]
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

extension DatasetError {
    /// The description with no more of the path than the file's name: the page reads the same wherever the set lies.
    fileprivate var local: String {
        let name = path?.lastComponent?.string
        return (name.map { "\($0): " } ?? "") + (offset.map { "at byte \($0): " } ?? "") + message
    }
}
