import Foundation
import Testing

/// `pframe synth` with truths planted for tests of what comes after it.
@Suite struct SynthTests {
    @Test func plantsWhatItIsAskedFor() throws {
        let scratch = try Scratch()
        let outcome = try Programs.pframe(
            "synth", "--output", scratch.path("s"), "--videos", "30", "--size", "64", "--seconds", "1", "--duplicates",
            "0.2", "--wrong-captions", "0.2", "--embeddings")
        #expect(outcome.status == 0, "\(outcome.errors)")
        #expect(outcome.output.contains("truth.csv") && outcome.output.contains("embeddings/"))
        let rows = try scratch.text("s/truth.csv").split(separator: "\n").dropFirst().map {
            $0.split(separator: ",", maxSplits: 5, omittingEmptySubsequences: false).map(String.init)
        }
        try #require(rows.count == 30)
        #expect(rows.count { $0[4] == "1" } > 3)
        let duplicates = rows.filter { !$0[3].isEmpty }
        #expect(duplicates.count > 3)
        for row in duplicates.prefix(3) {
            #expect(try scratch.data("s/\(row[0])") != scratch.data("s/\(row[3])"))
            let copy = try Programs.decodedByFFmpeg(scratch.path("s/\(row[0])"), scratch)
            let original = try Programs.decodedByFFmpeg(scratch.path("s/\(row[3])"), scratch)
            let distance = zip(copy, original).reduce(0) { $0 + abs(Int($1.0) - Int($1.1)) }
            #expect(copy.count == original.count && Double(distance) / Double(copy.count) < 3)
        }
        #expect(try scratch.names(in: "s/embeddings") == ["image.npy", "text.npy", "videos.txt"])
    }

    @Test func writesNoMoreThanItIsAskedFor() throws {
        let scratch = try Scratch()
        func synth(_ folder: String, _ more: String...) throws -> [String] {
            let outcome = try Programs.run(
                Programs.pframe.path,
                ["synth", "--output", scratch.path(folder), "--videos", "2", "--size", "32", "--seconds", "1"] + more)
            #expect(outcome.status == 0, "\(outcome.errors)")
            return try scratch.names(in: folder)
        }
        let videos = ["video-00000.mp4", "video-00001.mp4"]
        #expect(try synth("a") == ["captions.csv"] + videos)
        #expect(try synth("b", "--truth") == ["captions.csv", "truth.csv"] + videos)
        #expect(try scratch.data("a/video-00001.mp4") == scratch.data("b/video-00001.mp4"))
        for share in [
            ["--duplicates", "1.5"], ["--wrong-captions", "-1"], ["--duplicates", "0.5", "--wrong-captions", "0.4"],
        ] {
            let outcome = try Programs.run(Programs.pframe.path, ["synth", "--output", scratch.path("c")] + share)
            #expect(outcome.status == 2 && outcome.errors.contains("Share"), "\(outcome.errors)")
        }
    }

    /// The embeddings of videos become those of clips: a row a key, by the clip's source.
    @Test func embeddingsExpandToClips() throws {
        let scratch = try Scratch()
        try Programs.pframe(
            "synth", "--output", scratch.path("s"), "--videos", "3", "--size", "32", "--seconds", "1", "--embeddings")
        try FileManager.default.createDirectory(atPath: scratch.path("d"), withIntermediateDirectories: false)
        let clips = [("000000_0000000", 2), ("000000_0000001", 0), ("000001_0000000", 0), ("000001_0000001", 1)]
        for shard in 0..<2 {
            let lines = clips[2 * shard..<2 * shard + 2].map { key, video in
                "{\"key\":\"\(key)\",\"offset\":0,\"source\":\"video-0000\(video).mp4\"}\n"
            }
            try Data(lines.joined().utf8).write(to: URL(filePath: scratch.path("d/clips-00000\(shard).jsonl")))
        }
        // Scores that were added later stand beside the rows, and are none.
        try Data("{}\n".utf8).write(to: URL(filePath: scratch.path("d/clips-000000.clip.jsonl")))
        let script = Programs.root.appending(path: "Tests/Peers/clip_embeddings.py").path
        let outcome = try Programs.run(
            "/usr/bin/env", ["python3", script, scratch.path("d"), scratch.path("s/embeddings"), scratch.path("e")])
        #expect(outcome.status == 0, "\(outcome.errors)")
        #expect(try scratch.text("e/keys.txt") == clips.map { $0.0 + "\n" }.joined())
        for name in ["text.npy", "image.npy"] {
            let (all, chosen) = (try scratch.data("s/embeddings/\(name)"), try scratch.data("e/\(name)"))
            #expect(String(decoding: chosen[..<128], as: UTF8.self).contains("'shape': (4, 64)"))
            #expect(chosen.count == 128 + 4 * 256)
            for (row, clip) in clips.enumerated() {
                #expect(
                    chosen[128 + 256 * row..<128 + 256 * (row + 1)].elementsEqual(
                        all[128 + 256 * clip.1..<128 + 256 * (clip.1 + 1)]))
            }
        }
    }
}
