// HTML and SVG are written by hand, because they are text: pages need no template engine, only that every text is
// escaped, which the type below sees to.

/// Markup: literals stand as they are, and every text that is put into one is escaped.
///
/// So `"<p title=\"\(caption)\">"` is safe whatever the caption says; only `HTML` itself goes in unchanged.
package struct HTML: Sendable, Equatable, ExpressibleByStringInterpolation {
    /// The markup.
    package private(set) var text: String

    package init(stringLiteral value: String) { text = value }

    package init(stringInterpolation: StringInterpolation) { text = stringInterpolation.text }

    /// Pieces one after the other.
    package init(_ pieces: some Sequence<HTML>, separator: HTML = "") {
        text = pieces.map(\.text).joined(separator: separator.text)
    }

    package static func += (left: inout HTML, right: HTML) { left.text += right.text }

    package static func + (left: HTML, right: HTML) -> HTML { HTML([left, right]) }

    /// What a literal and its insertions come to.
    package struct StringInterpolation: StringInterpolationProtocol {
        fileprivate var text = ""

        package init(literalCapacity: Int, interpolationCount: Int) { text.reserveCapacity(literalCapacity * 2) }

        package mutating func appendLiteral(_ literal: String) { text += literal }

        package mutating func appendInterpolation(_ value: HTML) { text += value.text }

        package mutating func appendInterpolation(_ pieces: [HTML]) { for piece in pieces { text += piece.text } }

        package mutating func appendInterpolation(_ value: Int) { text += String(value) }

        package mutating func appendInterpolation(_ value: String) { text += HTML.escaped(value) }
    }

    /// Text as content or attribute value has it; control characters, which HTML forbids, become U+FFFD.
    package static func escaped(_ value: String) -> String {
        var text = ""
        for scalar in value.unicodeScalars {
            switch scalar {
            case "&": text += "&amp;"
            case "<": text += "&lt;"
            case ">": text += "&gt;"
            case "\"": text += "&quot;"
            case "'": text += "&#39;"
            case "\t", "\n": text.unicodeScalars.append(scalar)
            case "\u{0}"..<" ", "\u{7F}"..<"\u{A0}": text += "\u{FFFD}"
            default:
                let isNoCharacter = scalar.value & 0xFFFE == 0xFFFE || (0xFDD0...0xFDEF).contains(scalar.value)
                if isNoCharacter { text += "\u{FFFD}" } else { text.unicodeScalars.append(scalar) }
            }
        }
        return text
    }
}

