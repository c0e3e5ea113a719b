import Foundation
import TestSupport
import Testing

/// `pframe build --motion-source stream`, against plain tracing of PyAV's vectors in Python.
@Suite struct StreamMotionTests {
    private static func build(_ video: String, _ source: String, _ more: [String] = [], _ output: String) throws
        -> Outcome
    {
        try BuildTests.build(
            [video, "--no-captions", "--motion-source", source, "--size", "64", "--frames", "4", "--no-cuts"] + more,
            output: output)
    }

    /// What the peer found.
    private struct Found: Decodable {
        let blocks: Int
        let searched: Int
        let sad: Double
        let zero: Double
    }

    private static func check(_ video: String, _ dataset: String, stride: Int, extracted: String? = nil) throws -> Found
    {
        let outcome = try ClipSets.run(
            "traced_motion.py",
            [video, dataset, "--stride", "\(stride)"] + (extracted.map { ["--extracted", $0] } ?? []),
            python: Peers.pyAV)
        try #require(outcome.status == 0, "\(outcome.output)\(outcome.errors)")
        return try JSONDecoder().decode(Found.self, from: Data(outcome.output.utf8))
    }

    /// Without a reference column the peer needs nothing of pframe's: every picture predicts from the one before.
    @Test(.requires(.pyAV), arguments: ["one-reference.mp4"])
    func equalsPlainTracing(_ name: String) throws {
        let scratch = try Scratch()
        let video = Programs.fixture(name)
        let outcome = try Self.build(video, "stream", ["--stride", "2"], scratch.path("set"))
        #expect(outcome.status == 0, "\(outcome)")
        let found = try Self.check(video, scratch.path("set"), stride: 2)
        #expect(found.searched < found.blocks && found.sad < found.zero, "\(found)")
    }

    @Test(
        .requires(.pyAV),
        arguments: ["bframes-4refs.mp4", "cropped.mp4", "mpeg4-odd.mp4", "mpeg2.mpg", "interlaced.ts"],
        [1, 3])
    func equalsPlainTracingOfInferredReferences(_ name: String, _ stride: Int) throws {
        let scratch = try Scratch()
        let video = Programs.fixture(name)
        #expect(try Self.build(video, "stream", ["--stride", "\(stride)"], scratch.path("set")).status == 0)
        #expect(
            try Programs.pframe("extract", video, "--references", "inferred", "--output", scratch.path("x")).status == 0
        )
        let stem = (name as NSString).deletingPathExtension
        let found = try Self.check(video, scratch.path("set"), stride: stride, extracted: scratch.path("x/\(stem)"))
        if name.hasPrefix("interlaced") { #expect(found.searched == found.blocks) }
    }

