import Foundation
import TestSupport
import Testing

/// Cuts of real videos against PySceneDetect's own (Tests/Peers/scenedetect_cuts.py), and what `pframe build` says of shots.
@Suite struct CutTests {
    /// A row of `cuts-of-videos.csv`.
    struct Expected: Sendable, CustomTestStringConvertible {
        let clip: String
        let rule: String
        let measure: String
        let shortest: String
        let frames: Int
        let ratios: [Double?]
        let cuts: [Int]

        var testDescription: String { "\(clip), rule \(rule), \(measure)" }

        init?(_ line: Substring) {
            let fields = line.split(separator: ",", omittingEmptySubsequences: false).map(String.init)
            guard fields.count == 7, let frames = Int(fields[4]) else { return nil }
            (clip, rule, measure, shortest, self.frames) = (fields[0], fields[1], fields[2], fields[3], frames)
            ratios = fields[5].split(separator: " ").map { Double($0) }
            cuts = fields[6].split(separator: " ").compactMap { Int($0) }
        }
    }

    private static let rows =
        (try? String(contentsOf: Programs.fixtures.appending(path: "cuts-of-videos.csv"), encoding: .utf8))
        .map { $0.split(separator: "\n").compactMap { Expected($0) } } ?? []
    private static let fixtures = rows.filter { isFixture($0) }
    private static let realClips = rows.filter { !isFixture($0) }

    private static func isFixture(_ row: Expected) -> Bool {
        FileManager.default.fileExists(atPath: Programs.fixture(row.clip))
    }

    @Test func thereAreExpectedCuts() {
        #expect(Self.fixtures.count == 36 && Self.realClips.count == 24)
        #expect(Self.realClips.contains { $0.measure == "adaptive" && !$0.cuts.isEmpty })
    }

    @Test(arguments: fixtures) func cutsAreThoseOfPySceneDetect(_ row: Expected) throws {
        try compare(row, at: Programs.fixture(row.clip))
    }

    @Test(.requires(.realClips(realClips.map(\.clip))), arguments: realClips)
    func cutsOfRealClipsAreThoseOfPySceneDetect(_ row: Expected) throws {
        try compare(row, at: realClip(row.clip))
    }

    private func compare(_ row: Expected, at path: String) throws {
        let outcome = try Programs.pframe(
            "motion", path, "--per-frame", "--rule", row.rule, "--cut-rule", row.measure, "--min-shot", row.shortest)
        let lines = outcome.output.split(separator: "\n").map { $0.split(separator: " ") }
        try #require(lines.first?.suffix(2) == ["ratio", "cut"] && lines.count == row.frames + 1)
        let frames = lines.dropFirst().map { $0 }
        #expect(frames.indices.filter { frames[$0].last == "1" } == row.cuts)
        for (index, expected) in row.ratios.enumerated() {
            let found = try #require(frames[index].dropLast().last.flatMap { Double($0) })
            #expect(expected.map { abs($0 - found) <= 0.01 } ?? found.isNaN, "picture \(index): \(found)")
        }
    }

    /// A second of each of eight grounds: eight shots of a second, each too short for a clip.
    private func manyShots(_ scratch: Scratch) throws -> String {
        let video = scratch.path("shots.mp4")
        let colours = ["red", "white", "blue", "black", "yellow", "navy", "lime", "gray"]
        let inputs = colours.flatMap { ["-f", "lavfi", "-i", "color=\($0):size=96x64:rate=24:duration=1"] }
        let made = try Programs.ffmpeg(
            ["-v", "error"] + inputs + ["-filter_complex", "concat=n=8", "-pix_fmt", "yuv420p", video])
        try #require(made.status == 0, "\(made.errors)")
        return video
    }

    @Test func buildNamesWhatGivesLongerShots() throws {
        let scratch = try Scratch()
        let video = try manyShots(scratch)
        func build(_ name: String, _ options: String...) throws -> Outcome {
            try Programs.run(
                Programs.pframe.path,
                ["build", video, "--no-captions", "--size", "32", "--output", scratch.path(name)] + options)
        }
        let short = try build("short")
        #expect(short.status == 1)
        let line = try #require(short.errorLines.first)
        #expect(line.hasPrefix("error: shots.mp4: 192 frames in 8 shots: too short for a clip of 16"))
        for option in ["--no-cuts", "--cut-threshold", "--min-shot", "--cut-rule adaptive", "--frames"] {
            #expect(line.contains(option), "\(line)")
        }
        #expect(short.output.contains("8 shots: 8 too short for a clip") && short.output.contains("--no-cuts"))
        // What is recorded depends on the video and the options alone.
        let rejects = try scratch.text("short/rejects.jsonl")
        #expect(rejects.contains("8 shots") && !rejects.contains("--no-cuts"))
        let plain = try options(of: scratch, "short")
        #expect(plain["cut_threshold"] == .number(27) && plain["cut_rule"] == .null && plain["min_shot"] == .null)

        // Cuts within 2.5 s of the cut before are left out; the last two seconds are a clip of their own.
        let long = try build("long", "--cut-rule", "adaptive", "--min-shot", "2.5s")
        #expect(long.status == 0, "\(long.errors)")
        let lines = try scratch.text("long/clips-000000.jsonl").split(separator: "\n")
        let rows: [JSON] = try lines.map { try decode(String($0)) }
        #expect(rows.map { $0["seconds"].elements.first?.number } == [0, 3, 6])
        let recorded = try options(of: scratch, "long")
        #expect(recorded["cut_rule"] == "adaptive" && recorded["min_shot"] == "2.5s")
        #expect(recorded["cut_threshold"] == .number(3))
        let page = try Programs.pframe("report", scratch.path("long"))
        #expect(page.status == 0)
        #expect(try scratch.text("long/report.html").contains("3 times the mean of its four neighbours"))

        let whole = try build("whole", "--no-cuts")
        #expect(whole.status == 0 && !whole.output.contains("--no-cuts"), "\(whole.output)")
        #expect(try options(of: scratch, "whole")["cut_threshold"] == .null)
        let high = try build("high", "--cut-threshold", "250")
        #expect(high.status == 0 && high.output.contains("1 shot:"), "\(high.output)")

        for wrong in [
            ["--no-cuts", "--min-shot", "3"], ["--no-cuts", "--cut-threshold", "30"], ["--cut-rule", "sharp"],
            ["--min-shot", "-1"], ["--min-shot", "1.5"], ["--min-shot", "short"], ["--cut-threshold", "0"],
        ] {
            let refused = try Programs.run(
                Programs.pframe.path, ["build", video, "--no-captions", "--output", scratch.path("no")] + wrong)
            #expect(refused.status == 2 && !scratch.exists("no"), "\(wrong): \(refused.errors)")
        }
    }

    private func options(of scratch: Scratch, _ name: String) throws -> JSON {
        let description: JSON = try decode(try scratch.text("\(name)/dataset.json"))
        return description["options"]
    }
}
