import Foundation
import TestSupport
import Testing

/// The times of the frames of clips, against ffprobe's times of the source.
@Suite struct SamplingTests {
    /// A moving test picture at a rate, or at times by an expression of FFmpeg's `setpts`.
    private func video(_ scratch: Scratch, _ name: String, rate: String, times: String? = nil) throws -> String {
        let path = scratch.path(name)
        let filter = times.map { ["-vf", "setpts=\($0)", "-vsync", "passthrough"] } ?? []
        let made = try Programs.ffmpeg(
            ["-v", "error", "-f", "lavfi", "-i", "testsrc2=size=64x48:rate=\(rate):duration=6"] + filter
                + ["-pix_fmt", "yuv420p", "-c:v", "libx264", path])
        try #require(made.status == 0, "\(made.errors)")
        return path
    }

    /// The times of the pictures, as ffprobe has them.
    private func times(_ path: String) throws -> [Double] {
        try Programs.ffprobe(path, "frame=best_effort_timestamp_time").split(separator: "\n").compactMap {
            Double($0.prefix { $0 != "," })
        }
    }

    private func build(_ scratch: Scratch, _ inputs: [String], _ options: String...) throws -> Outcome {
        try Programs.run(
            Programs.pframe.path,
            ["build"] + inputs + ["--no-captions", "--size", "32", "--no-cuts", "--represent", "frames"]
                + ["--output", scratch.path("set")] + options)
    }

    /// The times of the frames of every clip, by row.
    private func rows(_ scratch: Scratch) throws -> [(source: String, seconds: [Double])] {
        try scratch.text("set/clips-000000.jsonl").split(separator: "\n").map { line in
            let row: JSON = try decode(String(line))
            return (row["source"].string ?? "", row["seconds"].elements.compactMap(\.number))
        }
    }

    private func agree(_ found: [Double], _ expected: [Double]) -> Bool {
        found.count == expected.count && zip(found, expected).allSatisfy { abs($0 - $1) < 2e-6 }
    }

    @Test(arguments: ["24000/1001 mp4", "30 mkv", "50 mp4", "15 mov", "60 mkv"])
    func aShareOfTheSourcesRateTakesEveryNthPicture(_ kind: String) throws {
        let scratch = try Scratch()
        let parts = kind.split(separator: " ").map(String.init)
        let path = try video(scratch, "video.\(parts[1])", rate: parts[0])
        let pictures = try times(path)
        let outcome = try build(scratch, [path], "--fps", "source/3", "--frames", "8")
        #expect(outcome.status == 0 && outcome.errors.isEmpty, "\(outcome.errors)")
        let thirds = stride(from: 0, to: pictures.count, by: 3).map { pictures[$0] }
        let found = try rows(scratch)
        #expect(found.count == thirds.count / 8 && found.count >= 3)
        for (index, row) in found.enumerated() {
            #expect(agree(row.seconds, Array(thirds[(8 * index)..<(8 * index + 8)])), "clip \(index)")
        }
        let description: JSON = try decode(try scratch.text("set/dataset.json"))
        #expect(description["options"]["fps"] == "source/3")
        let page = try Programs.pframe("report", scratch.path("set"))
        #expect(page.status == 0)
        let text = try scratch.text("set/report.html")
        #expect(text.contains("In \(found.count) of \(found.count) clips, 100 %, the frames lie evenly"))
        #expect(text.contains("Clips of 8 frames at source/3 frames per second, by the source’s own rate,"))
    }

    /// Where times vary, a frame is the picture nearest to N / rate after the frame before.
    @Test func aShareOfAVariableRateGoesByTime() throws {
        let scratch = try Scratch()
        let path = try video(scratch, "video.mkv", rate: "25", times: "'(N+0.2*mod(N,4)+10*gte(N,40))/25/TB'")
        let pictures = try times(path)
        let rate = try Programs.ffprobe(path, "stream=avg_frame_rate").split(separator: "/").compactMap {
            Double($0.trimmingCharacters(in: .whitespacesAndNewlines))
        }
        try #require(rate.count == 2 && pictures.count > 100)
        let step = 3 * rate[1] / rate[0]
        var expected = [pictures[0]]
        let end = pictures[pictures.count - 1]
        let reach = (end - pictures[pictures.count - 2]) / 2
        while let last = expected.last, last + step <= end + reach {
            let later = pictures.filter { $0 > last }
            guard let next = later.min(by: { abs($0 - last - step) < abs($1 - last - step) }) else { break }
            expected.append(next)
        }
        let outcome = try build(scratch, [path], "--fps", "source/3", "--frames", "8")
        #expect(outcome.status == 0 && outcome.errors.contains("its frame rate varies"), "\(outcome.errors)")
        let found = try rows(scratch)
        #expect(found.count == expected.count / 8)
        #expect(agree(found.flatMap(\.seconds), Array(expected.prefix(8 * found.count))))
    }

    @Test func ratesThatJudderAreNamedOnceWithEvenOnes() throws {
        let scratch = try Scratch()
        let twenty = try (1...3).map { try video(scratch, "twenty-\($0).mp4", rate: "20") }
        let thirty = try video(scratch, "thirty.mp4", rate: "30")
        let even = try video(scratch, "even.mp4", rate: "16")
        let outcome = try build(scratch, twenty + [thirty, even], "--json")
        let warnings = outcome.errorLines.filter { $0.hasPrefix("warning:") }.sorted()
        try #require(outcome.status == 0 && warnings.count == 2, "\(outcome.errors)")
        #expect(
            String(warnings[0])
                == "warning: thirty.mp4: the frames of a clip lie 0.100 to 0.133 s apart: it has 30 frames per second, "
                + "where --fps 7.5 (source/4) and --fps 10 (source/3) are even")
        #expect(warnings[1].hasPrefix("warning: twenty-"))
        #expect(
            warnings[1].hasSuffix(
                "lie 0.100 to 0.150 s apart: it has 20 frames per second, "
                    + "where --fps 6.6667 (source/3) and --fps 10 (source/2) are even"))
        let summary: JSON = try decode(outcome.output)
        #expect(summary["uneven_videos"] == 4)

        // By the times in the rows, which ffprobe knows of the source.
        let found = try rows(scratch)
        for row in found {
            #expect(Set(row.seconds).isSubset(of: Set(try times(scratch.path(row.source)))), "\(row.source)")
        }
        let page = try Programs.pframe("report", scratch.path("set"))
        #expect(page.status == 0)
        let text = try scratch.text("set/report.html")
        let evenClips = found.count { $0.source == "even.mp4" }
        #expect(evenClips == 3 && text.contains("In 3 of \(found.count) clips"), "\(found.count)")
        #expect(text.contains("has steps of 0.100 to 0.150 s, 1.50 times"))

        let again = try Scratch()
        let proposed = try build(again, twenty + [thirty], "--fps", "10")
        #expect(proposed.status == 0 && proposed.errors.isEmpty, "\(proposed.errors)")
        #expect(proposed.output.contains("12 clips of 4 videos"), "\(proposed.output)")
    }

    @Test(arguments: ["--fps source/0", "--fps source/", "--fps source/2 --stride 2", "--fps fast"])
    func ratesWithoutSenseAreRefused(_ options: String) throws {
        let scratch = try Scratch()
        let outcome = try Programs.run(
            Programs.pframe.path,
            ["build", Programs.fixture("cropped.mp4"), "--no-captions", "--output", scratch.path("set")]
                + options.split(separator: " ").map(String.init))
        #expect(outcome.status == 2 && !scratch.exists("set"), "\(outcome.errors)")
    }
}
