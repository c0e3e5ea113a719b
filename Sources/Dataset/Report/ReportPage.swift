import SystemPackage

/// The frame of the page: head, title, facts, table of contents, problems and foot.
struct ReportPage: Sendable {
    let title: String
    let description: DatasetDescription
    let facts: ReportFacts
    /// What is wrong with the set, in the order in which it was found.
    let problems: [DatasetError]
    /// Headings by the `id` of their section.
    let contents: [(id: String, heading: String)]
    let body: HTML

    /// Nothing is loaded and nothing runs, whatever a caption says.
    private static let policy = "default-src 'none'; img-src data:; style-src 'unsafe-inline'"

    var html: HTML {
        """
        <!DOCTYPE html>
        <html lang="en">
        <head>
        <meta charset="utf-8">
        <meta http-equiv="Content-Security-Policy" content="\(Self.policy)">
        <meta name="viewport" content="width=device-width, initial-scale=1">
        <meta name="color-scheme" content="light dark">
        <meta name="generator" content="\(description.tool)">
        <link rel="icon" href="data:,">
        <title>\(title)</title>
        <style>
        \(ReportStyle.css)</style>
        </head>
        <body>
        <header>
        <p class="soft">Data set</p>
        <h1 dir="auto">\(title)</h1>
        \(tiles)
        <nav aria-label="Contents">\(contents.map { "<a href=\"#\($0.id)\">\($0.heading)</a>" as HTML })</nav>
        </header>
        <main>
        \(warnings)\(body)</main>
        <footer><p>Written by \(description.tool.isEmpty ? "pframe" : description.tool) from \
        <code>\(DatasetDescription.fileName)</code>, <code>\(DatasetIndex.fileName)</code> and the shards; nothing in this \
        page is loaded from elsewhere.</p></footer>
        </body>
        </html>

        """
    }

    private var tiles: HTML {
        var tiles: [(String, String)] = [("clips", NumberText.count(facts.clips))]
        if facts.videos > 0 { tiles.append((facts.videos == 1 ? "video" : "videos", NumberText.count(facts.videos))) }
        if let seconds = facts.seconds { tiles.append(("of clips", NumberText.duration(seconds))) }
        tiles.append(("in shards", NumberText.bytes(description.bytes)))
        tiles.append((description.shards.count == 1 ? "shard" : "shards", NumberText.count(description.shards.count)))
        let rejects = facts.rejects.reduce(0) { $0 + $1.count }
        if rejects > 0 { tiles.append((rejects == 1 ? "reject" : "rejects", NumberText.count(rejects))) }
        return "<dl class=\"tiles\">\(tiles.map { "<div><dt>\($0.0)</dt><dd>\($0.1)</dd></div>" as HTML })</dl>"
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