/// A page that needs nothing beside it: head, title, tiles, table of contents and foot around a body.
package struct PageFrame: Sendable {
    /// What the page is about, above the title: `Data set`.
    private let kind: String
    private let title: String
    private let generator: String
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
        \(PageStyle.css)\(style)</style>
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

/// The style sheet of all pages: light, dark and print, from 320 pixels wide.
private enum PageStyle {
    /// The text of the `style` element.
    static let css: HTML = """
        :root { color-scheme: light dark; --paper: #fff; --card: #f5f7f9; --ink: #1a1f25; --soft: #59636e; --line: #d6dce2;
          --kept: #2f6db5; --dropped: #e08e45; --cut: #b3261e; --link: #1f5fa8; }
        @media (prefers-color-scheme: dark) { :root { --paper: #12161a; --card: #1b2127; --ink: #e5e9ed; --soft: #9aa6b2;
          --line: #343d46; --kept: #6da7e6; --dropped: #c9823f; --cut: #ff8379; --link: #86b9f0; } }
        * { box-sizing: border-box; }
        html { -webkit-text-size-adjust: 100%; text-size-adjust: 100%; scroll-behavior: smooth; }
        body { margin: 0; background: var(--paper); color: var(--ink); font: 15px/1.5 system-ui, -apple-system, "Segoe UI",
          Roboto, "Noto Sans", sans-serif; overflow-wrap: anywhere; }
        header, main, footer { max-width: 1240px; margin: 0 auto; padding: 0 20px; }
        h1 { font-size: 30px; line-height: 1.2; margin: 0 0 16px; letter-spacing: -.01em; }
        h2 { font-size: 21px; line-height: 1.3; margin: 0 0 8px; }
        h3 { font-size: 15px; margin: 0; }
        h4 { font-size: 13px; font-weight: 600; margin: 0 0 6px; color: var(--soft); }
        p { margin: 0 0 12px; max-width: 80ch; }
        ul { margin: 0; padding: 0; list-style: none; }
        code { font: .92em ui-monospace, "SF Mono", Menlo, Consolas, "DejaVu Sans Mono", monospace; }
        a { color: var(--link); }
        .soft, dt, figcaption p { color: var(--soft); }
        header { padding-top: 32px; }
        header > .soft { margin: 0; font-size: 13px; text-transform: uppercase; letter-spacing: .08em; }
        nav { display: flex; flex-wrap: wrap; gap: 4px 20px; padding: 12px 0; border-block: 1px solid var(--line); }
        nav a { text-decoration: none; }
        nav a:hover { text-decoration: underline; }
        .tiles { display: flex; flex-wrap: wrap; gap: 12px 36px; margin: 0 0 20px; }
        .tiles div { display: flex; flex-direction: column-reverse; }
        .tiles dd { margin: 0; font-size: 26px; font-weight: 600; line-height: 1.2; font-variant-numeric: tabular-nums; }
        .tiles dt { font-size: 13px; }
        main > section { padding: 32px 0 8px; scroll-margin-top: 8px; }
        section.problems { margin-top: 24px; padding: 14px 18px; border: 1px solid var(--cut); border-inline-start-width: 6px;
          border-radius: 6px; }
        .problems h2 { font-size: 16px; color: var(--cut); }
        .problems li { margin: 4px 0; }
        .cards { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(100%, 330px), 1fr)); gap: 16px; }
        #captions .cards { display: block; columns: 330px; column-gap: 16px; }
        #captions .card { break-inside: avoid; margin-bottom: 16px; }
        .card { margin: 0; padding: 14px 16px 12px; background: var(--card); border: 1px solid var(--line); border-radius: 8px;
          min-width: 0; display: flex; flex-direction: column; }
        .card figcaption p { margin: 0; font-size: 13px; line-height: 1.35; }
        .card .chart { padding-top: 8px; }
        .score .chart { margin-top: auto; }
        .chart { display: block; width: 100%; height: auto; overflow: visible; }
        .chart text { font-size: 11px; fill: var(--soft); font-variant-numeric: tabular-nums; }
        .chart .count { text-anchor: end; }
        .chart .at { text-anchor: middle; }
        .chart .start { text-anchor: start; }
        .chart .end { text-anchor: end; }
        .grid { stroke: var(--line); stroke-width: 1; }
        .axis, .tick { stroke: var(--soft); stroke-width: 1; }
        rect.kept { fill: var(--kept); }
        rect.dropped { fill: var(--dropped); }
        .spread { stroke: var(--ink); stroke-width: 1.5; fill: none; }
        .median { stroke: var(--ink); stroke-width: 3; fill: none; }
        path.cut { stroke: var(--cut); stroke-width: 1.5; stroke-dasharray: 5 3; fill: none; }
        .chart text.cut { fill: var(--cut); font-weight: 600; font-size: 12px; }
        .marks { display: flex; flex-wrap: wrap; gap: 2px 16px; margin-top: 8px; font-size: 13px; color: var(--soft); }
        .marks b { color: var(--ink); font-variant-numeric: tabular-nums; }
        .marks .cut { color: var(--cut); }
        .legend { display: flex; flex-wrap: wrap; gap: 4px 20px; max-width: none; color: var(--soft); font-size: 13px; }
        .legend span { display: inline-flex; align-items: center; gap: 7px; }
        .legend i { width: 13px; height: 13px; border-radius: 2px; }
        .legend svg { height: 14px; }
        i.kept { background: var(--kept); }
        i.dropped { background: var(--dropped); }
        table { border-collapse: collapse; font-size: 14px; }
        th { text-align: start; font-weight: 400; }
        td { text-align: end; font-variant-numeric: tabular-nums; white-space: nowrap; }
        th, td { padding: 4px 12px 4px 0; border-bottom: 1px solid var(--line); vertical-align: baseline; }
        td:last-child, th:last-child { padding-right: 0; }
        .list td { text-align: start; white-space: normal; }
        .numbers { width: 100%; max-width: 420px; }
        .rules { width: 100%; }
        thead th { color: var(--soft); font-size: 13px; white-space: nowrap; }
        thead th + th { text-align: end; }
        .rules .share { width: 34%; }
        .bar { display: flex; height: 12px; border-radius: 2px; overflow: hidden; background: var(--line); }
        .rules .bar { display: inline-flex; width: calc(100% - 62px); margin-inline-end: 10px; vertical-align: -1px; }
        .bars { width: 100%; table-layout: fixed; margin-top: 8px; }
        .bars th { width: 42%; overflow: hidden; text-overflow: ellipsis; white-space: nowrap; }
        .bars td:last-child { width: 64px; }
        .bars th, .bars td { border: 0; padding-block: 2px; vertical-align: middle; }
        .bars .bar { background: none; }
        .columns { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 380px), 1fr)); gap: 20px 48px; }
        .columns h3 { margin: 12px 0 2px; }
        summary { cursor: pointer; padding: 4px 0; }
        details ul { padding: 4px 0 10px 18px; }
        details li { margin: 4px 0; }
        .sheet { display: grid; grid-template-columns: repeat(auto-fill, minmax(150px, 1fr)); gap: 20px 14px; }
        .clip { min-width: 0; font-size: 13px; line-height: 1.35; }
        .clip p { margin: 0; }
        .picture { position: relative; margin-bottom: 6px; background: var(--card); border-radius: 4px; overflow: hidden; }
        .picture img { display: block; width: 100%; height: auto; }
        .picture img.small { image-rendering: pixelated; }
        .arrows { position: absolute; inset: 0; width: 100%; height: 100%; fill: #ffe94a; stroke: #000; stroke-opacity: .8;
          stroke-linejoin: round; paint-order: stroke; }
        .absent { display: grid; place-items: center; aspect-ratio: 1; color: var(--soft); border: 1px dashed var(--line);
          border-radius: 4px; max-width: none; }
        .card .absent { aspect-ratio: 360 / 184; margin: 8px 0 0; }
        .clip .facts { display: flex; flex-wrap: wrap; gap: 0 6px; align-items: baseline; color: var(--soft); }
        .clip .facts code { font-size: 10.5px; }
        .value { color: var(--ink); font-weight: 600; font-variant-numeric: tabular-nums; }
        .caption { display: -webkit-box; -webkit-box-orient: vertical; -webkit-line-clamp: 3; overflow: hidden;
          unicode-bidi: isolate; }
        .caption.none { color: var(--soft); }
        article { margin: 0 0 24px; }
        article h3 { margin-bottom: 8px; }
        article h3 .soft { font-weight: 400; font-size: 13px; }
        .ends { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 440px), 1fr)); gap: 16px 28px; }
        .row { display: grid; grid-template-columns: repeat(6, minmax(0, 1fr)); gap: 12px 8px; }
        .row .caption { -webkit-line-clamp: 2; font-size: 12px; }
        .row .facts code { display: none; }
        .pairs { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(100%, 300px), 1fr)); gap: 20px 28px; }
        .pair { display: grid; grid-template-columns: repeat(2, minmax(0, 1fr)); gap: 10px; }
        footer { margin-top: 24px; padding-block: 16px 40px; color: var(--soft); font-size: 13px; }
        @media (max-width: 560px) {
          header, main, footer { padding-inline: 16px; }
          header { padding-top: 20px; }
          h1 { font-size: 25px; }
          .tiles { display: grid; grid-template-columns: repeat(3, auto); justify-content: space-between; gap: 12px 16px; }
          .tiles dd { font-size: 21px; }
          .sheet { grid-template-columns: repeat(2, minmax(0, 1fr)); }
          .row { grid-template-columns: repeat(3, minmax(0, 1fr)); }
          .chart text, .chart text.cut { font-size: 13px; }
          .rules .bar { display: none; }
          .rules .share { width: auto; }
        }
        @media print {
          :root { color-scheme: light; --paper: #fff; --card: #fff; --ink: #000; --soft: #444; --line: #bbb; --kept: #2f6db5;
            --dropped: #e08e45; --cut: #b3261e; }
          body { font-size: 10pt; print-color-adjust: exact; -webkit-print-color-adjust: exact; }
          nav { display: none; }
          .card, .clip, .pairs > li, tr, details { break-inside: avoid; }
          h2, h3, h4 { break-after: avoid; }
          .cards { grid-template-columns: repeat(2, 1fr); }
          .sheet { grid-template-columns: repeat(6, minmax(0, 1fr)); }
          details::details-content { content-visibility: visible; block-size: auto; }
        }

        """
}
