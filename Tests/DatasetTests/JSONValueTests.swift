import Dataset
import Foundation
import Storage
import SystemPackage
import Testing

/// JSON against Foundation's reader, and what Foundation does not keep.
@Suite struct JSONValueTests {
    private func parse(_ text: String) throws -> JSONValue { try JSONValue(text.utf8, path: nil) }

    @Test func keepsWhetherANumberHasADecimalPoint() throws {
        #expect(
            try parse("[3, 3.0, -0.5, 1e3, 0]")
                == .list([.integer(3), .number(3), .number(-0.5), .number(1000), .integer(0)]))
        #expect(
            JSONValue.list([.integer(3), .number(3), .number(1e-7), .number(1e300), .number(.nan)]).json()
                == "[3,3.0,1.0e-07,1.0e+300,null]")
    }

    @Test(arguments: [
        "plain", "q\"uo\\te", "line\nfeed\ttab\r", "\u{0}\u{1}\u{1F}\u{7F}", "日本語 🎬 ñ", "e\u{301}", "\u{2028}</script>",
    ])
    func writesStringsThatFoundationReads(_ text: String) throws {
        let json = JSONValue.object(["key": .text(text)]).json()
        let read = try #require(try JSONSerialization.jsonObject(with: Data(json.utf8)) as? [String: String])
        #expect(read["key"].map { Array($0.unicodeScalars) } == Array(text.unicodeScalars))
        #expect(try parse(json)["key"]?.string.map { Array($0.unicodeScalars) } == Array(text.unicodeScalars))
        let escaped = try JSONSerialization.data(withJSONObject: ["key": text], options: [])
        #expect(try JSONValue(escaped, path: nil)["key"]?.string.map { Array($0.utf8) } == Array(text.utf8))
    }

    @Test(arguments: [
        "", " ", "{", "[1,", "[1 2]", "{\"a\" 1}", "{\"a\":1,}", "{a:1}", "\"open", "\"\u{1}\"", "nul", "01x", "1.",
        "+1", ".5",
        "\"\\x\"", "\"\\u12\"", "[1] 2", "--1", "\u{FEFF}1",
    ])
    func refusesWhatIsNoJSON(_ text: String) {
        #expect(throws: PFrameError.self) { try parse(text) }
    }

    @Test func readsEscapesAndSurrogates() throws {
        #expect(try parse(#""\u00e9\ud83c\udfac\/\b\f""#) == .text("é🎬/\u{8}\u{C}"))
        #expect(try parse(#""\ud83c""#) == .text("\u{FFFD}"))
    }

    @Test func refusesDepthThatWouldOverflowTheStack() {
        #expect(throws: PFrameError.self) { try parse(String(repeating: "[", count: 100_000)) }
    }

    @Test func namesThePlace() throws {
        let error = try #require(throws: PFrameError.self) {
            try JSONValue("[1, x]".utf8, path: "rows.jsonl", offset: 100)
        }
        #expect(error.offset == 104 && error.description.contains("rows.jsonl"))
    }
}
