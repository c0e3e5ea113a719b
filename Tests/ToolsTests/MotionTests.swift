import Foundation
import TestSupport
import Testing

/// `pframe motion`: content values against the numpy definition (which agrees with scenedetect itself), vectors against
/// `pframe extract`.
@Suite struct MotionTests {
    /// A row of `content-values.csv`.
    struct Expected: CustomTestStringConvertible, Sendable {
        let clip: String
        let rule: String
        let values: [Double]

        var testDescription: String { "\(clip), rule \(rule)" }

        /// Of a row as Tests/Peers/content_value.py prints it.
        init?(_ line: Substring) {
            let fields = line.split(separator: ",")
            guard fields.count == 4, let frames = Int(fields[2]) else { return nil }
            (clip, rule) = (String(fields[0]), String(fields[1]))
            values = fields[3].split(separator: " ").compactMap { Double($0) }
            guard values.count == frames else { return nil }
        }

        static func table(_ text: String) -> [Expected] { text.split(separator: "\n").compactMap { Expected($0) } }
    }

    private static let expected =
        (try? String(contentsOf: Programs.fixtures.appending(path: "content-values.csv"), encoding: .utf8))
        .map(Expected.table) ?? []

    private let tolerance = 0.01

    /// The columns of `--per-frame` by name, without the header.
    private func frames(_ output: String) throws -> [[Double]] {
        let lines = output.split(separator: "\n")
        try #require(lines.first == "frame content hue saturation lightness vector")
        return lines.dropFirst().map { line in line.split(separator: " ").compactMap { Double($0) } }
    }

    private func compare(_ output: String, _ expected: Expected) throws {
        let rows = try frames(output)
        try #require(rows.count == expected.values.count && rows.allSatisfy { $0.count == 6 })
        let worst = zip(rows, expected.values).map { abs($0[1] - $1) }.max() ?? 0
        #expect(worst <= tolerance, "\(expected): off by \(worst)")
        for (index, row) in rows.enumerated() {
            #expect(row[0] == Double(index))
            #expect(abs((row[2] + row[3] + row[4]) / 3 - row[1]) < 1e-5)
        }
    }

    @Test func thereAreExpectedValues() {
        #expect(Self.expected.count == 40 && Set(Self.expected.map(\.rule)) == ["0.6", "0.7"])
        #expect(Self.fixtures.count == 28 && Self.realClips.count == 12)
    }

    private static let fixtures = expected.filter { isFixture($0) }
    private static let realClips = expected.filter { !isFixture($0) }

    private static func isFixture(_ expected: Expected) -> Bool {
        FileManager.default.fileExists(atPath: Programs.fixture(expected.clip))
    }

    @Test(arguments: fixtures) func valuesEqualTheDefinition(_ expected: Expected) throws {
        try compare(expected, at: Programs.fixture(expected.clip))
    }

    @Test(.requires(.realClips(realClips.map(\.clip))), arguments: realClips)
    func valuesOfRealClipsEqualTheDefinition(_ expected: Expected) throws {
        try compare(expected, at: realClip(expected.clip))
    }

    private func compare(_ expected: Expected, at path: String) throws {
        let outcome = try Programs.pframe("motion", path, "--per-frame", "--rule", expected.rule)
        #expect(outcome.status == (expected.clip == "decord_corrupted.mp4" ? 1 : 0), "\(outcome.errors)")
        try compare(outcome.output, expected)
    }

    /// Formats, tags, rotations and sizes that no fixture has, made here and defined by the numpy implementation.
    @Test(
        .requires(.pyAV),
        arguments: [
            ("422", "mp4", "-vf crop=298:150 -pix_fmt yuv422p -c:v libx264"),
            ("444-odd", "mkv", "-vf crop=515:131:exact=1,format=yuv444p -c:v ffv1"),
            ("gray", "mkv", "-pix_fmt gray -c:v ffv1"), ("rgb", "mkv", "-pix_fmt bgr0 -c:v ffv1"),
            ("ten-bit-422", "mkv", "-pix_fmt yuv422p10le -c:v ffv1"),
            ("bt709", "mp4", "-vf crop=540:270 -colorspace bt709 -pix_fmt yuv420p -c:v libx264"),
            ("full-range-bt709", "mp4", "-vf scale=out_range=pc,format=yuvj420p -colorspace bt709 -c:v libx264"),
            ("vertical", "mp4", "-vf scale=270:538 -pix_fmt yuv420p -c:v libx264"),
        ])
    func otherPicturesEqualTheDefinition(_ name: String, _ container: String, _ options: String) throws {
        let scratch = try Scratch()
        let clip = scratch.path("\(name).\(container)")
        let made = try Programs.ffmpeg(
            ["-v", "error", "-f", "lavfi", "-i", "testsrc2=size=640x360:rate=5", "-frames:v", "6"]
                + options.split(separator: " ").map(String.init) + [clip])
        try #require(made.status == 0, "\(made.errors)")
        try compareWithPeer(clip)
    }

    @Test(.requires(.pyAV), arguments: ["90", "180", "270"])
    func turnedPicturesEqualTheDefinition(_ degrees: String) throws {
        let scratch = try Scratch()
        let (upright, turned) = (scratch.path("upright.mp4"), scratch.path("turned-\(degrees).mp4"))
        try Programs.ffmpeg(
            [
                "-v", "error", "-f", "lavfi", "-i", "testsrc2=size=598x322:rate=5", "-frames:v", "6", "-pix_fmt",
                "yuv420p",
            ]
                + [upright])
        let made = try Programs.ffmpeg(
            ["-v", "error", "-i", upright, "-c", "copy", "-metadata:s:v:0", "rotate=\(degrees)", turned])
        try #require(made.status == 0, "\(made.errors)")
        #expect(try Programs.pframe("info", turned).output.contains("turned by"))
        try compareWithPeer(turned)
    }

