import Foundation
import TestSupport
import Testing

/// `pframe build` with what H.264 streams spend: `--represent bits` and `--bits`.
@Suite struct CodingBuildTests {
    /// Noise of 96×80 pixels with B-frames and a QP that changes from macroblock to macroblock, two slices a picture.
    private static func encode(_ path: String) throws {
        let made = try Programs.ffmpeg(
            ["-v", "error", "-f", "lavfi", "-i", "testsrc2=size=96x80:rate=10", "-vf", "noise=alls=12:allf=t"]
                + ["-frames:v", "32", "-pix_fmt", "yuv420p", "-c:v", "libx264", "-preset", "medium", "-crf", "24"]
                + ["-x264-params", "threads=1:bframes=2:slices=2:keyint=12:scenecut=0", path])
        try #require(made.status == 0, "\(made.errors)")
    }

    private static func build(_ scratch: Scratch, _ options: [String], output: String = "set") throws -> Outcome {
        try BuildTests.build(
            [scratch.path("videos"), "--no-captions", "--no-cuts", "--stride", "1", "--frames", "16"] + options,
            output: scratch.path(output))
    }

    private static func videos() throws -> Scratch {
        let scratch = try Scratch()
        try FileManager.default.createDirectory(atPath: scratch.path("videos"), withIntermediateDirectories: false)
        return scratch
    }

    /// A member of a record, which lies where its row says.
    private static func member(_ name: String, of row: JSON, _ scratch: Scratch, set: String = "set") throws -> Data {
        let place = row["members"][name].ints
        try #require(place.count == 2)
        return try scratch.data("\(set)/clips-000000.tar")[place[0]..<(place[0] + place[1])]
    }

    private static func values<Element>(_ npy: Data, _ type: String, _: Element.Type) throws -> [Element] {
        try #require(String(decoding: npy.prefix(128), as: UTF8.self).contains("'descr': '\(type)'"))
        return Data(npy.dropFirst(128)).withUnsafeBytes { Array($0.bindMemory(to: Element.self)) }
    }

