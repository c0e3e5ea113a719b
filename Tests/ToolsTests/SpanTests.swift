import Foundation
import TestSupport
import Testing

/// Clips by time in lists, and `--start` and `--end`, beside ffprobe's times and FFmpeg's pictures.
@Suite struct SpanTests {
    /// Six seconds with B-frames and a key frame every 20 frames, in several containers, made once.
    private static let videos = Result {
        let scratch = try Scratch()
        let source = ["-v", "error", "-f", "lavfi", "-i", "testsrc2=s=96x64:r=25:d=6", "-pix_fmt", "yuv420p"]
        let coding = ["-g", "20", "-bf", "2", "-threads", "1"]
        for (name, codec) in [
            ("h264.mp4", "libx264"), ("h264.mkv", "libx264"), ("h264.ts", "libx264"), ("mpeg4.mp4", "mpeg4"),
            ("mpeg2.mkv", "mpeg2video"), ("mpeg4.avi", "mpeg4"),
        ] {
            let made = try Programs.ffmpeg(source + ["-c:v", codec] + coding + [scratch.path(name)])
            try #require(made.status == 0, "\(made.errors)")
        }
        return scratch
    }

    static let names = ["h264.mp4", "h264.mkv", "h264.ts", "mpeg4.mp4", "mpeg2.mkv", "mpeg4.avi"]

    private static func video(_ name: String) throws -> String { try videos.get().path(name) }

