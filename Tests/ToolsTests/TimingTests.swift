import Foundation
import TestSupport
import Testing

/// Times, ends and damage of videos whose containers leave something out: against ffprobe, and a sampler of its own.
@Suite struct TimingTests {
    /// A kind of container trouble, made by ffmpeg.
    enum Kind: String, CaseIterable, CustomTestStringConvertible {
        case droppedFramesAVI, bFramesAVI, joinedVOB, transportStream, variableMatroska, editList, fragmentedMP4

        var testDescription: String { rawValue }

        /// What it is joined of; one for most.
        var parts: Int { self == .joinedVOB ? 3 : 1 }

        func make(_ scratch: Scratch) throws -> String {
            let clouds = "testsrc2=size=96x64:rate=25:duration=3"
            var options = ["-v", "error", "-f", "lavfi", "-i", clouds]
            let name: String
            switch self {
            case .droppedFramesAVI:
                name = "a.avi"
                options += ["-vf", "select='lt(mod(n,5),2)'", "-vsync", "vfr", "-c:v", "mpeg4"]
            case .bFramesAVI:
                name = "b.avi"
                options += ["-c:v", "mpeg4", "-bf", "2"]
            case .joinedVOB:
                name = "part.vob"
                options += ["-t", "1", "-c:v", "mpeg2video", "-f", "vob"]
            case .transportStream:
                name = "a.ts"
                options += ["-c:v", "libx264", "-bf", "2"]
            case .variableMatroska:
                name = "a.mkv"
                options += ["-vf", "select='not(eq(mod(n,7),3))'", "-vsync", "vfr", "-c:v", "libx264", "-bf", "2"]
            case .editList:
                name = "whole.mp4"
                options += ["-c:v", "libx264", "-g", "100", "-bf", "2"]
            case .fragmentedMP4:
                name = "f.mp4"
                options += ["-c:v", "libx264", "-g", "10", "-movflags", "frag_keyframe+empty_moov"]
            }
            try #require(Programs.ffmpeg(options + [scratch.path(name)]).status == 0)
            switch self {
            case .joinedVOB:
                let part = try scratch.data(name)
                try (part + part + part).write(to: scratch.url.appending(path: "joined.vob"))
                return scratch.path("joined.vob")
            case .editList:
                let path = scratch.path("trimmed.mp4")
                try Programs.ffmpeg(["-v", "error", "-ss", "1", "-i", scratch.path(name), "-c", "copy", path])
                return path
            default:
                return scratch.path(name)
            }
        }
    }

    /// The times of the frames by ffprobe, nil where it knows none.
    static func times(_ video: String) throws -> [Double?] {
        try Programs.ffprobe(video, "frame=best_effort_timestamp_time").split(separator: "\n")
            .map { String($0.prefix { $0 != "," }) }.filter { !$0.isEmpty }.map { Double($0) }
    }

    /// The shots of a video by its times alone: each ends where time steps back. A picture without a time follows the one
    /// before at the rate of these videos.
    static func shots(_ times: [Double?]) -> [[Double]] {
        var shots: [[Double]] = []
        for time in times {
            let last = shots.last?.last
            let time = time ?? ((last ?? -0.04) + 0.04)
            if let last, time >= last { shots[shots.count - 1].append(time) } else { shots.append([time]) }
        }
        return shots
    }