    private func compareWithPeer(_ clip: String) throws {
        let python = try #require(Peers.pyAV)
        let judged = try Programs.run(
            python, [Peers.folder.path + "/content_value.py", clip, "--rule", "0.6", "--rule", "0.7", "--rule", "none"])
        let expected = Expected.table(judged.output)
        try #require(judged.status == 0 && expected.count == 3, "\(judged.errors)")
        for expected in expected {
            try compare(try Programs.pframe("motion", clip, "--per-frame", "--rule", expected.rule).output, expected)
        }
    }

    @Test func theTableAddsUpTheFrames() throws {
        let clip = Programs.fixture("bframes-4refs.mp4")
        let rows = try frames(Programs.pframe("motion", clip, "--per-frame").output)
        let outcome = try Programs.pframe("motion", clip, "--json")
        let result: JSON = try decode(outcome.output)
        try #require(rows.count == 24)
        let values = rows.dropFirst().map { $0[1] }
        #expect(result["frames"] == 24 && result["status"] == "done")
        #expect(abs((result["mean_content"].number ?? 0) - values.reduce(0, +) / 23) < 1e-5)
        #expect(abs((result["max_content"].number ?? 0) - (values.max() ?? 0)) < 1e-5)
        #expect(result["cuts"].int == values.count { $0 >= 27 })
        let extracted = try Programs.pframe("extract", clip, "--discard", "--json").output
        let object: JSON = try decode(extracted)
        let length = try #require(object["mean_length"].number)
        #expect(abs((result["mean_length"].number ?? 0) - length) < 1e-9)
        let moving = rows.map { $0[5] }.filter { $0 > 0 }
        #expect(rows[0][5] == 0 && moving.count > 15)
        let table = try Programs.pframe("motion", clip, Programs.fixture("size-change.h264")).output
        let lines = table.split(separator: "\n").map { $0.split(separator: " ") }
        try #require(lines.count == 4)
        #expect(lines[1][1] == "24" && lines[1].last == "done")
        // The change of size is a cut.
        #expect(lines[2][1] == "12" && lines[2][4] == "1")
    }

    @Test func codecsWithoutVectorsAreScoredByContent() throws {
        let clip = Programs.fixture("av1.mkv")
        let row = try #require(try Programs.pframe("motion", clip).output.split(separator: "\n").dropFirst().first)
        #expect(row.split(separator: " ").suffix(2) == ["-", "done"])
        let lines = try Programs.pframe("motion", clip, "--per-frame").output.split(separator: "\n")
        #expect(lines.dropFirst().allSatisfy { $0.hasSuffix(" nan") })
        let objects = try Programs.pframe("motion", clip, "--per-frame", "--json").output.split(separator: "\n")
        #expect(objects.count == 12 && objects.allSatisfy { $0.hasPrefix("{\"content\":") && !$0.contains("vector") })
    }

    @Test func framesOfSeveralVideosKeepTheirOrder() throws {
        let clips = ["mpeg2.mpg", "cropped.mp4", "av1.mkv", "two-streams.mkv"].map { Programs.fixture($0) }
        let outputs = try ["1", "2", "4"].map { jobs in
            try Programs.run(Programs.pframe.path, ["motion", "--per-frame", "--jobs", jobs] + clips).output
        }
        #expect(outputs[0] == outputs[1] && outputs[0] == outputs[2])
        #expect(outputs[0].split(separator: "\n").filter { $0.hasPrefix("# ") } == clips.map { "# \($0)" })
        let alone = try clips.map { clip in
            "# \(clip)\n" + (try Programs.pframe("motion", "--per-frame", clip).output)
        }
        #expect(outputs[0] == alone.joined())
        let other = try Programs.pframe("motion", "--per-frame", "--stream", "2", clips[3]).output
        #expect(other != (try Programs.pframe("motion", "--per-frame", clips[3]).output))
    }

    @Test func badVideosAreReportedAndPassedOver() throws {
        let scratch = try Scratch()
        try Data("this is a text, not a video\n".utf8).write(to: URL(filePath: scratch.path("text.mp4")))
        let whole = try Data(contentsOf: URL(filePath: Programs.fixture("open-gop.h264")))
        try whole.prefix(whole.count / 3).write(to: URL(filePath: scratch.path("cut.h264")))
        let good = Programs.fixture("cropped.mp4")
        let outcome = try Programs.pframe(
            "motion", scratch.path("text.mp4"), good, scratch.path("missing.mp4"), scratch.path("cut.h264"), "--json")
        #expect(outcome.status == 1 && outcome.output.split(separator: "\n").count == 4, "\(outcome.output)")
        #expect(outcome.output.contains("\"status\":\"done\"") && outcome.output.contains("\"status\":\"failed\""))
        for name in ["text.mp4", "missing.mp4"] {
            #expect(outcome.errorLines.contains { $0.hasPrefix("error: ") && $0.contains(name) }, "\(outcome.errors)")
        }
        let frames = try Programs.pframe("motion", scratch.path("text.mp4"), good, "--per-frame")
        #expect(frames.status == 1 && frames.output.hasPrefix("# \(good)\nframe content"), "\(frames.output)")
        for wrong in [["motion"], ["motion", good, "--rule", "0.8"], ["motion", good, "--jobs", "0"]] {
            #expect(try Programs.run(Programs.pframe.path, wrong).status == 2, "\(wrong)")
        }
        let help = try Programs.pframe("motion", "--help")
        #expect(help.status == 0 && help.output.contains("EXAMPLES") && help.output.contains("--rule 0.7"))
    }
}