    @Test func bitsAreThoseOfTheStream() throws {
        let scratch = try Self.videos()
        try Self.encode(scratch.path("videos/a.mp4"))
        let built = try Self.build(scratch, ["--size", "96x80", "--represent", "frames,bits", "--bits"])
        #expect(built.status == 0, "\(built.errors)")
        let extracted = try Programs.pframe(
            "extract", scratch.path("videos/a.mp4"), "--motion-source", "bitstream", "--output", scratch.path("said"))
        #expect(extracted.status == 0, "\(extracted.errors)")
        let bits = try Self.values(scratch.data("said/a/bits.npy"), "<u4", UInt32.self)
        let qp = try Self.values(scratch.data("said/a/qp.npy"), "|i1", Int8.self)
        let (shape, table) = try int32Array(scratch.data("said/a/macroblocks.npy"))
        let rows = try BuildTests.rows(scratch.path("set"))
        #expect(rows.count == 2 && bits.count == 32 * 30 && shape == [960, 19])
        for (clip, row) in rows.enumerated() {
            let npy = try Self.member("bits.npy", of: row, scratch)
            #expect(String(decoding: npy.prefix(128), as: UTF8.self).contains("'shape': (16, 5, 6)"))
            let range = (clip * 480)..<(clip * 480 + 480)
            #expect(try Self.values(npy, "<u2", UInt16.self).map(UInt32.init) == Array(bits[range]))
            let sums = [11, 12].map { column in range.reduce(0) { $0 + Int(table[$1 * 19 + column]) } }
            let mean = range.reduce(0.0) { $0 + Double(qp[$1]) } / 480
            let spread = (range.reduce(0.0) { $0 + pow(Double(qp[$1]) - mean, 2) } / 480).squareRoot()
            let pixels = 16.0 * 96 * 80
            for (name, expected) in [
                ("bits_motion", Double(sums[0]) / pixels), ("bits_residual", Double(sums[1]) / pixels),
                ("qp_mean", mean), ("qp_spread", spread),
            ] {
                let value = try #require(row["scores"][name].number)
                #expect(abs(value - expected) < 1e-9 && value > 0, "\(name): \(value), not \(expected)")
            }
        }

        // A packet is two slices, each with 32 bits of length, 1 to 8 trailing bits, 15 more that x264 leaves, and a byte of
        // emulation prevention at most.
        let packets = try Programs.ffprobe(scratch.path("videos/a.mp4"), "packet=size").split(separator: "\n")
            .compactMap { Int($0.prefix { $0.isNumber }) }
        var spent = [Int](repeating: 0, count: 32)
        var decoded = [Int](repeating: 0, count: 32)
        for line in try scratch.text("said/a/slices.csv").split(separator: "\n").dropFirst() {
            let fields = line.split(separator: ",", omittingEmptySubsequences: false)
            spent[try #require(Int(fields[0]))] += try #require(Int(fields[7]))
        }
        for place in bits.indices { spent[place / 30] += Int(bits[place]) }
        for line in try scratch.text("said/a/frames.csv").split(separator: "\n").dropFirst() {
            let fields = line.split(separator: ",")
            decoded[try #require(Int(fields[1]))] = try #require(Int(fields[0]))
        }
        for frame in 1..<32 {
            let slack = packets[decoded[frame]] * 8 - spent[frame]
            #expect((66...126).contains(slack), "frame \(frame): \(slack) bits more")
        }
    }

    @Test func theOthersKnowThem() throws {
        let scratch = try Self.videos()
        try Self.encode(scratch.path("videos/a.mp4"))
        let built = try Self.build(scratch, ["--size", "96x80", "--represent", "bits"])
        #expect(built.status == 0, "\(built.errors)")
        #expect(try Programs.pframe("check", scratch.path("set")).status == 0)
        let rows = try BuildTests.rows(scratch.path("set"))
        let scores = try rows.map { try #require($0["scores"]["bits_residual"].number) }
        let cut = (scores[0] + scores[1]) / 2
        let filtered = try Programs.pframe(
            "filter", scratch.path("set"), "--where", "bits_residual > \(cut) AND qp_mean BETWEEN 1 AND 51",
            "--output", scratch.path("kept"))
        #expect(filtered.status == 0, "\(filtered.errors)")
        let kept = try BuildTests.rows(scratch.path("kept"))
        let expected = try #require(rows[scores[0] > scores[1] ? 0 : 1]["key"].string)
        #expect(kept.count == 1 && kept[0]["key"].string == expected)
        #expect(try Programs.pframe("report", scratch.path("set")).status == 0)
        let page = try scratch.text("set/report.html")
        #expect(page.contains("coefficients, per pixel") && page.contains("bits per macroblock"))
    }

    @Test(.requires(.pythonPackage)) func pythonReadsThem() throws {
        let scratch = try Self.videos()
        try Self.encode(scratch.path("videos/a.mp4"))
        #expect(try Self.build(scratch, ["--size", "96x80", "--represent", "bits"]).status == 0)
        let script = """
            import sys, pframe
            for record in pframe.Records(sys.argv[1]):
                bits = record["bits.npy"]
                print(bits.dtype, bits.shape, int(bits.sum()))
            """
        let python = try #require(Python.pframe)
        let read = try Programs.run(python, ["-c", script, scratch.path("set")])
        let sums = try BuildTests.rows(scratch.path("set")).map { row in
            try Self.values(Self.member("bits.npy", of: row, scratch), "<u2", UInt16.self).reduce(0) { $0 + Int($1) }
        }
        #expect(read.output == sums.map { "uint16 (16, 5, 6) \($0)\n" }.joined(), "\(read.errors)")
    }

    @Test(arguments: [
        (["--size", "48x40"], "build clips of the video's own size"),
        (["--size", "64", "--fit", "pad"], "build clips of the video's own size"),
        (["--size", "96x80", "--stride", "2"], "build clips with a stride of 1"),
    ])
    func otherPicturesHaveNone(_ options: [String], _ words: String) throws {
        let scratch = try Self.videos()
        try Self.encode(scratch.path("videos/a.mp4"))
        let built = try BuildTests.build(
            [scratch.path("videos"), "--no-captions", "--no-cuts", "--frames", "8", "--represent", "bits"]
                + (options.contains("--stride") ? [] : ["--stride", "1"]) + options, output: scratch.path("set"))
        #expect(built.status == 1 && built.errors.contains(words), "\(built.errors)")
        #expect(try scratch.text("set/rejects.jsonl").contains(words))
    }

    @Test(arguments: [("interlaced.ts", "its H.264 has MBAFF pictures"), ("mpeg2.mpg", "its codec is mpeg2video")])
    func otherStreamsHaveNone(_ name: String, _ words: String) throws {
        let scratch = try Self.videos()
        try FileManager.default.copyItem(atPath: Programs.fixture(name), toPath: scratch.path("videos/\(name)"))
        let built = try Self.build(scratch, ["--size", "128x96", "--frames", "8", "--represent", "bits"])
        #expect(built.status == 1 && built.errors.contains(words), "\(built.errors)")
        // Scores are null where nothing is known; the QP of interlaced H.264 is what FFmpeg prints.
        let scored = try Self.build(
            scratch, ["--size", "64", "--frames", "24", "--represent", "frames", "--bits"], output: "scored")
        #expect(scored.status == 0, "\(scored.errors)")
        let row = try #require(try BuildTests.rows(scratch.path("scored")).first)
        #expect(row["scores"]["bits_motion"] == .null && row["scores"]["bits_residual"] == .null)
        guard name == "interlaced.ts" else {
            #expect(row["scores"]["qp_mean"] == .null && row["scores"]["qp_spread"] == .null)
            return
        }
        let printed = try Self.printedQP(Programs.fixture(name))
        let mean = Double(printed.reduce(0, +)) / Double(printed.count)
        let spread = (printed.reduce(0) { $0 + pow(Double($1) - mean, 2) } / Double(printed.count)).squareRoot()
        #expect(printed.count == 24 * 48)
        #expect(abs(try #require(row["scores"]["qp_mean"].number) - mean) < 1e-9)
        #expect(abs(try #require(row["scores"]["qp_spread"].number) - spread) < 1e-9)
    }

    @Test func setsWithoutThemSayNothing() throws {
        let scratch = try Self.videos()
        try Self.encode(scratch.path("videos/a.mp4"))
        #expect(try Self.build(scratch, ["--size", "64", "--represent", "frames"]).status == 0)
        let row = try #require(try BuildTests.rows(scratch.path("set")).first)
        guard case .object(let scores) = row["scores"] else { throw CocoaError(.coderInvalidValue) }
        #expect(!scores.keys.contains { $0.hasPrefix("bits") || $0.hasPrefix("qp") })
        #expect(try !scratch.text("set/dataset.json").contains("bits"))
    }

    /// A span begins at another picture: its clips spend what the whole video's spend there.
    @Test func spansSpendWhatTheyHold() throws {
        let scratch = try Self.videos()
        try Self.encode(scratch.path("videos/a.mp4"))
        let list = "video,start,end\n\(scratch.path("videos/a.mp4")),1.6,3.2\n"
        try Data(list.utf8).write(to: URL(filePath: scratch.path("list.csv")))
        let options = ["--no-captions", "--no-cuts", "--stride", "1", "--frames", "16", "--size", "96x80"]
        for (input, output) in [("videos", "whole"), ("list.csv", "span")] {
            let built = try BuildTests.build(
                [scratch.path(input)] + options + ["--represent", "bits"], output: scratch.path(output))
            #expect(built.status == 0, "\(built.errors)")
        }
        let (whole, span) = (
            try BuildTests.rows(scratch.path("whole")), try BuildTests.rows(scratch.path("span"))
        )
        try #require(whole.count == 2 && span.count == 1)
        #expect(whole[1]["scores"]["bits_motion"] == span[0]["scores"]["bits_motion"])
        #expect(
            try Self.member("bits.npy", of: whole[1], scratch, set: "whole")
                == Self.member("bits.npy", of: span[0], scratch, set: "span"))
    }

    /// The QP of every macroblock as `ffmpeg -debug qp` prints it: two digits each.
    private static func printedQP(_ video: String) throws -> [Int] {
        let outcome = try Programs.ffmpeg(
            ["-nostats", "-v", "debug", "-threads", "1", "-debug", "qp", "-i", video, "-f", "null", "-"])
        var values: [Int] = []
        var decoder: Substring = ""
        var isTable = false
        for line in outcome.errorLines {
            guard let end = line.range(of: "] ") else { continue }
            let text = line[end.upperBound...]
            if text.hasPrefix("New frame, type:") {
                // The first decoder looks at the first pictures alone, to tell what the stream is.
                if line[..<end.lowerBound] != decoder { values.removeAll() }
                decoder = line[..<end.lowerBound]
                isTable = true
            } else if isTable, text.count % 2 == 0, text.allSatisfy({ $0.isNumber || $0 == " " }) {
                let digits = Array(text)
                values += stride(from: 0, to: digits.count, by: 2).compactMap {
                    Int(String(digits[$0...($0 + 1)]).trimmingCharacters(in: .whitespaces))
                }
            } else {
                isTable = false
            }
        }
        return values
    }
}