    /// What ffprobe says of a video: where its file starts, and the time of each picture.
    private static func times(_ video: String) throws -> (start: Double, pictures: [Double]) {
        let start = try Programs.run(
            "/usr/bin/env", ["ffprobe", "-v", "error", "-show_entries", "format=start_time", "-of", "csv=p=0", video])
        var pictures: [Double] = []
        for line in try Programs.ffprobe(video, "frame=best_effort_timestamp_time").split(separator: "\n") {
            // The last picture of an AVI with B-frames has no time; it follows 1 / 25 s after the one before.
            pictures.append(Double(line.prefix { $0 != "," }) ?? (pictures.last ?? 0) + 0.04)
        }
        return (try #require(Double(start.output.filter { !$0.isWhitespace })), pictures)
    }

    /// The numbers of the pictures of a span.
    private static func numbers(
        _ times: (start: Double, pictures: [Double]), _ start: Double, _ end: Double
    ) -> Range<Int> {
        // Half a millisecond is less than any step of these videos, and more than any rounding.
        let inside = times.pictures.indices.filter {
            let time = times.pictures[$0] - times.start
            return time >= start - 0.0005 && time < end - 0.0005
        }
        return (inside.first ?? 0)..<((inside.last ?? -1) + 1)
    }

    /// The times of the clips of a data set, by source and span, in order.
    private static func clips(_ folder: String) throws -> [(row: JSON, seconds: [Double])] {
        try BuildTests.rows(folder).map { ($0, $0["seconds"].elements.compactMap(\.number)) }
    }

    @Test(arguments: names) func clipsHaveThePicturesOfTheirTimes(_ name: String) throws {
        let scratch = try Scratch()
        let video = try Self.video(name)
        let times = try Self.times(video)
        let spans = [(0.0, 1.0), (0.84, 2.36), (2.0, 2.4), (0.5, 5.99), (5.2, 9.0)]
        let rows = spans.enumerated().map { "\(video),\($1.0),\($1.1),span \($0)" }
        try ("video,start,end,caption\n" + rows.joined(separator: "\n") + "\n")
            .write(toFile: scratch.path("list.csv"), atomically: true, encoding: .utf8)
        let options = ["--stride", "1", "--frames", "5", "--size", "32", "--no-cuts", "--represent", "frames"]
        let outcome = try BuildTests.build([scratch.path("list.csv")] + options, output: scratch.path("set"))
        #expect(outcome.status == 0, "\(outcome.errors)")
        #expect(outcome.output.contains("5 spans of 1 video"), "\(outcome.output)")
        // All pictures of the video, as the same program has them without times.
        let whole = try BuildTests.build(
            [video, "--no-captions"] + options + ["--hop", "1"], output: scratch.path("whole"))
        #expect(whole.status == 0, "\(whole.errors)")
        let wholeFrames = try Self.members(scratch.path("whole"), "frames.npy")
        let frames = try Self.members(scratch.path("set"), "frames.npy")
        let clips = try Self.clips(scratch.path("set"))
        var number = 0
        for (index, span) in spans.enumerated() {
            let pictures = Self.numbers(times, span.0, span.1)
            #expect(pictures.count >= 10)
            for first in stride(from: pictures.lowerBound, through: pictures.upperBound - 5, by: 5) {
                let clip = clips[number]
                let expected = times.pictures[first..<(first + 5)]
                #expect(zip(clip.seconds, expected).allSatisfy { abs($0 - $1) < 1e-5 }, "\(span): \(clip.seconds)")
                #expect(clip.row["caption"].string == "span \(index)" && clip.row["source"].string == video)
                let metadata = clip.row["metadata"]
                #expect(metadata["span_start"].number == span.0 && metadata["span_end"].number == span.1)
                #expect(metadata["shot"].int == 0)
                #expect(frames[number] == wholeFrames[first], "\(name): the pixels of \(span), clip \(number)")
                number += 1
            }
        }
        #expect(number == clips.count)
        #expect(try Programs.pframe("check", scratch.path("set")).status == 0)
    }

    /// The bytes of a member of every record, in order.
    private static func members(_ folder: String, _ name: String) throws -> [Data] {
        let tar = try BuildTests.files(folder)["clips-000000.tar"] ?? Data()
        return try BuildTests.rows(folder).map { row in
            let place = row["members"][name].ints
            return tar.subdata(in: place[0]..<(place[0] + place[1]))
        }
    }

    @Test func badTimesAreRejectsWithTheirSpan() throws {
        let scratch = try Scratch()
        let video = try Self.video("h264.mp4")
        let rows = """
            {"video": "\(video)", "start": 1, "end": 2, "caption": ["one", "uno"]}
            {"video": "\(video)", "start": 7, "end": 9, "caption": "after the end"}
            {"video": "\(video)", "start": 2, "end": 1, "caption": "backwards"}
            {"video": "\(video)", "start": 3, "end": 3.1, "caption": "short"}

            """
        try rows.write(toFile: scratch.path("list.jsonl"), atomically: true, encoding: .utf8)
        let arguments = [scratch.path("list.jsonl"), "--size", "32", "--frames", "4"]
        let refused = try BuildTests.build(arguments, output: scratch.path("set"))
        #expect(refused.status == 1 && refused.errors.contains("list.jsonl: line 3: the end, 1 s"), "\(refused.errors)")
        #expect(refused.errors.contains("such rows can be skipped") && !scratch.exists("set"))
        for jobs in ["1", "2"] {
            let outcome = try BuildTests.build(
                arguments + ["--skip-bad-rows", "--jobs", jobs, "--videos-per-shard", "2"], output: scratch.path(jobs))
            #expect(outcome.status == 1, "\(outcome.errors)")
        }
        #expect(try BuildTests.files(scratch.path("1")) == BuildTests.files(scratch.path("2")))
        let rejects: [JSON] = try decodeLines(try scratch.text("1/rejects.jsonl"))
        #expect(rejects.compactMap { $0["kind"].string } == ["bad-row", "bad-row", "no-clip"])
        let reasons = rejects.compactMap { $0["reason"].string }
        try #require(reasons.count == 3)
        #expect(reasons[0].hasPrefix("line 3 of list.jsonl: "))
        #expect(reasons[1].hasPrefix("from 7 s to 9 s: ") && reasons[1].contains("6 s long"))
        #expect(reasons[2].hasPrefix("from 3 s to 3.1 s: "))
        let row = try #require(try BuildTests.rows(scratch.path("1")).first)
        #expect(row["captions"].elements.compactMap(\.string) == ["one", "uno"] && row["caption"].string == "one")
        let json = try #require(try Self.members(scratch.path("1"), "json").first)
        let member: JSON = try decode(String(decoding: json, as: UTF8.self))
        #expect(member["captions"].elements.compactMap(\.string) == ["one", "uno"])
        #expect(member["span_start"].number == 1 && member["span_end"].number == 2)
        #expect(try Self.members(scratch.path("1"), "txt").first == Data("one".utf8))
    }

    /// The vectors of a part are those of the whole, and its rebuilt pictures FFmpeg's.
    @Test(arguments: ["h264.mp4", "h264.ts", "mpeg4.mp4", "mpeg2.mkv", "mpeg4.avi"])
    func extractsAPart(_ name: String) throws {
        let scratch = try Scratch()
        let video = try Self.video(name)
        let stem = (name as NSString).deletingPathExtension
        let times = try Self.times(video)
        let decoded = try Programs.decodedByFFmpeg(video, scratch)
        let size = 96 * 64 * 3 / 2
        try Programs.pframe("extract", video, "--references", "--output", scratch.path("whole"))
        let whole = try Self.vectors(scratch, "whole/\(stem)")
        for (start, end) in [(0.0, 0.5), (1.0, 2.24), (1.5, 1.9), (3.33, 3.7), (5.0, 60.0)] {
            let numbers = Self.numbers(times, start, end)
            try #require(numbers.count > 8)
            let part = "\(start)"
            let outcome = try Programs.pframe(
                "extract", video, "--residual", "--start", "\(start)", "--end", "\(end)", "--output",
                scratch.path(part))
            #expect(outcome.status == 0, "\(outcome.errors)")
            let vectors = try Self.vectors(scratch, "\(part)/\(stem)")
            let expected = whole.filter { numbers.contains(Int($0[0])) }.map { row in
                var row = row
                row[0] -= Int32(numbers.lowerBound)
                row[1] = numbers.contains(Int(row[1])) ? row[1] - Int32(numbers.lowerBound) : -1
                return row
            }
            #expect(vectors == expected, "\(name) from \(start) to \(end)")
            let rebuilt = try Programs.pframe(
                "reconstruct", scratch.path("\(part)/\(stem)"), "--output", scratch.path("out.yuv"))
            #expect(rebuilt.status == 0, "\(rebuilt.errors)")
            let pictures = decoded.subdata(in: (numbers.lowerBound * size)..<(numbers.upperBound * size))
            #expect(try scratch.data("out.yuv") == pictures, "\(name) from \(start) to \(end)")
            let frames = try scratch.text("\(part)/\(stem)/frames.csv").split(separator: "\n").dropFirst()
            #expect(frames.count == numbers.count)
            for (frame, time) in zip(frames, times.pictures[numbers]) {
                let seconds = frame.split(separator: ",", omittingEmptySubsequences: false)[3]
                // An AVI has no time for its last picture.
                if let seconds = Double(seconds) {
                    #expect(abs(seconds - time) < 1e-5)
                } else {
                    #expect(name == "mpeg4.avi" && time == times.pictures.last)
                }
            }
            let again = try Programs.pframe(
                "extract", video, "--residual", "--start", "\(start)", "--end", "\(end)", "--output",
                scratch.path(part))
            #expect(again.output.contains("up-to-date"))
        }
        let stream = try JSONDecoder().decode(JSON.self, from: scratch.data("1.5/\(stem)/stream.json"))
        #expect(stream["options"]["span"]["start"].number == 1.5 && stream["frames"].int == 10)
        #expect(try !scratch.text("whole/\(stem)/stream.json").contains("span"))
    }

    private static func vectors(_ scratch: Scratch, _ folder: String) throws -> [[Int32]] {
        let array = try int32Array(scratch.data("\(folder)/motion.npy"))
        return stride(from: 0, to: array.values.count, by: 12).map { Array(array.values[$0..<($0 + 12)]) }
    }

    @Test(arguments: ["search", "h264"]) func estimatesInAPart(_ source: String) throws {
        let scratch = try Scratch()
        let video = try Self.video("h264.mp4")
        let numbers = Self.numbers(try Self.times(video), 1.5, 2)
        try Programs.pframe(
            "extract", video, "--residual", "--motion-source", source, "--start", "1.5", "--end", "2", "--output",
            scratch.path("x"))
        try Programs.pframe("reconstruct", scratch.path("x/h264"), "--output", scratch.path("out.yuv"))
        let size = 96 * 64 * 3 / 2
        let decoded = try Programs.decodedByFFmpeg(video, scratch)
        let pictures = decoded.subdata(in: (numbers.lowerBound * size)..<(numbers.upperBound * size))
        #expect(try scratch.data("out.yuv") == pictures)
    }

    @Test func measuresAndDrawsAPart() throws {
        let scratch = try Scratch()
        let video = try Self.video("h264.mp4")
        let numbers = Self.numbers(try Self.times(video), 1, 2.5)
        func lines(_ options: String...) throws -> [[Substring]] {
            let outcome = try Programs.run(Programs.pframe.path, ["motion", video, "--per-frame"] + options)
            return outcome.output.split(separator: "\n").dropFirst().map { $0.split(separator: " ") }
        }
        let (whole, part) = (try lines(), try lines("--start", "1", "--end", "2.5"))
        #expect(part.count == numbers.count)
        // The first picture of a part has none before it.
        for (index, line) in part.enumerated().dropFirst() {
            #expect(line.dropFirst() == whole[numbers.lowerBound + index].dropFirst())
        }
        #expect(part[0][1] == "0.000000")
        for source in ["stream", "bitstream"] {
            let film = try Programs.pframe(
                "view", video, "--start", "1", "--end", "1.4", "--output", scratch.path("film.mp4"),
                "--motion-source", source)
            #expect(film.status == 0 && film.output.contains("10 frames"), "\(film.output)\(film.errors)")
            let drawn = try Programs.ffprobe(scratch.path("film.mp4"), "frame=pts_time").split(separator: "\n")
            #expect(drawn.count == 10 && Double(drawn[0].prefix { $0 != "," }) == 0)
        }
        let late = try Programs.pframe("motion", video, "--start", "90")
        #expect(late.status == 1)
        #expect(late.errors.contains("no picture from 90 s on; the video is 6 s long"), "\(late.errors)")
        for arguments in [["--start", "x"], ["--start", "3", "--end", "2"], ["--end", "0"], ["--start", "1:75"]] {
            let refused = try Programs.run(Programs.pframe.path, ["motion", video] + arguments)
            #expect(refused.status == 2, "\(arguments): \(refused.errors)")
        }
    }
}
