import Foundation
import TestSupport
import Testing

/// From videos to a cleaned data set: what was planted goes, everything else stays, and Python reads it.
@Suite(.serialized) struct PlantedTests {
    private struct Truth: Sendable {
        var clean: Set<String> = []
        var cut: Set<String> = []

        init(_ csv: String) {
            for line in csv.split(separator: "\n").dropFirst() {
                let fields = line.split(separator: ",", omittingEmptySubsequences: false)
                if !fields[2].isEmpty { cut.insert(String(fields[0])) }
                if fields[1] == "0", fields[2].isEmpty, fields[3].isEmpty, fields[4] == "0" {
                    clean.insert(String(fields[0]))
                }
            }
        }
    }

    /// 200 videos with duplicates and wrong captions, the set built of them, and what filters keep of it; made once.
    private static let planted = Result {
        let scratch = try Scratch()
        let videos = scratch.path("videos")
        let made = try Programs.pframe(
            "synth", "--output", videos, "--videos", "200", "--fps", "8", "--seconds", "2", "--duplicates", "0.1",
            "--wrong-captions", "0.1", "--embeddings")
        try #require(made.status == 0, "\(made.errors)")
        let truth = Truth(try scratch.text("videos/truth.csv"))
        try #require(truth.clean.count > 100 && truth.cut.count > 10)

        // A video of two shots, each too short for a clip, is a reject with its reason: exit code 1.
        let set = scratch.path("set")
        let built = try BuildTests.build([videos, "--captions", videos + "/captions.csv"], output: set)
        try #require(built.status == 1, "\(built.errors)")
        let expanded = try Programs.run(
            "/usr/bin/env",
            ["python3", Peers.folder.path + "/clip_embeddings.py", set, videos + "/embeddings", scratch.path("e")])
        try #require(expanded.status == 0, "\(expanded.errors)")
        let scored = try Programs.pframe(
            "score", set, "--text", scratch.path("e/text.npy"), "--image", scratch.path("e/image.npy"), "--keys",
            scratch.path("e/keys.txt"))
        try #require(scored.status == 0, "\(scored.errors)")
        let filtered = try Programs.pframe(
            "filter", set, "--motion", "1...20", "--top", "\(truth.clean.count)", "--by", "caption_clip",
            "--drop-duplicates", "--output", scratch.path("kept"))
        try #require(filtered.status == 0, "\(filtered.errors)")
        return (scratch: scratch, truth: truth)
    }

    @Test func filterDropsWhatWasPlantedAndNothingElse() throws {
        let (scratch, truth) = try Self.planted.get()
        let rejects: [JSON] = try decodeLines(scratch.text("set/rejects.jsonl"))
        #expect(Set(rejects.compactMap { $0["video"].string }) == truth.cut)
        #expect(rejects.allSatisfy { $0["kind"] == "no-clip" })
        let sources = try BuildTests.rows(scratch.path("set")).compactMap { $0["source"].string }
        #expect(sources.count == 200 - truth.cut.count && Set(sources).count == sources.count)
        #expect(Set(try BuildTests.rows(scratch.path("kept")).compactMap { $0["source"].string }) == truth.clean)
        for folder in ["set", "kept"] {
            #expect(try Programs.pframe("check", scratch.path(folder)).status == 0)
        }
        #expect(try Programs.pframe("report", scratch.path("kept")).status == 0)
        #expect(try scratch.text("kept/report.html").contains("1.0"))
    }

    @Test(.requires(.readers)) func pythonReadsWhatIsKept() throws {
        let (scratch, truth) = try Self.planted.get()
        try Self.read(scratch.path("kept"), count: truth.clean.count)
    }

    private static let realClips = [
        "decord_corrupted.mp4", "mma_demo.mp4", "mvx_vid_h264.mp4", "mvx_vid_mpeg4_part2.mp4", "tc_av1_video.mkv",
        "tc_nasa_13013.mp4",
    ]

    /// Real clips through the same door; Hugging Face reads a small set in full.
    @Test(.requires(.readers), .requires(.realClips(realClips))) func pythonReadsRealClips() throws {
        let scratch = try Scratch()
        let clips = Self.realClips.map { realClip($0) }
        // decord_corrupted.mp4 is damaged: a warning and a row, but it gives a clip.
        let built = try BuildTests.build(
            clips + ["--no-captions", "--represent", "frames,difference,motion-residual"],
            output: scratch.path("set"))
        #expect(built.status == 0, "\(built.errors)")
        #expect(try scratch.text("set/rejects.jsonl").contains("decord_corrupted.mp4"))
        let rows = try BuildTests.rows(scratch.path("set"))
        #expect(Set(rows.compactMap { $0["source"].string }).count == 6)
        try Self.read(scratch.path("set"), count: rows.count)

        for source in ["h264", "search"] {
            let small = try BuildTests.build(
                clips + ["--no-captions", "--size", "32x48", "--frames", "5", "--clips-per-video", "2"]
                    + ["--motion-source", source, "--fit", "pad"], output: scratch.path(source))
            #expect(small.status == 0, "\(small.errors)")
            let more = source == "h264" ? ["--datasets", scratch.path("cache")] : []
            try Self.read(scratch.path(source), count: try BuildTests.rows(scratch.path(source)).count, more)
        }
    }

    /// Unicode captions, odd names and a .txt beside each video arrive in Python as they were.
    @Test(.requires(.readers)) func pythonReadsUnicodeCaptions() throws {
        let scratch = try Scratch()
        let captions = ["Ein \"Hund\", zweizeilig\nund müde", "狗在跑 🐕", "'quotes' <b>&amp;</b>", "  spaces  "]
        var csv = "video,caption,label\n"
        for (index, caption) in captions.enumerated() {
            let name = "clip \(index) ‘é’.mp4"
            try FileManager.default.copyItem(
                atPath: Programs.fixture("bframes-4refs.mp4"), toPath: scratch.path(name))
            csv += "\(name),\"\(caption.replacingOccurrences(of: "\"", with: "\"\""))\",1\n"
        }
        try Data(csv.utf8).write(to: URL(filePath: scratch.path("captions.csv")))
        let built = try BuildTests.build(
            [scratch.url.path, "--captions", scratch.path("captions.csv"), "--size", "32", "--frames", "4"],
            output: scratch.path("set"))
        #expect(built.status == 0, "\(built.errors)")
        let rows = try BuildTests.rows(scratch.path("set"))
        #expect(Set(rows.compactMap { $0["caption"].string }).count == captions.count)
        try Self.read(scratch.path("set"), count: rows.count)
    }

    private static func read(_ set: String, count: Int, _ more: [String] = []) throws {
        let read = try Programs.run(
            #require(Peers.readers), [Peers.folder.path + "/read_dataset.py", set] + more)
        #expect(
            count > 0 && read.status == 0 && read.output == "\(count)\n", "\(read.output)\(read.errors.suffix(2000))")
    }
}
