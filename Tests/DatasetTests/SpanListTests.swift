import Codec
import Dataset
import Foundation
import Shards
import Storage
import SystemPackage
import TestSupport
import Testing

/// Lists of clips by time, and of several captions per clip.
@Suite struct SpanListTests {
    /// A span as `start-end`, an open end as `start-`.
    private static func span(_ video: InputVideo) -> String {
        video.span.map { "\($0.start)-\($0.end.map { "\($0)" } ?? "")" } ?? "whole"
    }

    @Test("lists that Python writes say what Python knows")
    func publicLayouts() throws {
        try withInputs([:]) { folder in
            let process = Process()
            process.executableURL = URL(filePath: "/usr/bin/env")
            process.arguments = ["python3", repository.pushing("Tests/Peers/clip_lists.py").string, folder.string]
            try process.run()
            process.waitUntilExit()
            try #require(process.terminationStatus == 0)
            for number in 0..<60 { try put([1], at: folder.appending("v\(number).mp4")) }
            let lines = JSONLines(try contents(of: folder.appending("expected.jsonl")))
            let expected = try lines.map { try #require(try JSONValue($0.text, path: nil).array) }
            #expect(expected.count > 80)
            for (name, layout) in [
                ("plain.csv", nil), ("plain.tsv", nil), ("clips.jsonl", nil), ("panda.csv", .panda70m),
            ] as [(String, InputLayout?)] {
                let list = try InputList(.of([folder.appending(name)]) { $0.layout = layout })
                #expect(list.rejects.isEmpty && list.videos.count == expected.count, "\(name)")
                for (video, known) in zip(list.videos, expected) {
                    #expect(video.name == known[0].string && video.caption == known[3].string, "\(name)")
                    let (start, end) = try (#require(known[1].double), #require(known[2].double))
                    let span = try #require(video.span)
                    #expect(abs(span.start - start) < 1e-9 && abs((span.end ?? 0) - end) < 1e-9, "\(name)")
                    #expect(video.metadata["span_start"] == .number(span.start))
                    #expect(video.metadata["span_end"] == span.end.map { .number($0) })
                    if layout == .panda70m { #expect(video.metadata["matching_score"] == known[4]) }
                }
                // The same list as captions of a folder.
                let captions = try InputList(
                    .of([folder]) {
                        $0.captions = folder.appending(name)
                        $0.layout = layout
                    })
                let order = list.videos.sorted {
                    ($0.name, $0.span?.start ?? 0) < ($1.name, $1.span?.start ?? 0)
                }
                #expect(captions.videos.map(\.caption) == order.map(\.caption), "\(name)")
                #expect(captions.videos.map(\.span) == order.map(\.span) && captions.rejects.isEmpty, "\(name)")
            }
        }
    }

    @Test("spans of a video stand in one list")
    func twoLists() throws {
        let files: KeyValuePairs = [
            "1.mp4": "", "a.csv": "video,caption,start,end\n1.mp4,one,0,1\n",
            "b.csv": "video,caption,start,end\n1.mp4,two,1,2\n1.mp4,three,2,3\n",
        ]
        try withInputs(files) { folder in
            let error = try #require(throws: PFrameError.self) {
                try InputList(.of([folder.appending("a.csv"), folder.appending("b.csv")]))
            }
            #expect(error.code == .conflict && error.message.contains("a.csv"), "\(error)")
        }
    }

    @Test("a row without times is the whole video, one bound leaves the other open, rows of a video stand together")
    func bounds() throws {
        let rows = """
            video,start,end,caption,span_start
            a.mp4,0,1:00,one,mine
            b.mp4,,,whole,
            a.mp4,90.5,,on,
            a.mp4,,0:00:02.250,up to,
            a.mp4,90.5,,again,
            gone.mp4,1,2,c,
            gone.mp4,2,3,d,

            """
        try withInputs(["a.mp4": "", "b.mp4": "", "list.csv": rows]) { folder in
            let list = try InputList(.of([folder.appending("list.csv")]))
            #expect(list.videos.map(Self.span) == ["0.0-60.0", "90.5-", "0.0-2.25", "whole"])
            #expect(list.videos.map(\.name) == ["a.mp4", "a.mp4", "a.mp4", "b.mp4"])
            #expect(list.videos.map(\.caption) == ["one", "on", "up to", "whole"])
            #expect(list.videos[1].metadata["span_end"] == .null && list.videos[3].metadata["span_start"] == .null)
            #expect(list.videos[0].metadata["span_start_"] == "mine", "the user's column keeps its values")
            #expect(list.rejects.map(\.video) == ["gone.mp4", "a.mp4"])
            #expect(list.rejects.map(\.kind) == [.missing, .repeated])
            #expect(list.rejects[1].reason.contains("lines 4 and 6"))
        }
    }

    static let badRows: [(name: String, row: String, words: [String])] = [
        ("a.csv", "a.mp4,5,2,c", ["the end, 2 s, is not after the start, 5 s"]),
        ("a.csv", "a.mp4,2,2,c", ["is not after"]),
        ("a.csv", "a.mp4,-1,2,c", ["\"start\" is \"-1\"", "0:01:23.5"]),
        ("a.csv", "a.mp4,1:75,2:00,c", ["\"start\" is \"1:75\""]),
        ("a.csv", "a.mp4,0:61:00,,c", ["\"start\""]),
        ("a.csv", "a.mp4,1,\"00:00:02,500\",c", ["\"end\" is \"00:00:02,500\""]),
        ("a.csv", "a.mp4,soon,,c", ["\"soon\", which is no time"]),
        ("a.csv", "a.mp4,1,2", ["3 fields"]),
        ("a.csv", ",1,2,c", ["\"video\" is empty"]),
        ("a.csv", "a.mp4,1,2,\"c", ["never closes"]),
        ("a.tsv", "a.mp4\t1\t2,5\tc", ["\"end\" is \"2,5\""]),
        ("a.jsonl", #"{"video": "a.mp4", "start": true, "caption": "c"}"#, ["\"start\" is true"]),
        ("a.jsonl", #"{"video": "a.mp4", "start": -0.5, "caption": "c"}"#, ["start", "-0.5"]),
        ("a.jsonl", #"{"video": "a.mp4", "caption": ["c", 3]}"#, ["\"caption\"", "no list of texts"]),
        ("a.jsonl", #"{"video": "a.mp4", "#, ["JSON"]),
        ("b.jsonl", #"{"video": "a.mp4", "clips": [[1, 2], [3, 4]], "caption": ["c"]}"#, ["1 caption for 2 clips"]),
        ("b.jsonl", #"{"video": "a.mp4", "clips": [[1, 2, 3]], "caption": "c"}"#, ["[1,2,3] is no pair"]),
        ("b.jsonl", #"{"video": "a.mp4", "clips": "all", "caption": "c"}"#, ["\"clips\" is no list of pairs"]),
        ("b.jsonl", #"{"video": "a.mp4", "clips": [[0, 1], [4, 3]], "caption": "c"}"#, ["pair 2", "is not after"]),
    ]

    /// A good row, in the form of a list.
    private static func good(_ name: String, _ number: Int) -> String {
        switch name {
        case "a.csv": "a.mp4,\(number),\(number + 1),good"
        case "a.tsv": "a.mp4\t\(number)\t\(number + 1)\tgood"
        case "a.jsonl": #"{"video": "a.mp4", "start": \#(number), "end": \#(number + 1), "caption": "good"}"#
        default: #"{"video": "a.mp4", "clips": [[\#(number), \#(number + 1)]], "caption": "good"}"#
        }
    }

    @Test("a bad row stops with file, line and column, or becomes a reject", arguments: badRows.indices)
    func badRow(_ index: Int) throws {
        let (name, row, words) = Self.badRows[index]
        let head = name.hasSuffix("jsonl") ? [] : ["video,start,end,caption"]
        let separated = name == "a.tsv" ? head.map { $0.replacing(",", with: "\t") } : head
        let lines = separated + [Self.good(name, 0), row, Self.good(name, 1)]
        let files: KeyValuePairs = ["a.mp4": "", name: lines.map { $0 + "\n" }.joined()]
        try withInputs(files) { folder in
            let path = folder.appending(name)
            let place = "line \(separated.count + 2)"
            for isCaptions in [false, true] {
                var options = InputOptions.of([isCaptions ? folder : path])
                if isCaptions { options.captions = path }
                let error = try #require(throws: PFrameError.self) { try InputList(options) }
                #expect(error.path == path && error.message.contains(place), "\(error)")
                for word in words + ["such rows can be skipped"] { #expect(error.message.contains(word), "\(error)") }
                options.skipsBadRows = true
                let list = try InputList(options)
                #expect(list.videos.map(Self.span) == ["0.0-1.0", "1.0-2.0"], "\(list.videos)")
                let reject = try #require(list.rejects.first)
                #expect(list.rejects.count == 1 && reject.kind == .badRow, "\(list.rejects)")
                for word in words + [place, name] { #expect(reject.reason.contains(word), "\(reject)") }
                #expect(!reject.reason.contains(folder.string), "the hash of a list knows no folder")
            }
        }
    }

    @Test("several captions are all kept, and every video of their list says so")
    func severalCaptions() throws {
        let rows = """
            {"video": "a.mp4", "caption": ["one", " ", "two"]}
            {"video": "b.mp4", "caption": "alone"}
            {"video": "c.mp4", "caption": []}
            {"video": "d.mp4", "clips": [[0, 1], [1, 2]], "caption": [["x", "y"], "z"]}
            """
        let files: KeyValuePairs = ["a.mp4": "", "b.mp4": "", "c.mp4": "", "d.mp4": "", "list.jsonl": rows]
        try withInputs(files) { folder in
            let list = try InputList(.of([folder.appending("list.jsonl")]))
            #expect(list.videos.map(\.caption) == ["one", "alone", "x", "z"])
            #expect(list.videos.map(\.captions) == [["one", "two"], ["alone"], ["x", "y"], ["z"]])
            #expect(list.rejects.map(\.video) == ["c.mp4"] && list.rejects[0].kind == .noCaption)
            try put(Array(rows.replacing("two", with: "2").utf8), at: folder.appending("list.jsonl"))
            #expect(try InputList(.of([folder.appending("list.jsonl")])).sourceHash != list.sourceHash)
            try put(Array(#"{"video": "a.mp4", "caption": ["one"]}"#.utf8), at: folder.appending("list.jsonl"))
            #expect(try InputList(.of([folder.appending("list.jsonl")])).videos.map(\.captions) == [nil])
        }
    }

    @Test("times in two places are refused")
    func conflicts() throws {
        let files: KeyValuePairs = [
            "a.mp4": "", "list.csv": "video,start,caption\na.mp4,1,c\n", "times.csv": "video,end,caption\na.mp4,1,c\n",
            "both.csv": "video,start,clips,caption\na.mp4,1,,c\n",
        ]
        try withInputs(files) { folder in
            let both = try #require(throws: PFrameError.self) { try InputList(.of([folder.appending("both.csv")])) }
            #expect(both.message.contains("\"clips\"") && both.message.contains("\"start\""))
            let two = try #require(throws: PFrameError.self) {
                try InputList(.of([folder.appending("list.csv")]) { $0.captions = folder.appending("times.csv") })
            }
            #expect(two.message.contains("list.csv") && two.code == .conflict)
            #expect(throws: PFrameError.self) { try InputList(.of([folder]) { $0.layout = .panda70m }) }
        }
    }
}
