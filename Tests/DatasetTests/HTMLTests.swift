import Dataset
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

    @Test(
        "numbers are short and the same everywhere",
        arguments: [
            (0, "0"), (1, "1"), (0.5, "0.5"), (0.012345, "0.0123"), (27, "27"), (12_345.6, "12,346"), (0.999_9, "1"),
            (-3.14159, "−3.14"), (1e-6, "1e-6"), (2.5e20, "2.5e20"), (.nan, "–"), (.infinity, "–"), (99.95, "100"),
            (1_000_000, "1,000,000"), (-0.0001, "−0.0001"),
        ] as [(Double, String)])
    func numbers(value: Double, text: String) {
        #expect(NumberText.short(value) == text)
    }

    @Test("shares, counts, sizes and lengths read well")
    func units() {
        #expect(NumberText.percent(0, of: 7) == "0 %" && NumberText.percent(7, of: 7) == "100 %")
        #expect(NumberText.percent(1, of: 10_000_000) == "< 0.1 %" && NumberText.percent(1, of: 0) == "–")
        #expect(NumberText.percent(9_999_999, of: 10_000_000) == "> 99.9 %" && NumberText.percent(1, of: 3) == "33 %")
        #expect(NumberText.percent(997, of: 1000) == "99.7 %" && NumberText.percent(1, of: 30) == "3.3 %")
        #expect(
            NumberText.tick(9_999) == "9,999" && NumberText.tick(25_000) == "25k" && NumberText.tick(3_000_000) == "3M")
        #expect(
            NumberText.bytes(1) == "1 byte" && NumberText.bytes(999) == "999 bytes"
                && NumberText.bytes(1500) == "1.5 kB")
        #expect(NumberText.duration(41.25) == "41.3 s" && NumberText.duration(3600 * 12.4) == "12.4 h")
        #expect(["0", "0.1", "-0.1", "12", "-12.5"] == [0.04, 0.05, -0.12, 12, -12.5].map(NumberText.coordinate))
    }
}
