import Foundation
import TestSupport
import Testing

/// `extract --residual` then `reconstruct` must give FFmpeg's own bytes.
@Suite struct ReconstructTests {
    static let fixtures = [
        "bframes-4refs.mp4", "one-reference.mp4", "cropped.mp4", "variable-rate.mkv", "full-range.mp4", "open-gop.h264",
        "interlaced.ts", "mpeg4-bframes.avi", "mpeg4-odd.mp4", "mpeg2.mpg", "two-streams.mkv",
    ]

    @Test(arguments: fixtures, ["mkv", "npy"])
    func equalsFFmpeg(_ name: String, _ format: String) throws {
        try expectExact(Programs.fixture(name), ["--residual", format])
    }

    @Test(arguments: fixtures, ["search", "h264"])
    func equalsFFmpegWithEstimatedMotion(_ name: String, _ source: String) throws {
        try expectExact(Programs.fixture(name), ["--residual", "--motion-source", source])
    }

    @Test func equalsFFmpegForCodecsWithoutVectors() throws {
        try expectExact(Programs.fixture("av1.mkv"), ["--residual", "--motion-source", "search"])
    }

    @Test func readsTheStreamAskedFor() throws {
        try expectExact(Programs.fixture("two-streams.mkv"), ["--residual", "--stream", "2"], stream: "0:2")
    }

    private static let realClips = [
        "mvx_vid_h264.mp4", "mma_demo.mp4", "tc_nasa_13013.mp4", "mvx_vid_mpeg4_part2.mp4", "decord_corrupted.mp4",
    ]

    @Test(.requires(.realClips(realClips)), arguments: realClips) func equalsFFmpegOnRealClips(_ name: String) throws {
        try expectExact(realClip(name), ["--residual"], status: name == "decord_corrupted.mp4" ? 1 : 0)
    }

    /// Damage in the middle of the data: whatever FFmpeg makes of it, the rebuild makes the same.
    @Test(arguments: ["bframes-4refs.mp4", "open-gop.h264", "mpeg4-bframes.avi", "interlaced.ts"])
    func equalsFFmpegOnDamagedFiles(_ name: String) throws {
        let scratch = try Scratch()
        let whole = try Data(contentsOf: URL(filePath: Programs.fixture(name)))
        var rebuilt = 0
        for seed in 0..<6 {
            var bytes = whole
            var state = UInt64(seed + 1)
            for _ in 0..<4 {
                state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
                // The front quarter holds the headers of most containers: this test is about damaged pictures.
                let position = bytes.count / 4 + Int(state >> 33) % (bytes.count * 3 / 4)
                bytes[position] ^= UInt8(truncatingIfNeeded: state >> 20) | 1
            }
            let damaged = scratch.path("damaged-\(seed)." + (name as NSString).pathExtension)
            try bytes.write(to: URL(filePath: damaged))
            if try expectExact(damaged, ["--residual"], status: nil) { rebuilt += 1 }
        }
        #expect(rebuilt > 3, "\(rebuilt) of 6 were compared, the others refused")
    }

    @Test func writesPlayableVideoAndY4M() throws {
        let scratch = try Scratch()
        try Programs.pframe("extract", Programs.fixture("cropped.mp4"), "--residual", "--output", scratch.path("x"))
        for name in ["out.mp4", "out.y4m"] {
            let outcome = try Programs.pframe("reconstruct", scratch.path("x/cropped"), "--output", scratch.path(name))
            #expect(outcome.status == 0, "\(outcome.errors)")
        }
        let expected = try Programs.decodedByFFmpeg(Programs.fixture("cropped.mp4"), scratch)
        let y4m = try Programs.decodedByFFmpeg(scratch.path("out.y4m"), scratch)
        #expect(y4m == expected)
        let mp4 = try Programs.decodedByFFmpeg(scratch.path("out.mp4"), scratch)
        try #require(mp4.count == expected.count)
        let error = zip(mp4, expected).reduce(0.0) { $0 + pow(Double($1.0) - Double($1.1), 2) } / Double(mp4.count)
        #expect(error < 4, "mean squared error \(error) of a crf 12 encoding")
    }

    @Test func keepsTheTimesOfVariableRates() throws {
        let scratch = try Scratch()
        let clip = Programs.fixture("variable-rate.mkv")
        try Programs.pframe("extract", clip, "--residual", "--output", scratch.path("x"))
        try Programs.pframe("reconstruct", scratch.path("x/variable-rate"), "--output", scratch.path("out.mkv"))
        func times(_ path: String) throws -> [String] {
            try Programs.ffprobe(path, "frame=pts_time").split(separator: "\n").map { String($0.prefix(5)) }
        }
        let expected = try times(clip)
        #expect(expected.count == 20)
        #expect(try times(scratch.path("out.mkv")) == expected)
    }

    @Test func refusesWhatIsNotComplete() throws {
        let scratch = try Scratch()
        try Programs.pframe(
            "extract", Programs.fixture("cropped.mp4"), "--residual", "npy", "--output", scratch.path("x"))
        let folder = scratch.path("x/cropped")
        func rebuild() throws -> Outcome {
            try Programs.pframe("reconstruct", folder, "--output", scratch.path("o.yuv"))
        }
        #expect(try rebuild().status == 0)
        for name in ["motion.npy", "residual_v.npy", "frames.csv", "stream.json"] {
            let file = URL(filePath: folder + "/" + name)
            let whole = try Data(contentsOf: file)
            try whole.prefix(whole.count - 30).write(to: file)
            let outcome = try rebuild()
            #expect(outcome.status == 1 && outcome.errorLines.count == 1, "\(name) cut off: \(outcome.errors)")
            #expect(outcome.errors.contains("cropped"), "names the place: \(outcome.errors)")
            try whole.write(to: file)
        }
        try FileManager.default.removeItem(atPath: folder + "/stream.json")
        #expect(try rebuild().errors.contains("not a complete extraction"))
        try Programs.pframe("extract", Programs.fixture("cropped.mp4"), "--output", scratch.path("x"))
        #expect(try rebuild().errors.contains("extract the video again with its residual"))
    }

    /// Expects the rebuilt bytes to be FFmpeg's. Without a status a video may be refused, which the answer tells.
    @discardableResult
    private func expectExact(
        _ video: String, _ options: [String], stream: String = "0:v:0", status: Int32? = 0
    ) throws -> Bool {
        let scratch = try Scratch()
        let extracted = try Programs.run(
            Programs.pframe.path, ["extract", video, "--output", scratch.path("x")] + options)
        let expected = try Programs.decodedByFFmpeg(video, stream: stream, scratch)
        if let status { #expect(extracted.status == status, "\(extracted.errors)") }
        #expect(extracted.status == 0 || extracted.status == 1, "\(extracted.errors)")
        guard try extracted.status == 0 || scratch.exists("x") && !scratch.names(in: "x").isEmpty else {
            // Refused as a whole: then it says why, and there is nothing to compare.
            #expect(status == nil && extracted.errorLines.count == 1, "\(extracted.errors)")
            return false
        }
        let stem = ((video as NSString).lastPathComponent as NSString).deletingPathExtension
        let rebuilt = try Programs.pframe("reconstruct", scratch.path("x/\(stem)"), "--output", scratch.path("out.yuv"))
        guard rebuilt.status == 0 else {
            #expect(status == nil && extracted.errors.contains("error:"), "\(extracted.errors)\(rebuilt.errors)")
            return false
        }
        let found = try scratch.data("out.yuv")
        #expect(found.count == expected.count && !expected.isEmpty)
        #expect(found == expected, "\(stem) \(options): rebuilt pictures differ")
        return true
    }
}