    @Test(.requires(.pyAV), .requires(.realClips("mma_demo.mp4")))
    func equalsPlainTracingOfARealClip() throws {
        let scratch = try Scratch()
        let video = realClip("mma_demo.mp4")
        #expect(try Self.build(video, "stream", ["--stride", "4"], scratch.path("stream")).status == 0)
        #expect(
            try Programs.pframe("extract", video, "--references", "inferred", "--output", scratch.path("x")).status == 0
        )
        let found = try Self.check(video, scratch.path("stream"), stride: 4, extracted: scratch.path("x/mma_demo"))
        #expect(found.searched * 2 < found.blocks && found.sad < found.zero, "\(found)")
    }

    /// Motion has nothing to do with the frames, and residuals close whatever the motion.
    @Test(.requires(.readers), arguments: ["cropped.mp4", "mpeg4-odd.mp4", "variable-rate.mkv"])
    func framesAreThoseOfOtherSources(_ name: String) throws {
        let scratch = try Scratch()
        for source in ["search", "stream"] {
            #expect(try Self.build(Programs.fixture(name), source, [], scratch.path(source)).status == 0)
        }
        let compare = """
            import sys, tarfile
            def members(folder):
                tar = tarfile.open(folder + "/clips-000000.tar")
                return {m.name: tar.extractfile(m).read() for m in tar.getmembers()}
            a, b = map(members, sys.argv[1:])
            assert a.keys() == b.keys() and len(a) > 6
            print(sorted({name.split(".", 1)[1] for name in a if a[name] != b[name]}))
            """
        let outcome = try Programs.run(
            "/usr/bin/env", ["python3", "-c", compare, scratch.path("search"), scratch.path("stream")])
        // The video of odd size moves so evenly that both sources find the same motion.
        let differing = name == "mpeg4-odd.mp4" ? "['json']\n" : "['json', 'mv.npy', 'residual.npy']\n"
        #expect(outcome.output == differing, "\(outcome.output)\(outcome.errors)")
        let count = try BuildTests.rows(scratch.path("stream")).count
        let read = try ClipSets.expect("read_dataset.py", scratch.path("stream"), python: Peers.readers)
        #expect(read.contains("\(count)"))
        #expect(try Programs.pframe("check", scratch.path("stream")).status == 0)
    }

    /// The share is a score, for filters; sets of other sources do not have it.
    @Test func recordsTheShareOfSearchedBlocks() throws {
        let scratch = try Scratch()
        for source in ["h264", "stream"] {
            #expect(try BuildTests.buildShapes(["--motion-source", source], output: scratch.path(source)).status == 0)
        }
        #expect(try BuildTests.rows(scratch.path("h264")).allSatisfy { $0["scores"]["motion_searched"] == .null })
        let rows = try BuildTests.rows(scratch.path("stream"))
        let shares = rows.compactMap { $0["scores"]["motion_searched"].number }
        #expect(shares.count == rows.count && shares.allSatisfy { 0...1 ~= $0 })
        let totals = (try decode(scratch.text("stream/dataset.json")) as JSON)["totals"]
        #expect(totals["blocks"].int == rows.count * 5 * 16)
        let mean = shares.reduce(0, +) / Double(shares.count)
        #expect(abs(Double(totals["searched_blocks"].int ?? -1) / Double(rows.count * 80) - mean) < 1e-9)
        let list = try Programs.pframe("filter", scratch.path("stream"), "--list", "--score", "motion_searched=...0.5")
        #expect(list.status == 0 && list.output.split(separator: "\n").count == shares.count { $0 <= 0.5 })
        // Another number of jobs, the same bytes.
        #expect(
            try BuildTests.buildShapes(["--motion-source", "stream", "--jobs", "2"], output: scratch.path("2")).status
                == 0)
        #expect(try BuildTests.files(scratch.path("2")) == BuildTests.files(scratch.path("stream")))
    }

    @Test func refusesVideosWithoutVectors() throws {
        let scratch = try Scratch()
        for (name, words) in [("av1.mkv", "no motion vectors of av1"), ("ten-bit.mp4", "yuv420p10le")] {
            let outcome = try BuildTests.build(
                [Programs.fixture(name), Programs.fixture("one-reference.mp4"), "--no-captions", "--size", "64"]
                    + ["--frames", "4", "--motion-source", "stream"], output: scratch.path(name))
            #expect(outcome.status == 1 && outcome.errors.contains(words), "\(outcome.errors)")
            #expect(outcome.errors.contains("the motion sources search"), "\(outcome.errors)")
            let rejects = try scratch.text("\(name)/rejects.jsonl")
            #expect(rejects.contains(words) && rejects.contains("\"unreadable\""), "\(rejects)")
            #expect(try !BuildTests.rows(scratch.path(name)).isEmpty)
        }
        // Frames alone need no vectors.
        let frames = try BuildTests.build(
            [Programs.fixture("av1.mkv"), "--no-captions", "--size", "64", "--frames", "4", "--represent", "frames"]
                + ["--motion-source", "stream"], output: scratch.path("frames"))
        #expect(frames.status == 0, "\(frames.errors)")
    }
}
