import Storage
import SystemPackage
import TestSupport
import Testing

/// Lines of any length, however they lie in the reader's buffer.
@Suite struct LineReaderTests {
    @Test(arguments: [
        "", "\n", "a", "a\n", "a\n\nb", "ä\nö\n", String(repeating: "x", count: 200_000) + "\ny",
        (0..<40_000).map { "\($0)" }.joined(separator: "\n"),
    ])
    func linesAreThoseBetweenLineFeeds(_ text: String) throws {
        try withTemporaryFolder { folder in
            let path = folder.appending("lines.txt")
            try put(Array(text.utf8), at: path)
            let reader = try LineReader(path: path)
            var lines: [Substring] = []
            while let line = try reader.next() { lines.append(line) }
            var expected = text.split(separator: "\n", omittingEmptySubsequences: false)
            // A line feed ends a line and begins none.
            if expected.last == "" { expected.removeLast() }
            #expect(lines == expected && reader.count == lines.count)
        }
    }

    @Test func aMissingFileIsNamed() {
        let error = #expect(throws: PFrameError.self) { _ = try LineReader(path: "/nowhere/lines.txt") }
        #expect(error?.code == .missing && error?.path == "/nowhere/lines.txt")
    }
}
