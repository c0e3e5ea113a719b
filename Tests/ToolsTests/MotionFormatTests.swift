import Foundation
import TestSupport
import Testing

/// `--motion-format compact`: numpy's opinion of it, and what reads it back.
@Suite struct MotionFormatTests {
    private static func extract(_ video: String, _ scratch: Scratch, _ options: [String] = []) throws {
        for format in ["wide", "compact"] {
            let outcome = try Programs.run(
                Programs.pframe.path,
                ["extract", video, "--output", scratch.path(format), "--motion-format", format] + options)
            #expect(outcome.status == 0, "\(outcome.errors)")
        }
    }

    private static func compare(_ stem: String, _ scratch: Scratch) throws -> [Int] {
        let text = try ClipSets.expect(
            "compact_motion.py", scratch.path("wide/\(stem)/motion.npy"), scratch.path("compact/\(stem)/motion.npy"),
            python: Peers.pyAV)
        return text.split(separator: " ").compactMap { Int($0.trimmingCharacters(in: .newlines)) }
    }

    @Test(
        .requires(.pyAV),
        arguments: [
            "bframes-4refs.mp4", "interlaced.ts", "mpeg2.mpg", "mpeg4-bframes.avi", "mpeg4-odd.mp4", "open-gop.h264",
        ],
        [[], ["--references"], ["--motion-source", "search"]])
    func numpyFindsTheSameColumns(_ name: String, _ options: [String]) throws {
        let scratch = try Scratch()
        try Self.extract(Programs.fixture(name), scratch, options)
        let sizes = try Self.compare((name as NSString).deletingPathExtension, scratch)
        try #require(sizes.count == 3 && sizes[0] > 100)
        #expect(
            sizes[1] == 128 + 48 * sizes[0] && (sizes[2] - 20 * sizes[0]) % 64 == 0 && sizes[2] - 20 * sizes[0] < 512)
    }

    @Test(.requires(.pyAV), .requires(.realClips(["mvx_vid_h264.mp4"]))) func numpyFindsTheSameColumnsOfARealClip()
        throws
    {
        let scratch = try Scratch()
        try Self.extract(realClip("mvx_vid_h264.mp4"), scratch, ["--references", "--frames", "200"])
        #expect(try Self.compare("mvx_vid_h264", scratch)[0] > 100_000)
    }

    @Test func rebuildsAndDrawsFromBoth() throws {
        let scratch = try Scratch()
        let stem = "bframes-4refs"
        try Self.extract(Programs.fixture(stem + ".mp4"), scratch, ["--residual"])
        for format in ["wide", "compact"] {
            let folder = scratch.path("\(format)/\(stem)")
            try Programs.pframe("reconstruct", folder, "--output", scratch.path(format + ".yuv"))
            try Programs.pframe("view", folder, "--output", scratch.path(format + ".png"), "--title", "x")
        }
        #expect(try scratch.data("wide.yuv") == Programs.decodedByFFmpeg(Programs.fixture(stem + ".mp4"), scratch))
        for ending in ["yuv", "png"] {
            #expect(try scratch.data("compact." + ending) == scratch.data("wide." + ending), "\(ending)")
        }
        let wide: JSON = try decode(scratch.text("wide/\(stem)/stream.json"))
        let compact: JSON = try decode(scratch.text("compact/\(stem)/stream.json"))
        #expect(wide["options"]["motion_format"] == .null && compact["options"]["motion_format"] == "compact")
        // The other format is another extraction.
        let other = try Programs.pframe(
            "extract", Programs.fixture(stem + ".mp4"), "--residual", "--output", scratch.path("compact"))
        #expect(other.status == 0 && !other.output.contains("up-to-date"))
        #expect(try scratch.data("compact/\(stem)/motion.npy") == scratch.data("wide/\(stem)/motion.npy"))
    }

    @Test func aDamagedFileIsRefused() throws {
        let scratch = try Scratch()
        try Programs.pframe(
            "extract", Programs.fixture("cropped.mp4"), "--residual", "--motion-format", "compact", "--output",
            scratch.path("x"))
        let path = "x/cropped/motion.npy"
        let whole = try scratch.data(path)
        let start = try #require(whole.firstIndex(of: 0x0A)) + 1
        func expectRefused(_ message: String, _ change: (inout Data) -> Void) throws {
            var bytes = whole
            change(&bytes)
            try bytes.write(to: URL(filePath: scratch.path(path)))
            let outcome = try Programs.pframe(
                "reconstruct", scratch.path("x/cropped"), "--output", scratch.path("y.yuv"))
            #expect(outcome.status == 1 && outcome.errors.contains(message), "\(outcome.errors)")
        }
        // motion_scale of the first vector; then half a vector less, and another field.
        try expectRefused("are not what PFrame writes") { $0[start + 19] = 0 }
        try expectRefused("its header says") { $0.removeLast(10) }
        try expectRefused("holds no C-ordered array") { bytes in
            guard let name = bytes.range(of: Data("dst_x".utf8)) else { return }
            bytes.replaceSubrange(name, with: Data("dst_z".utf8))
        }
    }

    /// One vector per macroblock of still 1920×1088 pictures: beyond one gigabyte after some 2,500 pictures.
    @Test func announcesALongWrite() throws {
        let scratch = try Scratch()
        try Programs.ffmpeg([
            "-f", "lavfi", "-i", "color=gray:size=1920x1080:rate=25", "-frames:v", "50", "-c:v", "libx264", "-preset",
            "ultrafast", scratch.path("still.mp4"),
        ])
        try Programs.ffmpeg(
            ["-stream_loop", "99", "-i", scratch.path("still.mp4"), "-c", "copy", scratch.path("long.mp4")])
        let running = try RunningProgram(["extract", scratch.path("long.mp4"), "--output", scratch.path("x")])
        try running.wait { $0.contains("to write") }
        let outcome = try running.stop(SIGINT)
        let line = try #require(outcome.errorLines.first { $0.contains("to write") })
        // 5,000 pictures, of which 29 of the first 30 have 8,160 vectors, of 48 or 20 bytes each.
        #expect(line.contains("long.mp4: about 1.9 GB to write; motion.npy about 1.9 GB"), "\(line)")
        #expect(
            line.hasSuffix("with --motion-format compact about 788.8 MB"), "\(line)"
        )
        let short = try Programs.pframe(
            "extract", scratch.path("long.mp4"), "--frames", "40", "--output", scratch.path("y"))
        #expect(short.status == 0 && !short.errors.contains("to write"), "\(short.errors)")
    }
}