    @Test(arguments: Kind.allCases) func equalFFprobeAndAreWhole(_ kind: Kind) throws {
        let scratch = try Scratch()
        let video = try kind.make(scratch)
        let expected = try Self.times(video)
        try #require(expected.count > 20)
        let extracted = try Programs.pframe("extract", video, "--output", scratch.path("x"))
        #expect(extracted.status == 0 && !extracted.errors.contains("cut off"), "\(extracted.errors)")
        let folder = "x/" + URL(filePath: video).deletingPathExtension().lastPathComponent
        let table = try scratch.text(folder + "/frames.csv").split(separator: "\n").dropFirst()
        let seconds = table.map { Double($0.split(separator: ",", omittingEmptySubsequences: false)[3]) }
        #expect(seconds.count == expected.count)
        for (one, other) in zip(seconds, expected) { #expect(abs((one ?? -1) - (other ?? -1)) < 1e-5) }
        let info = try Programs.pframe("info", video)
        #expect(info.status == 0 && !info.output.contains("cut off") && !info.output.contains("damaged"))
    }

    /// Instants `m / 8` after a shot's first picture, each with the nearest picture; a shot ends where time steps back.
    private static func expectedClips(_ times: [Double?], frames: Int) -> [[Double]] {
        return shots(times).flatMap { shot -> [[Double]] in
            var chosen: [Double] = []
            let reach = (shot[shot.count - 1] - shot[max(0, shot.count - 2)]) / 2
            while case let instant = shot[0] + Double(chosen.count) / 8, instant <= shot[shot.count - 1] + reach {
                chosen.append(shot.min { (abs($0 - instant), $0) < (abs($1 - instant), $1) } ?? shot[0])
            }
            return (0..<(chosen.count / frames)).map { Array(chosen[($0 * frames)..<(($0 + 1) * frames)]) }
        }
    }

    @Test(arguments: Kind.allCases) func clipsTakeTheNearestPictures(_ kind: Kind) throws {
        let scratch = try Scratch()
        let video = try kind.make(scratch)
        let times = try Self.times(video)
        let built = try Programs.pframe(
            "build", video, "--no-captions", "--no-cuts", "--fps", "8", "--frames", "4", "--size", "32", "--represent",
            "frames", "--output", scratch.path("o"))
        #expect(built.status == 0, "\(built.errors)")
        struct Row: Decodable { var seconds: [Double] }
        let rows = try scratch.text("o/clips-000000.jsonl").split(separator: "\n").map {
            try JSONDecoder().decode(Row.self, from: Data($0.utf8)).seconds
        }
        let expected = Self.expectedClips(times, frames: 4)
        #expect(rows.count == expected.count && rows.count >= 2 * kind.parts)
        for (row, wanted) in zip(rows, expected) {
            #expect(row.count == 4 && zip(row, wanted).allSatisfy { abs($0 - $1) < 1e-5 }, "\(row) beside \(wanted)")
        }
        #expect(try Totals(scratch).frames == times.count)
    }

    /// Every picture of a file whose time steps back is in a clip or in a count.
    @Test func stepsBackLoseNothing() throws {
        let scratch = try Scratch()
        let video = try Kind.joinedVOB.make(scratch)
        let built = try Programs.pframe(
            "build", video, "--no-captions", "--no-cuts", "--stride", "1", "--frames", "8", "--size", "32",
            "--represent", "frames", "--output", scratch.path("o"))
        #expect(built.status == 0, "\(built.errors)")
        let totals = try Totals(scratch)
        let shots = try Self.shots(Self.times(video)).map(\.count)
        #expect(totals.frames == 75 && totals.shots == 3 && shots.count == 3)
        #expect(totals.clips == shots.reduce(0) { $0 + $1 / 8 } && totals.clips == 9)
        #expect(totals.tails == shots.count { $0 % 8 > 0 })
    }

    /// `totals` of the data set `o`.
    struct Totals: Decodable {
        let frames, shots, clips, tails, damaged: Int

        enum CodingKeys: String, CodingKey { case frames, shots, clips, tails, damaged = "damaged_frames" }

        init(_ scratch: Scratch) throws {
            struct Description: Decodable { var totals: Totals }
            self = try JSONDecoder().decode(Description.self, from: scratch.data("o/dataset.json")).totals
        }
    }

    /// Files that end in their pictures: what the container keeps behind the end shows it.
    @Test(arguments: ["faststart.mp4", "fragments.mp4", "a.mkv", "a.avi"], [0.8, 0.5])
    func missingPicturesAreTold(_ name: String, _ share: Double) throws {
        let scratch = try Scratch()
        var options = ["-v", "error", "-f", "lavfi", "-i", "testsrc2=size=96x64:rate=25:duration=3"]
        options += name.hasSuffix("avi") ? ["-c:v", "mpeg4"] : ["-c:v", "libx264", "-g", "10"]
        if name.hasPrefix("fast") { options += ["-movflags", "faststart"] }
        if name.hasPrefix("frag") { options += ["-movflags", "frag_keyframe+empty_moov"] }
        try #require(Programs.ffmpeg(options + [scratch.path(name)]).status == 0)
        #expect(try Programs.pframe("info", scratch.path(name)).status == 0)
        let bytes = try scratch.data(name)
        let cut = scratch.path("cut-" + name)
        try bytes.prefix(Int(Double(bytes.count) * share)).write(to: URL(filePath: cut))
        let extracted = try Programs.pframe("extract", cut, "--output", scratch.path("x"))
        #expect(extracted.status == 1 && extracted.errors.contains("cut off"), "\(extracted.errors)")
        try Programs.pframe(
            "build", cut, "--no-captions", "--size", "32", "--frames", "2", "--output", scratch.path("o"))
        let rejects = try scratch.text("o/rejects.jsonl")
        #expect(rejects.contains("\"kind\":\"truncated\"") || rejects.contains("cut off"), "\(rejects)")
    }

    /// The outermost size of an AVI is wrong in many whole files.
    @Test(arguments: [1, 8, 4096]) func carelessSizesProveNothing(_ surplus: UInt32) throws {
        let scratch = try Scratch()
        let video = scratch.path("a.avi")
        try #require(
            Programs.ffmpeg([
                "-v", "error", "-f", "lavfi", "-i", "testsrc2=size=96x64:rate=25:duration=1", "-c:v", "mpeg4", video,
            ]).status == 0)
        var bytes = try scratch.data("a.avi")
        let size = bytes[4..<8].reversed().reduce(UInt32(0)) { $0 << 8 | UInt32($1) }
        withUnsafeBytes(of: (size + surplus).littleEndian) { bytes.replaceSubrange(4..<8, with: $0) }
        try bytes.write(to: URL(filePath: video))
        let extracted = try Programs.pframe("extract", video, "--output", scratch.path("x"))
        #expect(extracted.status == 0 && !extracted.errors.contains("cut off"), "\(extracted.errors)")
    }

