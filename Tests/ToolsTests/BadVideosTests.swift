import Foundation
import Glibc
import TestSupport
import Testing

/// Folders as they are: what is good becomes a data set, what is bad a row with its reason.
@Suite struct BadVideosTests {
    private func rejects(_ scratch: Scratch) throws -> [String: (kind: String, clips: Int)] {
        var result: [String: (kind: String, clips: Int)] = [:]
        for line in try scratch.text("set/rejects.jsonl").split(separator: "\n") {
            let row: JSON = try decode(line)
            let (video, kind) = (try #require(row["video"].string), try #require(row["kind"].string))
            #expect(row["reason"].string?.isEmpty == false && result[video] == nil)
            result[video] = (kind, try #require(row["clips"].int))
        }
        return result
    }

    @Test func everyBadInputHasARow() throws {
        let scratch = try Scratch()
        let manager = FileManager.default
        try manager.createDirectory(atPath: scratch.path("in/deep er"), withIntermediateDirectories: true)
        let good = [
            "good.mp4", "deep er/it's \"quoted\" ñ 狗.mp4", "av1.mkv", "ten-bit.mp4", "interlaced.ts", "CAPS.MP4",
        ]
        for name in good {
            let plain = ["av1.mkv", "ten-bit.mp4", "interlaced.ts"].contains(name) ? name : "bframes-4refs.mp4"
            try manager.copyItem(atPath: Programs.fixture(plain), toPath: scratch.path("in/" + name))
        }
        let whole = try Data(contentsOf: URL(filePath: Programs.fixture("bframes-4refs.mp4")))
        func put(_ data: Data, _ name: String) throws { try data.write(to: URL(filePath: scratch.path("in/" + name))) }
        try put(Data(), "empty.mp4")
        try put(Data("this is no video\n".utf8), "text.mp4")
        try put(whole.prefix(whole.count / 2), "headless.mp4")
        try put(Data((0..<5000).map { UInt8(truncatingIfNeeded: $0 &* 2_654_435_761 >> 7) }), "noise.mkv")
        var flipped = whole
        for place in flipped.indices.dropFirst(flipped.count / 2).prefix(400) { flipped[place] ^= 0x55 }
        try put(flipped, "flipped.mp4")
        try put(Data("beside the videos".utf8), "notes.md")
        try manager.createDirectory(atPath: scratch.path("in/folder.mp4"), withIntermediateDirectories: false)
        try manager.createSymbolicLink(atPath: scratch.path("in/dangling.mp4"), withDestinationPath: "nowhere.mp4")
        try Programs.ffmpeg(
            [
                "-v", "error", "-i", Programs.fixture("bframes-4refs.mp4"), "-frames:v", "3",
                scratch.path("in/short.mp4"),
            ])
        try Programs.ffmpeg(
            ["-v", "error", "-f", "lavfi", "-i", "sine=duration=1", scratch.path("in/sound.mp4")])
        var raw =
            Array(scratch.path("in").utf8CString.dropLast()) + [
                0x2F, CChar(bitPattern: 0xFF), 0x2E, 0x6D, 0x70, 0x34, 0,
            ]
        let descriptor = open(&raw, O_CREAT | O_WRONLY, 0o644)
        _ = whole.withUnsafeBytes { write(descriptor, $0.baseAddress, $0.count) }
        close(descriptor)

        let outcome = try BuildTests.build(
            [scratch.path("in"), "--no-captions", "--size", "32", "--frames", "4", "--fps", "12"],
            output: scratch.path("set"))
        #expect(outcome.status == 1 && !outcome.timedOut, "\(outcome.errors)")
        let rows = try BuildTests.rows(scratch.path("set"))
        let sources = Set(rows.compactMap { $0["source"].string })
        #expect(sources.isSuperset(of: good), "\(sources)")
        #expect(sources.count { $0.contains("\u{FFFD}") } == 1, "a name that is no UTF-8 is a name: \(sources)")
        let found = try rejects(scratch)
        for (video, kind) in [
            ("empty.mp4", "unreadable"), ("text.mp4", "unreadable"), ("headless.mp4", "unreadable"),
            ("noise.mkv", "unreadable"), ("short.mp4", "no-clip"), ("sound.mp4", "unreadable"),
            ("dangling.mp4", "missing"),
        ] {
            #expect(
                found[video]?.kind == kind && found[video]?.clips == 0, "\(video): \(String(describing: found[video]))")
            #expect(outcome.errors.contains(video))
        }
        #expect(found["flipped.mp4"] != nil, "damage is flagged")
        #expect(Set(found.keys).intersection(good).isEmpty)
        #expect(try Programs.pframe("check", scratch.path("set")).status == 0)

        let nothing = try BuildTests.build(
            [scratch.path("in/notes.md"), "--no-captions"], output: scratch.path("none"))
        #expect(nothing.status == 1 && nothing.errors.contains("notes.md"), "\(nothing.errors)")
    }

    /// Clips before the place where a file is cut off are taken, and the cut is told.
    @Test func truncatedVideosGiveWhatTheyHold() throws {
        let scratch = try Scratch()
        let video = scratch.path("whole.mkv")
        try Programs.ffmpeg(
            ["-v", "error", "-f", "lavfi", "-i", "testsrc2=s=64x64:r=25:d=8", "-pix_fmt", "yuv420p", "-g", "12", video])
        let data = try Data(contentsOf: URL(filePath: video))
        var counts: [Int] = []
        for share in [1.0, 0.75, 0.5, 0.25] {
            let path = scratch.path("cut.mkv")
            try data.prefix(Int(Double(data.count) * share)).write(to: URL(filePath: path))
            try? FileManager.default.removeItem(atPath: scratch.path("set"))
            let outcome = try BuildTests.build(
                [path, "--no-captions", "--size", "32", "--frames", "4", "--no-cuts"], output: scratch.path("set"))
            #expect(outcome.status == 0, "\(outcome.errors)")
            counts.append(try BuildTests.rows(scratch.path("set")).count)
        }
        #expect(counts == counts.sorted(by: >) && counts[0] == 16 && counts[3] > 1, "\(counts)")
    }

    @Test func missingCaptionsAreRows() throws {
        let scratch = try Scratch()
        for name in ["a.mp4", "b.mp4"] {
            try FileManager.default.copyItem(
                atPath: Programs.fixture("bframes-4refs.mp4"), toPath: scratch.path(name))
        }
        try Data("video,caption\na.mp4,first\nc.mp4,gone\n".utf8).write(to: URL(filePath: scratch.path("captions.csv")))
        let outcome = try BuildTests.build(
            [scratch.url.path, "--captions", scratch.path("captions.csv"), "--size", "32", "--frames", "4"],
            output: scratch.path("set"))
        #expect(outcome.status == 1 && outcome.output.contains("1 caption"), "\(outcome.output)")
        #expect(try rejects(scratch).mapValues(\.kind) == ["b.mp4": "no-caption"])
    }

    /// A file system that fills up while shards are written: one clear message, and the same data set once there is room.
    @Test(.requires(.mounting)) func fullDiskIsOneMessageAndResumes() throws {
        let scratch = try Scratch()
        try FileManager.default.createDirectory(atPath: scratch.path("disk"), withIntermediateDirectories: false)
        let mounted = try Programs.run(
            "/usr/bin/env", ["mount", "-t", "tmpfs", "-o", "size=3m", "none", scratch.path("disk")])
        try #require(mounted.status == 0, "\(mounted.errors)")
        defer { _ = try? Programs.run("/usr/bin/env", ["umount", "-l", scratch.path("disk")]) }
        let full = try BuildTests.buildShapes(output: scratch.path("disk/set"))
        #expect(full.status == 1 && full.errors.contains("No space left on device"), "\(full.errors)")
        #expect(full.errorLines.count { $0.hasPrefix("error: ") } == 1, "\(full.errors)")
        let visible = try scratch.names(in: "disk/set").filter { !$0.hasPrefix(".") }
        #expect(!visible.contains("dataset.json") && visible.allSatisfy { !$0.hasSuffix(".tmp") }, "\(visible)")
        _ = try Programs.run("/usr/bin/env", ["mount", "-o", "remount,size=200m", scratch.path("disk")])
        #expect(try BuildTests.buildShapes(output: scratch.path("disk/set")).status == 0)
        #expect(try BuildTests.buildShapes(output: scratch.path("whole")).status == 0)
        #expect(try BuildTests.files(scratch.path("disk/set")) == BuildTests.files(scratch.path("whole")))
    }
}
