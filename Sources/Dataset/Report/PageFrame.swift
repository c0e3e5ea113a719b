import Storage

/// A page that needs nothing beside it: head, title, tiles, table of contents and foot around a body.
package struct PageFrame: Sendable {
    /// What the page is about, above the title: `Data set`.
    let kind: String
    let title: String
    let generator: String
    /// A sentence below the title.
    package var lead: HTML = ""
    /// Figures in large type.
    package var tiles: [(words: String, value: String)] = []
    /// Headings by the `id` of their section.
    package var contents: [(id: String, heading: String)] = []
    /// Rules beside those that all pages share.
    package var style: HTML = ""
    /// The sections.
    package var body: HTML = ""
    /// The sentence at the foot.
    package var foot: HTML = ""

    /// A page without content.
    package init(kind: String, title: String, generator: String) {
        (self.kind, self.title, self.generator) = (kind, title, generator)
    }

    /// Nothing is loaded and nothing runs, whatever a caption says.
    private static let policy = "default-src 'none'; img-src data:; style-src 'unsafe-inline'"

    /// The whole file.
    package var html: HTML {
        """
        <!DOCTYPE html>
        <html lang="en">
        <head>
        <meta charset="utf-8">
        <meta http-equiv="Content-Security-Policy" content="\(Self.policy)">
        <meta name="viewport" content="width=device-width, initial-scale=1">
        <meta name="color-scheme" content="light dark">
        <meta name="generator" content="\(generator)">
        <link rel="icon" href="data:,">
        <title>\(title)</title>
        <style>
        \(ReportStyle.css)\(style)</style>
        </head>
        <body>
        <header>
        <p class="soft">\(kind)</p>
        <h1 dir="auto">\(title)</h1>
        \(lead)<dl class="tiles">\(tiles.map { "<div><dt>\($0.words)</dt><dd>\($0.value)</dd></div>" as HTML })</dl>
        <nav aria-label="Contents">\(contents.map { "<a href=\"#\($0.id)\">\($0.heading)</a>" as HTML })</nav>
        </header>
        <main>
        \(body)</main>
        <footer><p>\(foot)</p></footer>
        </body>
        </html>

        """
    }
}
