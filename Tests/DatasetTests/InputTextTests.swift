import Dataset
import Foundation
import Storage
import SystemPackage
import TestSupport
import Testing

/// What lists and captions look like as text: quotes, line ends, encodings, mistakes.
@Suite struct InputTextTests {
    /// Writes the same rows as JSONL and as CSV in five dialects, with whatever makes CSV difficult.
    private static let writer = #"""
        import csv, json, random, sys
        random.seed(7)
        pieces = ["a", "b c", ",", '"', '""', "\n", "\r\n", "\r", " ", "ü", "e\u0301", "日本", "🎬", "'", ";", "\t", "\\", "="]
        rows = []
        for n in range(300):
            texts = ["".join(random.choices(pieces, k=random.randrange(9))) for _ in range(3)]
            rows.append([f"v/{n}.mp4", "c" + texts[0], texts[1], texts[2]])
        head = ["video", "caption", 'odd "name", with comma', "ünï"]
        folder = sys.argv[1]
        with open(f"{folder}/list.jsonl", "w", encoding="utf-8") as file:
            for row in rows:
                file.write(json.dumps(dict(zip(head, row)), ensure_ascii=row[0] < "v/2") + "\n")
        # Before 3.13 Python leaves a lone CR or LF without quotes where that does not end lines: no reader tells.
        dialects = [("\r\n", csv.QUOTE_MINIMAL, "utf-8"), ("\r\n", csv.QUOTE_MINIMAL, "utf-8-sig"), ("\r", csv.QUOTE_ALL, "utf-8"),
                    ("\n", csv.QUOTE_ALL, "utf-8-sig"), ("\n", csv.QUOTE_NONNUMERIC, "utf-8")]
        for n, (end, quoting, encoding) in enumerate(dialects):
            with open(f"{folder}/{n}.csv", "w", encoding=encoding, newline="") as file:
                csv.writer(file, lineterminator=end, quoting=quoting).writerows([head] + rows)
        """#

    @Test("CSV as Python writes it reads as the JSON that Python writes")
    func python() throws {
        try withInputs(["write.py": Self.writer, "v/none": ""]) { folder in
            let process = Process()
            process.executableURL = URL(filePath: "/usr/bin/env")
            process.arguments = ["python3", folder.appending("write.py").string, folder.string]
            try process.run()
            process.waitUntilExit()
            try #require(process.terminationStatus == 0)
            for number in 0..<300 { try put([], at: folder.pushing(FilePath("v/\(number).mp4"))) }
            let expected = try InputList(.of([folder.appending("list.jsonl")]))
            #expect(expected.videos.count == 300 && expected.rejects.isEmpty)
            #expect(expected.videos[0].metadata.count == 5)
            for dialect in 0..<5 {
                let list = try InputList(.of([folder.appending("\(dialect).csv")]))
                #expect(list.videos == expected.videos, "dialect \(dialect)")
                #expect(list.sourceHash == expected.sourceHash)
                let captions = try InputList(
                    .of([folder.appending("v")]) { $0.captions = folder.appending("\(dialect).csv") })
                #expect(captions.videos.count == 300 && captions.unused == 0)
                for video in captions.videos {
                    let number = try #require(Int(video.name.dropLast(4)))
                    #expect(video.caption == expected.videos[number].caption)
                    #expect(video.metadata == expected.videos[number].metadata)
                }
            }
        }
    }

    @Test(
        "mistakes are named with their line and what to do",
        arguments: [
            ("a.csv", "", ["is empty", "video,caption"]),
            ("a.csv", "\n\n", ["is empty"]),
            ("a.csv", "file,text\nx.mp4,c\n", ["no column \"video\"", "it has file, text"]),
            ("a.csv", "video,video\n", ["line 1", "two columns are named video"]),
            ("a.csv", "video,caption\nx.mp4,\"a\nb\"\n\ny.mp4,c,d\n", ["line 5", "3 fields", "2 columns", "quotes"]),
            ("a.csv", "video,caption\nx.mp4\n", ["line 2", "1 fields"]),
            ("a.csv", "video,caption\r\nx.mp4,\"a\"b\r\n", ["line 2", "closing quote"]),
            ("a.csv", "video,caption\nx.mp4,c\ny.mp4,\"open\n\n\n", ["line 3", "never closes"]),
            ("a.csv", "video,caption\n,c\n", ["line 2", "\"video\" is empty"]),
            ("a.jsonl", "{\"video\": \"x.mp4\"}\n\n{\"video\": 1.5}\n", ["line 3", "1.5 and names no video"]),
            ("a.jsonl", "{\"video\": \"x.mp4\", \"caption\": \"c\"}\n{\"video\": \n", ["line 2", "column 11", "JSON"]),
            ("a.jsonl", "{\"video\": \"x.mp4\"}\n3\n", ["line 2", "not a JSON object"]),
            ("a.jsonl", "[{\"video\": \"x.mp4\"}]\n", ["jq -c"]),
            ("a.jsonl", "{\"film\": \"x.mp4\"}\n", ["no column \"video\"", "it has film"]),
            ("a.jsonl", "{\"video\": \"x.mp4\", \"caption\": 3}\n", ["line 1", "\"caption\" is 3 and no text"]),
        ])
    func mistakes(name: String, text: String, expected: [String]) throws {
        try withInputs([name: text, "x.mp4": "", "y.mp4": ""]) { folder in
            let file = folder.appending(name)
            let error = try #require(throws: PFrameError.self) { try InputList(.of([file])) }
            #expect(error.path == file)
            for part in expected { #expect(error.message.contains(part), "\(error.message)") }
        }
    }

    @Test("bytes that are no UTF-8 are an error with their line")
    func encoding() throws {
        try withInputs(["x.mp4": "", "y.mp4": ""]) { folder in
            let latin = Array("video,caption\nx.mp4,good\n\"y.mp4\",\"caf".utf8) + [0xE9] + Array("\"\n".utf8)
            try put(latin, at: folder.appending("a.csv"))
            let error = try #require(throws: PFrameError.self) { try InputList(.of([folder.appending("a.csv")])) }
            #expect(error.message.contains("line 3") && error.message.contains("UTF-8"), "\(error.message)")
            #expect(error.code == .damaged)
        }
    }

    @Test("captions keep their spaces and line feeds; quotes inside a field stand for themselves")
    func plainFields() throws {
        let text = "video,caption\nx.mp4, two  spaces \ny y.mp4,a \"quoted\" word\n\"z,\"\".mp4\",\"two\nlines\"\n"
        try withInputs(["a.csv": text, "x.mp4": "", "y y.mp4": "", "z,\".mp4": ""]) { folder in
            let list = try InputList(.of([folder.appending("a.csv")]))
            #expect(list.videos.map(\.caption) == [" two  spaces ", "a \"quoted\" word", "two\nlines"])
            #expect(list.rejects.isEmpty)
        }
    }
}
