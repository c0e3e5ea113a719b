import Foundation
import Testing

/// From videos to a cleaned data set: what was planted goes, everything else stays, and Python reads it.
@Suite(.serialized) struct PlantedTests {
    private struct Truth {
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

    @Test func filterDropsWhatWasPlantedAndNothingElse() throws {
        let scratch = try Scratch()
        let videos = scratch.path("videos")
        let made = try Programs.pframe(
            "synth", "--output", videos, "--videos", "200", "--fps", "8", "--seconds", "2", "--duplicates", "0.1",
            "--wrong-captions", "0.1", "--embeddings")
        #expect(made.status == 0, "\(made.errors)")
        let truth = Truth(try scratch.text("videos/truth.csv"))
        #expect(truth.clean.count > 100 && truth.cut.count > 10)

        // A video of two shots, each too short for a clip, is a reject with its reason: exit code 1.
        let set = scratch.path("set")
        let built = try BuildTests.build([videos, "--captions", videos + "/captions.csv"], output: set)
        #expect(built.status == 1, "\(built.errors)")
        let rejects = try scratch.text("set/rejects.jsonl").split(separator: "\n").map {
            try #require(try JSONSerialization.jsonObject(with: Data($0.utf8)) as? [String: Any])
        }
        #expect(Set(rejects.compactMap { $0["video"] as? String }) == truth.cut)
        #expect(rejects.allSatisfy { $0["kind"] as? String == "no-clip" })
        let sources = try BuildTests.rows(set).compactMap { $0["source"] as? String }
        #expect(sources.count == 200 - truth.cut.count && Set(sources).count == sources.count)

        let expanded = try Programs.run(
            "/usr/bin/env",
            ["python3", Peers.folder.path + "/clip_embeddings.py", set, videos + "/embeddings", scratch.path("e")])
        #expect(expanded.status == 0, "\(expanded.errors)")
        let scored = try Programs.pframe(
            "score", set, "--text", scratch.path("e/text.npy"), "--image", scratch.path("e/image.npy"), "--keys",
            scratch.path("e/keys.txt"))
        #expect(scored.status == 0, "\(scored.errors)")
        let filtered = try Programs.pframe(
            "filter", set, "--motion", "1...20", "--top", "\(truth.clean.count)", "--by", "caption_clip",
            "--drop-duplicates", "--output", scratch.path("kept"))
        #expect(filtered.status == 0, "\(filtered.errors)")
        #expect(Set(try BuildTests.rows(scratch.path("kept")).compactMap { $0["source"] as? String }) == truth.clean)
        for folder in ["set", "kept"] {
            #expect(try Programs.pframe("check", scratch.path(folder)).status == 0)
        }
        #expect(try Programs.pframe("report", scratch.path("kept")).status == 0)
        #expect(try scratch.text("kept/report.html").contains("1.0"))
        guard let python = Peers.webdataset else { return }
        try Self.read(scratch.path("kept"), count: truth.clean.count, python)
    }

    /// Real clips through the same door; Hugging Face reads a small set in full.
    @Test func pythonReadsRealClips() throws {
        guard let clip = Programs.realClip("mma_demo.mp4"), let python = Peers.webdataset else { return }
        let scratch = try Scratch()
        let folder = (clip as NSString).deletingLastPathComponent
        // decord_corrupted.mp4 is damaged: a warning and a row, but it gives a clip.
        let built = try BuildTests.build(
            [folder, "--no-captions", "--represent", "frames,difference,motion-residual"], output: scratch.path("set"))
        #expect(built.status == 0, "\(built.errors)")
        #expect(try scratch.text("set/rejects.jsonl").contains("decord_corrupted.mp4"))
        let rows = try BuildTests.rows(scratch.path("set"))
        #expect(Set(rows.compactMap { $0["source"] as? String }).count == 6)
        try Self.read(scratch.path("set"), count: rows.count, python)

        for source in ["h264", "search"] {
            let small = try BuildTests.build(
                [folder, "--no-captions", "--size", "32x48", "--frames", "5", "--clips-per-video", "2"]
                    + ["--motion-source", source, "--fit", "pad"], output: scratch.path(source))
            #expect(small.status == 0, "\(small.errors)")
            let more = source == "h264" ? ["--datasets", scratch.path("cache")] : []
            try Self.read(scratch.path(source), count: try BuildTests.rows(scratch.path(source)).count, python, more)
        }
    }

    /// Unicode captions, odd names and a .txt beside each video arrive in Python as they were.
    @Test func pythonReadsUnicodeCaptions() throws {
        guard let python = Peers.webdataset else { return }
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
        #expect(Set(rows.compactMap { $0["caption"] as? String }).count == captions.count)
        try Self.read(scratch.path("set"), count: rows.count, python)
    }

    private static func read(_ set: String, count: Int, _ python: String, _ more: [String] = []) throws {
        let read = try Programs.run(python, [Peers.folder.path + "/read_dataset.py", set] + more)
        #expect(read.status == 0 && read.output.hasSuffix("\(count)\n"), "\(read.output)\(read.errors.suffix(2000))")
    }
}