    /// One count of damage, whoever tells it.
    @Test(arguments: ["one-reference.mp4", "bframes-4refs.mp4", "mpeg2.mpg", "mpeg4-bframes.avi"])
    func damageIsCountedOnce(_ name: String) throws {
        let counts = try (0..<3).map { try damaged(name, seed: $0) }
        #expect(counts.contains { $0 > 0 }, "nothing was damaged")
    }

    /// How many frames are damaged of a video that was hit at three places, if all commands agree.
    private func damaged(_ name: String, seed: Int) throws -> Int {
        let scratch = try Scratch()
        var bytes = try Data(contentsOf: URL(filePath: Programs.fixture(name)))
        for hit in 0..<3 {
            let place = bytes.count / 3 + (seed * 977 + hit * bytes.count / 7) % (bytes.count / 2)
            for offset in 0..<12 where place + offset < bytes.count { bytes[place + offset] ^= 0x5A }
        }
        let video = scratch.path("hit." + (name as NSString).pathExtension)
        try bytes.write(to: URL(filePath: video))
        struct Counted: Decodable { var damaged: Int?, damagedFrames: Int? }
        let decoder = JSONDecoder()
        decoder.keyDecodingStrategy = .convertFromSnakeCase
        func count(_ arguments: [String]) throws -> Int? {
            let outcome = try Programs.run(Programs.pframe.path, arguments + ["--json"])
            let counted = try decoder.decode(Counted.self, from: Data(outcome.output.utf8))
            return counted.damaged ?? counted.damagedFrames
        }
        let extracted = try #require(try count(["extract", video, "--residual", "--discard"]))
        #expect(try count(["info", video, "--frames", "10000"]) == extracted)
        #expect(try count(["motion", video]) == extracted)
        try Programs.pframe(
            "build", video, "--no-captions", "--size", "32", "--frames", "2", "--output", scratch.path("o"))
        #expect(try Totals(scratch).damaged == extracted)
        #expect(try scratch.text("o/rejects.jsonl").contains("\"damaged\"") == (extracted > 0))
        return extracted
    }
}
