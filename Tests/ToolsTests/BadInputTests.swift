import Foundation
import TestSupport
import Testing

/// Bad input is normal input: a clear line or a flagged result, never a crash, a hang, or silence.
@Suite struct BadInputTests {
    @Test func refusesCodecsWithoutVectorsWithTheWayOut() throws {
        let scratch = try Scratch()
        let outcome = try Programs.pframe("extract", Programs.fixture("av1.mkv"), "--output", scratch.path("x"))
        #expect(outcome.status == 1)
        #expect(
            outcome.errors.contains("av1") && outcome.errors.contains("the motion source search"), "\(outcome.errors)")
        #expect(!scratch.exists("x/av1/motion.npy"))
        let info = try Programs.pframe("info", Programs.fixture("av1.mkv"), "--json")
        #expect(info.status == 0 && info.output.contains("\"vectors_available\":false"))
    }

    @Test func refusesPixelFormatsByName() throws {
        let scratch = try Scratch()
        let outcome = try Programs.pframe(
            "extract", Programs.fixture("ten-bit.mp4"), "--residual", "--output", scratch.path("x"))
        #expect(outcome.status == 1 && outcome.errors.contains("yuv420p10le"), "\(outcome.errors)")
        #expect(!scratch.exists("x"))
    }

    @Test func refusesAChangingSizeByName() throws {
        let scratch = try Scratch()
        let outcome = try Programs.pframe(
            "extract", Programs.fixture("size-change.h264"), "--output", scratch.path("x"))
        #expect(outcome.status == 1)
        #expect(outcome.errors.contains("frame 6") && outcome.errors.contains("128x96 to 64x64"), "\(outcome.errors)")
    }

    @Test func flagsInterlacedPictures() throws {
        let scratch = try Scratch()
        let outcome = try Programs.pframe("extract", Programs.fixture("interlaced.ts"), "--output", scratch.path("x"))
        #expect(outcome.status == 0 && outcome.errors.contains("24 interlaced frames"))
        let rows = try scratch.text("x/interlaced/frames.csv").split(separator: "\n").dropFirst()
        #expect(
            rows.map { $0.split(separator: ",", omittingEmptySubsequences: false).dropFirst(6).first }
                == Array(repeating: "1", count: 24))
    }

    @Test func namesWhatIsNoVideo() throws {
        let scratch = try Scratch()
        try Data().write(to: URL(filePath: scratch.path("empty.mp4")))
        try Data("this is a text, not a video\n".utf8).write(to: URL(filePath: scratch.path("text.mp4")))
        try FileManager.default.createDirectory(atPath: scratch.path("folder.mp4"), withIntermediateDirectories: false)
        for name in ["empty.mp4", "text.mp4", "folder.mp4", "missing.mp4"] {
            for command in [["extract", scratch.path(name), "--discard"], ["info", scratch.path(name)]] {
                let outcome = try Programs.run(Programs.pframe.path, command)
                #expect(outcome.status == 1, "\(command)")
                #expect(outcome.errorLines.count == 1 && outcome.errors.contains(name), "\(command): \(outcome.errors)")
            }
        }
    }

    /// Cut off at twenty places: what decodes is there and equals FFmpeg's, and the loss is flagged.
    @Test(arguments: ["bframes-4refs.mp4", "two-streams.mkv", "open-gop.h264", "mpeg4-bframes.avi"])
    func survivesTruncation(_ name: String) throws {
        let scratch = try Scratch()
        let whole = try Data(contentsOf: URL(filePath: Programs.fixture(name)))
        var extracted = 0
        for place in 1...20 {
            let cut = "cut." + (name as NSString).pathExtension
            try whole.prefix(whole.count * place / 21).write(to: URL(filePath: scratch.path(cut)))
            let outcome = try Programs.pframe(
                "extract", scratch.path(cut), "--residual", "npy", "--force", "--json", "--output", scratch.path("x"),
                limit: 60)
            #expect(!outcome.timedOut && (0...1).contains(outcome.status), "cut at \(place)/21: \(outcome.errors)")
            guard outcome.output.contains("\"frames\"") else {
                #expect(outcome.status == 1 && outcome.errors.contains("cut."), "\(outcome.errors)")
                continue
            }
            extracted += 1
            let rebuilt = try Programs.pframe("reconstruct", scratch.path("x/cut"), "--output", scratch.path("o.yuv"))
            #expect(rebuilt.status == 0, "\(rebuilt.errors)")
            #expect(
                try scratch.data("o.yuv") == Programs.decodedByFFmpeg(scratch.path(cut), scratch), "cut at \(place)/21")
        }
        // An MP4 keeps its index at the end: cut anywhere, it cannot be opened at all.
        #expect(name.hasSuffix("mp4") ? extracted == 0 : extracted > 10)
    }

    @Test func tellsWhenAnnouncedPicturesAreMissing() throws {
        let scratch = try Scratch()
        // With the index in front, a cut file opens and ends early.
        try Programs.ffmpeg(
            ["-v", "error", "-i", Programs.fixture("bframes-4refs.mp4"), "-c", "copy", "-movflags", "+faststart"]
                + [scratch.path("front.mp4")])
        let whole = try scratch.data("front.mp4")
        try whole.prefix(whole.count * 3 / 4).write(to: URL(filePath: scratch.path("cut.mp4")))
        let outcome = try Programs.pframe("extract", scratch.path("cut.mp4"), "--output", scratch.path("x"))
        #expect(outcome.status == 1)
        #expect(outcome.errors.contains("cut off") && outcome.errors.contains("cut.mp4"), "\(outcome.errors)")
        #expect(try scratch.text("x/cut/stream.json").contains("\"truncation\""))
        #expect(try int32Array(scratch.data("x/cut/motion.npy")).shape[0] > 100, "what was read is kept")
    }

    @Test(.requires(.realClips("decord_corrupted.mp4"))) func flagsDamageAndGoesOn() throws {
        let clip = realClip("decord_corrupted.mp4")
        let scratch = try Scratch()
        let good = Programs.fixture("cropped.mp4")
        let outcome = try Programs.pframe("extract", clip, good, "--output", scratch.path("x"))
        #expect(outcome.status == 1)
        #expect(outcome.errors.contains("2 damaged frames"), "\(outcome.errors)")
        #expect(scratch.exists("x/cropped/stream.json"))
        let again = try Programs.pframe("extract", clip, good, "--output", scratch.path("x"))
        #expect(again.status == 1 && again.errors.contains("2 damaged frames"), "what is done is not forgotten")
        let rows = try scratch.text("x/decord_corrupted/frames.csv").split(separator: "\n")
            .map { $0.split(separator: ",", omittingEmptySubsequences: false) }
        try #require(rows.count == 51 && rows.allSatisfy { $0.count == 11 })
        #expect(rows.filter { $0[7] == "1" }.map { "\($0[0]):\($0[1])" } == ["29:31", "30:-1"])
    }

    @Test(.requires(.mounting)) func reportsAFullDisk() throws {
        let scratch = try Scratch()
        let mounted = try Programs.run("/bin/mount", ["-t", "tmpfs", "-o", "size=256k", "tmpfs", scratch.url.path])
        try #require(mounted.status == 0, "\(mounted.errors)")
        defer { _ = try? Programs.run("/bin/umount", [scratch.url.path]) }
        let outcome = try Programs.pframe(
            "extract", Programs.fixture("bframes-4refs.mp4"), "--residual", "npy", "--output", scratch.path("x"))
        #expect(outcome.status == 1)
        #expect(outcome.errorLines.count == 1 && outcome.errors.contains("No space left"), "\(outcome.errors)")
        #expect(!scratch.exists("x"), "nothing half-written stays")
    }

    @Test func leavesNothingHalfWrittenWhenInterrupted() throws {
        let scratch = try Scratch()
        try Programs.ffmpeg(
            ["-v", "error", "-stream_loop", "400", "-i", Programs.fixture("one-reference.mp4"), "-c", "copy"]
                + [scratch.path("long.mp4")])
        let process = Process()
        process.executableURL = Programs.pframe
        process.arguments = ["extract", scratch.path("long.mp4"), "--residual", "--output", scratch.path("x")]
        let errors = Pipe()
        process.standardError = errors
        try process.run()
        let folder = scratch.path("x/long")
        while !FileManager.default.fileExists(atPath: folder), process.isRunning { usleep(1000) }
        process.interrupt()
        process.waitUntilExit()
        #expect(process.terminationReason == .exit && process.terminationStatus == 1)
        let text = String(decoding: errors.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
        #expect(text.contains("interrupted; run the same command again"), "\(text)")
        #expect(!scratch.exists("x"))
    }
}
