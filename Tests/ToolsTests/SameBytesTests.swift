import Foundation
import TestSupport
import Testing

/// `make same`: the comparison of two builds.
@Suite struct SameBytesTests {
    private struct Part: Decodable {
        let files: Int
        let different: [String: String]
    }

    /// The other build is this one, which then changes a byte of a shard and a value of an index.
    @Test func findsOneByteAndOneValue() throws {
        let scratch = try Scratch()
        let altered = """
            #!/bin/sh
            '\(Programs.pframe.path)' "$@"; code=$?
            python3 - "$@" <<'EOF'
            import sqlite3, sys
            if sys.argv[1:3] == ["build", "videos"] and sys.argv[4] == "sets/all":
                with open("sets/all/clips-000000.tar", "r+b") as file:
                    file.seek(700)
                    byte = file.read(1)[0]
                    file.seek(700)
                    file.write(bytes([byte ^ 1]))
            if sys.argv[1:3] == ["build", "videos"] and sys.argv[4] == "sets/tiny":
                with sqlite3.connect("sets/tiny/index.sqlite") as index:
                    index.execute("UPDATE clips SET motion_content = motion_content + 1 WHERE number = 2")
            EOF
            exit $code
            """
        try Data(altered.utf8).write(to: URL(filePath: scratch.path("pframe")))
        try FileManager.default.setAttributes([.posixPermissions: 0o755], ofItemAtPath: scratch.path("pframe"))
        let outcome = try Programs.run(
            "/usr/bin/env",
            [
                "python3", Programs.root.appending(path: "Scripts/same_bytes.py").path,
                Programs.pframe.deletingLastPathComponent().path, scratch.url.path, "--no-models", "--json",
            ])
        #expect(outcome.status == 1, "\(outcome.errors)")
        let parts: [String: Part] = try decode(outcome.output)
        let sets = try #require(parts["sets"])
        #expect(sets.different.keys.sorted() == ["sets/all/clips-000000.tar", "sets/tiny/index.sqlite"])
        #expect(sets.different["sets/all/clips-000000.tar"]?.contains("at 188") == true, "\(sets.different)")
        #expect(sets.different["sets/tiny/index.sqlite"]?.contains("row 2, motion_content") == true)
        for name in ["videos", "filtered", "extractions", "rebuilt"] {
            let part = try #require(parts[name])
            #expect(part.files > 20 && part.different.isEmpty, "\(part.different)")
        }
    }
}
