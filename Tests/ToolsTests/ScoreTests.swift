import Foundation
import TestSupport
import Testing

/// `pframe score` against numpy, and against sums in plain Swift where there is none.
@Suite struct ScoreTests {
    private func score(_ folder: String, _ scratch: Scratch, _ more: String...) throws -> Outcome {
        try Programs.run(
            Programs.pframe.path,
            ["score", folder, "--text", scratch.path("t.npy"), "--image", scratch.path("i.npy")]
                + ["--keys", scratch.path("keys.txt")] + more)
    }

    @Test(
        .requires(.loaders),
        arguments: [
            ["--type", "float16", "--missing", "7"], ["--type", "float32", "--frames", "3"],
            ["--type", "float64", "--frames", "1"],
        ])
    func equalsNumpy(_ options: [String]) throws {
        let python = try #require(Peers.loaders)
        let scratch = try Scratch()
        let folder = try ClipSets.indexed(scratch, "set")
        let made = try ClipSets.run("embeddings.py", ["make", folder, scratch.url.path] + options, python: python)
        try #require(made.status == 0, "\(made.errors)")
        let outcome = try score(folder, scratch)
        #expect(outcome.status == 0 && outcome.errors.contains("4 clips have embeddings of zeros or NaN"))
        #expect(outcome.errors.contains("7 clips have no embedding") == options.contains("--missing"))
        let scored = try ClipSets.expect("embeddings.py", "check", folder, scratch.url.path, python: python)
        #expect(scored == (options.contains("--missing") ? "25 scored\n" : "32 scored\n"))
        _ = try ClipSets.expect("index_check.py", folder)
        let before = try scratch.data("set/index.sqlite")
        #expect(try score(folder, scratch, "--jobs", "1").status == 0)
        #expect(try scratch.data("set/index.sqlite") == before)
        #expect(try Programs.pframe("check", folder).status == 0)
    }

    /// A `.npy` file of float32, by the format's description.
    private func array(_ values: [Float], _ shape: String) -> Data {
        let header = "{'descr': '<f4', 'fortran_order': False, 'shape': (\(shape)), }".padding(
            toLength: 117, withPad: " ", startingAt: 0)
        return Data([0x93] + Array("NUMPY".utf8) + [1, 0, 118, 0]) + Data((header + "\n").utf8)
            + values.withUnsafeBytes { Data($0) }
    }

    @Test func matchesRowsByKey() throws {
        let scratch = try Scratch()
        let folder = try ClipSets.indexed(scratch, "set", samples: 1)
        let text: [Float] = [3, 4, 0, 2, 1, 1]
        let image: [Float] = [4, 3, 0, -1, -1, -1]
        try array(text, "3, 2").write(to: URL(filePath: scratch.path("t.npy")))
        try array(image, "3, 2").write(to: URL(filePath: scratch.path("i.npy")))
        let keys = ["000002_0000000", "000000_0000000", "000001_0000000"]
        try Data(keys.joined(separator: "\r\n").utf8).write(to: URL(filePath: scratch.path("keys.txt")))
        let outcome = try score(folder, scratch, "--json")
        #expect(outcome.status == 0, "\(outcome.errors)")
        for (shard, row) in [(2, 0), (0, 1), (1, 2)] {
            let (a, b) = (text[(2 * row)...].prefix(2).map(Double.init), image[(2 * row)...].prefix(2).map(Double.init))
            let cosine = zip(a, b).reduce(0) { $0 + $1.0 * $1.1 } / (hypot(a[0], a[1]) * hypot(b[0], b[1]))
            let line: [JSON] = try decodeLines(scratch.text("set/clips-00000\(shard).caption_clip.jsonl"))
            let found = try #require(line.first?["caption_clip"].number)
            #expect(abs(found - cosine) < 1e-15, "shard \(shard)")
        }
    }

    @Test func saysWhatIsWrong() throws {
        let scratch = try Scratch()
        let folder = try ClipSets.indexed(scratch, "set", samples: 1)
        func put(_ data: Data, _ name: String) throws { try data.write(to: URL(filePath: scratch.path(name))) }
        try put(array([1, 2, 3, 4], "2, 2"), "t.npy")
        try put(array([1, 2, 3, 4], "2, 2"), "i.npy")
        for (keys, message) in [
            ("000000_0000000\nnobody\n", "1 of 2 keys are not in the data set: nobody"), ("a\n", "1 keys for 2 rows"),
            ("000000_0000000\n000000_0000000\n", "occurs twice"),
        ] {
            try put(Data(keys.utf8), "keys.txt")
            let outcome = try score(folder, scratch)
            #expect(outcome.status == 1 && outcome.errors.contains(message), "\(outcome.errors)")
        }
        try put(array([1, 2, 3], "1, 3"), "i.npy")
        #expect(try score(folder, scratch).errors.contains("both must come from one model"))
        try put(array([1, 2, 3, 4], "2, 2").dropLast(), "i.npy")
        #expect(try score(folder, scratch).errors.contains("cut off?"))
        try put(Data("nothing".utf8), "i.npy")
        #expect(try score(folder, scratch).errors.contains("is not an .npy file"))
        #expect(try Programs.pframe("score", folder).status == 2)
        let clip = try Programs.pframe("score", folder, "--clip", "model.pt")
        #expect(clip.status == 2)
        #expect(clip.errors.contains("clip-vocabulary") || clip.errors.contains("not installed"), "\(clip.errors)")
        #expect(!FileManager.default.fileExists(atPath: folder + "/clips-000000.caption_clip.jsonl"))
    }
}
