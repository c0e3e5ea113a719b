import Figures
import Testing

@Suite struct HTMLTests {
    /// Undoes what escaping does, by hand.
    private func unescaped(_ text: String) -> String {
        var text = text
        for (entity, character) in [("&lt;", "<"), ("&gt;", ">"), ("&quot;", "\""), ("&#39;", "'"), ("&amp;", "&")] {
            text = text.split(separator: entity, omittingEmptySubsequences: false).joined(separator: character)
        }
        return text
    }

    @Test(
        "escapes all that could end a text or an attribute, and nothing else",
        arguments: [
            "", "plain", "<script>alert(1)</script>", "\"><img src=x onerror='x'>", "a & b &amp; c &lt;", "''\"\"",
            "שלום\u{202E}עולם", "👩‍👩‍👧‍👦 é e\u{301}", "]]> -->", "tab\tand\nline", "&#x3c;",
        ])
    func escaping(text: String) {
        let escaped = HTML.escaped(text)
        #expect(!escaped.contains { "<>\"'".contains($0) })
        #expect(Array(unescaped(escaped).unicodeScalars) == Array(text.unicodeScalars))
    }

    @Test("replaces characters that HTML forbids")
    func forbidden() {
        for value in Array(0..<0x20) + Array(0x7F..<0xA0) + [0xFFFE, 0xFFFF, 0x1_FFFF, 0xFDD0]
        where ![9, 10].contains(value) {
            let scalar = Unicode.Scalar(UInt32(value)).map(String.init) ?? ""
            #expect(HTML.escaped("a\(scalar)b") == "a\u{FFFD}b", "U+\(String(value, radix: 16))")
        }
    }

    @Test("keeps literals and other markup, escapes what is put in")
    func interpolation() {
        let caption = "<b>\"x\"</b>"
        let inner: HTML = "<i title=\"\(caption)\">\(3)</i>"
        let list: [HTML] = ["<br>", "\(caption)"]
        let outer: HTML = "<p>\(inner)\(list)\(caption)</p>"
        let escaped = "&lt;b&gt;&quot;x&quot;&lt;/b&gt;"
        #expect(outer.text == "<p><i title=\"\(escaped)\">3</i><br>\(escaped)\(escaped)</p>")
    }
}
