import Foundation
import TestSupport
import Testing

/// Clips of several shapes: which bucket each gets, and the order in which the loader gives their batches, against plain
/// Python (`Tests/Peers/buckets.py`).
@Suite struct BucketTests {
    static let sizes = "192x112,112x192,128x128"
    static let options = ["--buckets", sizes, "--lengths", "4,8", "--no-cuts", "--motion-source", "search"]

    /// Videos of several aspects: wide, tall, square, with oblong samples, on their side, and too small.
    private static let made = Result {
        let scratch = try Scratch()
        try FileManager.default.createDirectory(atPath: scratch.path("in"), withIntermediateDirectories: false)
        for (name, size, frames, more) in [
            ("a wide.mp4", "320x180", 21, []), ("b tall.mp4", "180x320", 16, []), ("c square.mp4", "200x200", 12, []),
            ("d oblong.mp4", "180x120", 13, ["-vf", "setsar=32/27"]), ("e tiny.mp4", "96x54", 20, []),
            ("f cinema.mp4", "480x200", 8, []), ("g wide.mp4", "256x144", 30, []), ("h tall.mp4", "216x384", 7, []),
        ] {
            try Programs.ffmpeg(
                ["-v", "error", "-f", "lavfi", "-i", "testsrc2=s=\(size):r=8", "-frames:v", "\(frames)"] + more
                    + ["-pix_fmt", "yuv420p", "-preset", "ultrafast", scratch.path("in/\(name)")])
        }
        // A wide video that players turn: tall.
        try Programs.ffmpeg(
            ["-v", "error", "-i", scratch.path("in/g wide.mp4"), "-c", "copy", "-metadata:s:v:0", "rotate=90"]
                + [scratch.path("in/i turned.mp4")])
        for name in ["one", "set"] {
            let group = name == "one" ? "32" : "2"
            let outcome = try Programs.pframe(
                "build", scratch.path("in"), "--no-captions", "--output", scratch.path(name), "--videos-per-shard",
                group, "--buckets", sizes, "--lengths", "4,8", "--no-cuts", "--motion-source", "search")
            // One video is too small.
            try #require(outcome.status == 1, "\(outcome.errors)")
        }
        return scratch
    }

    private static func python(_ arguments: [String]) throws -> String {
        let script = Peers.folder.appending(path: "buckets.py").path
        let outcome = try Programs.run("/usr/bin/env", ["python3", script] + arguments)
        try #require(outcome.status == 0, "\(outcome.errors)")
        return outcome.output
    }

    private static func shards(_ folder: String) throws -> [JSON] {
        let text = try String(contentsOf: URL(filePath: folder + "/dataset.json"), encoding: .utf8)
        return (try decode(text) as JSON)["shards"].elements
    }

    private static func close(_ one: Double?, _ other: Double?) -> Bool {
        guard let one, let other else { return false }
        return abs(one - other) < 1e-9
    }

    @Test func clipsGoWherePlainPythonPutsThem() throws {
        let scratch = try Self.made.get()
        let lines: [JSON] = try decodeLines(
            Self.python(["clips", scratch.path("in"), Self.sizes, "4,8", "1", "crop"]))
        let expected = lines.filter { $0["reject"] == .null }
        #expect(Set(expected.map { $0["bucket"] }).count == 6 && expected.count > 15, "\(expected)")
        let rows = try BuildTests.rows(scratch.path("one"))
        let shards = try Self.shards(scratch.path("one"))
        let buckets = shards.flatMap { shard in
            Array(repeating: shard["bucket"], count: shard["samples"].int ?? 0)
        }
        try #require(rows.count == expected.count && buckets.count == rows.count)
        for ((row, bucket), wanted) in zip(zip(rows, buckets), expected) {
            let metadata = row["metadata"]
            let shape = ["width", "height", "frames"].map { "\(metadata[$0].int ?? 0)" }.joined(separator: "x")
            #expect(row["source"] == wanted["source"] && bucket == wanted["bucket"] && bucket.string == shape)
            #expect(Self.close(row["scores"]["bucket_scale"].number, wanted["scale"].number), "\(row)")
            #expect(Self.close(row["scores"]["bucket_crop"].number, wanted["crop"].number), "\(row)")
            #expect(row["seconds"].elements.count == metadata["frames"].int)
        }
        let small = lines.filter { $0["reject"] != .null }.compactMap(\.["source"].string)
        let rejects: [JSON] = try decodeLines(scratch.text("one/rejects.jsonl"))
        #expect(rejects.map { $0["video"].string } == small && small == ["e tiny.mp4"])
        #expect(rejects.allSatisfy { $0["kind"] == "too-small" })
        #expect(rejects[0]["reason"].string?.contains("more enlarging") == true, "\(rejects)")
    }

    /// Clips of one shot follow each other without gap or overlap, longest first.
    @Test func shotsAreCutWithoutGaps() throws {
        let scratch = try Self.made.get()
        let rows = try BuildTests.rows(scratch.path("one")).filter { $0["source"] == "a wide.mp4" }
        let clips = rows.map { $0["seconds"].elements.compactMap(\.number) }.sorted { $0[0] < $1[0] }
        #expect(clips.map(\.count) == [8, 8, 4])
        #expect(clips.flatMap(\.self).map { ($0 * 8).rounded() } == (0..<20).map(Double.init))
    }

    private static func listed(_ set: String, _ arguments: String...) throws -> [String] {
        let outcome = try Programs.run(
            Programs.pframe.path,
            ["bench-loader", set, "--list-keys", "--epochs", "1", "--members", "mv.npy", "--shards-per-block", "2"]
                + arguments)
        try #require(outcome.status == 0, "\(outcome.errors)")
        return outcome.output.split(separator: "\n").map(String.init)
    }

    /// The batches of an epoch as plain Python gives them.
    private static func batches(_ set: String, seed: String, epoch: String, batch: String) throws -> [[String]] {
        let lines = try python(["order", set, seed, epoch, batch, "2"]).split(separator: "\n").map(String.init)
        var batches: [[String]] = []
        for parts in lines.map({ $0.split(separator: " ", maxSplits: 1).map(String.init) }) {
            if parts[0] == "\(batches.count)" { batches.append([]) }
            batches[batches.count - 1].append(parts[1])
        }
        return batches
    }

    @Test(arguments: [("7", "0", "3"), ("7", "2", "3"), ("0", "1", "2"), ("18446744073709551615", "0", "1")])
    func orderIsThatOfPlainPython(seed: String, epoch: String, batch: String) throws {
        let set = try Self.made.get().path("set")
        let batches = try Self.batches(set, seed: seed, epoch: epoch, batch: batch)
        #expect(batches.count > 6)
        let listed = try Self.listed(set, "--seed", seed, "--epoch", epoch, "--batch", batch)
        #expect(listed == batches.flatMap(\.self))
        for ranks in [2, 3] {
            for rank in 0..<ranks {
                let own = batches.enumerated().filter { $0.offset % ranks == rank }.flatMap(\.element)
                let found = try Self.listed(
                    set, "--seed", seed, "--epoch", epoch, "--batch", batch, "--ranks", "\(ranks)", "--rank",
                    "\(rank)", "--threads", "3")
                #expect(found == own, "rank \(rank) of \(ranks)")
            }
        }
        // From the end of each batch, whatever the number of ranks was.
        var position = 0
        for number in [0, 1, batches.count / 2, batches.count - 1] {
            position = batches[..<number].reduce(0) { $0 + $1.count }
            let found = try Self.listed(
                set, "--seed", seed, "--epoch", epoch, "--batch", batch, "--position", "\(position)")
            #expect(found == batches[number...].flatMap(\.self), "from \(position)")
        }
    }

    @Test func storedOrderAndOneBucket() throws {
        let set = try Self.made.get().path("set")
        let stored = try Self.batches(set, seed: "stored", epoch: "0", batch: "4").flatMap(\.self)
        #expect(try Self.listed(set, "--no-shuffle", "--batch", "4") == stored)
        let clips = try Self.shards(set).filter { $0["bucket"] == "192x112x8" }.reduce(0) {
            $0 + ($1["samples"].int ?? 0)
        }
        #expect(try Self.listed(set, "--bucket", "192x112x8").count == clips && clips > 2)
        let unknown = try Programs.pframe("bench-loader", set, "--bucket", "64x64x8")
        #expect(unknown.status == 1 && unknown.errors.contains("only 112x192x4, 112x192x8"), "\(unknown.errors)")
        var ends = Set([0])
        for batch in try Self.batches(set, seed: "0", epoch: "0", batch: "8") {
            ends.insert((ends.max() ?? 0) + batch.count)
        }
        let inside = try #require((1..<stored.count).first { !ends.contains($0) })
        let between = try Programs.pframe("bench-loader", set, "--list-keys", "--batch", "8", "--position", "\(inside)")
        #expect(between.status == 1 && between.errors.contains("no batch of 8 ends"), "\(between.errors)")
        let measured = try Programs.pframe("bench-loader", set, "--json", "--epochs", "2", "--batch", "3")
        let result = try decode(measured.output) as JSON
        #expect(result["samples"].int == 2 * stored.count && result["damaged"] == 0, "\(measured.errors)")
    }

    @Test func sameBytesAtAnyJobsInPartsAndAfterKills() throws {
        let scratch = try Scratch()
        let made = try Self.made.get()
        let expected = try BuildTests.files(made.path("set"))
        let arguments = ["build", made.path("in"), "--no-captions", "--videos-per-shard", "2"] + Self.options
        func build(_ folder: String, _ more: String...) throws -> Outcome {
            try Programs.run(Programs.pframe.path, arguments + ["--output", scratch.path(folder)] + more)
        }
        #expect(try build("jobs", "--jobs", "3").status == 1)
        #expect(try BuildTests.files(scratch.path("jobs")) == expected)
        for part in ["1/2", "0/2"] { #expect(try build("parts", "--part", part).status == 0) }
        #expect(try Programs.pframe("index", scratch.path("parts")).status == 0)
        #expect(try BuildTests.files(scratch.path("parts")) == expected)
        for seconds in [0.05, 0.3] {
            _ = try Programs.kill(arguments + ["--output", scratch.path("killed")], after: seconds)
        }
        #expect(try build("killed").status == 1)
        #expect(try BuildTests.files(scratch.path("killed")) == expected)

        // A shard that is gone brings its group back, and no other.
        let shard = try #require(expected.keys.filter { $0.hasSuffix(".tar") }.sorted().last)
        try FileManager.default.removeItem(atPath: scratch.path("killed/\(shard)"))
        let mended = try build("killed", "--json")
        #expect(mended.output.contains("\"shards_finished_before\":24"), "\(mended.output)")
        #expect(try BuildTests.files(scratch.path("killed")) == expected)
        let other = try build("killed", "--enlarge", "2")
        #expect(other.status == 1 && other.errors.contains("enlarge 1.0, now 2.0"), "\(other.errors)")
    }

    @Test func summaryAndReportTellWhatHappened() throws {
        let scratch = try Scratch()
        let made = try Self.made.get()
        let rows = try BuildTests.rows(made.path("set"))
        let wide = rows.filter { $0["metadata"]["width"] == 192 && $0["metadata"]["frames"] == 8 }
        let mean = wide.compactMap { $0["scores"]["bucket_scale"].number }.reduce(0, +) / Double(wide.count)
        let arguments = [made.path("in"), "--no-captions", "--videos-per-shard", "2"] + Self.options
        let built = try BuildTests.build(arguments + ["--json"], output: scratch.path("set"))
        let result = try decode(built.output) as JSON
        let bucket = try #require(result["buckets"].elements.first { $0["bucket"] == "192x112x8" })
        #expect(bucket["clips"].int == wide.count && bucket["reduced"].int == wide.count && bucket["enlarged"] == 0)
        #expect(Self.close(bucket["mean_scale"].number, mean))
        #expect(result["totals"]["small_shots"] == 1 && result["rejected"] == 1)
        let again = try BuildTests.build(arguments, output: scratch.path("set"))
        #expect(again.output.contains("192x112x8") && again.output.contains("mean scale"), "\(again.output)")
        #expect(again.output.contains("1 shot smaller than the buckets"), "\(again.output)")

        #expect(try Programs.pframe("report", scratch.path("set")).status == 0)
        let page = try scratch.text("set/report.html")
        #expect(page.contains("<code>192x112x8</code></th><td>\(wide.count)</td>"), "\(page.prefix(9000))")
        #expect(page.contains("112 × 192, 128 × 128, 192 × 112 pixels") && page.contains("too small for the buckets"))
    }

    @Test func filteredSetsKeepTheirBuckets() throws {
        let scratch = try Scratch()
        let set = try Self.made.get().path("set")
        #expect(try Programs.pframe("check", set).status == 0)
        let some = try Programs.pframe(
            "filter", set, "--output", scratch.path("some"), "--where", "width > height", "--score",
            "bucket_crop=...0.1")
        #expect(some.status == 0, "\(some.errors)")
        #expect(try Programs.pframe("check", scratch.path("some")).status == 0)
        let shards = try Self.shards(scratch.path("some"))
        #expect(
            !shards.isEmpty && shards.allSatisfy { $0["bucket"].string?.hasPrefix("192x112x") == true }, "\(shards)")
        let expected = try Self.batches(scratch.path("some"), seed: "1", epoch: "0", batch: "2").flatMap(\.self)
        #expect(try Self.listed(scratch.path("some"), "--seed", "1", "--batch", "2") == expected)
        for export in ["energon", "dali", "wids"] {
            #expect(try Programs.pframe("index", scratch.path("some"), "--export", export).status == 0)
        }
    }

    @Test(.requires(.readers)) func otherLoadersReadTheShards() throws {
        let set = try Self.made.get().path("set")
        let python = try #require(Peers.readers)
        let outcome = try Programs.run(python, [Peers.folder.appending(path: "read_dataset.py").path, set])
        #expect(outcome.status == 0, "\(outcome.output)\(outcome.errors)")
        // Within a shard arrays stack.
        let program = """
            import glob, webdataset
            count = 0
            for shard in sorted(glob.glob("\(set)/*.tar")):
                for batch in webdataset.WebDataset(shard, shardshuffle=False).decode().to_tuple(
                        "frames.npy", "mv.npy").batched(3):
                    assert batch[0].ndim == 5 and batch[0].shape[0] == batch[1].shape[0]
                    count += len(batch[0])
            print(count)
            """
        let stacked = try Programs.run(python, ["-c", program])
        #expect(Int(stacked.output.trimmingCharacters(in: .newlines)) == (try BuildTests.rows(set).count), "\(stacked)")
    }

    @Test func refusesWhatMakesNoSense() throws {
        let scratch = try Scratch()
        let cases: [([String], String)] = [
            (["--buckets", "128x128", "--size", "64"], "--size and --buckets exclude each other"),
            (["--lengths", "8,16", "--frames", "8"], "--frames and --lengths exclude each other"),
            (["--enlarge", "2"], "--enlarge is for --buckets"),
            (["--buckets", "128x128,banana"], "--buckets takes sizes"),
            (["--lengths", "8,,16"], "--lengths takes numbers"),
            (["--buckets", "128x128,128x128"], "named twice"),
            (["--buckets", "120x128"], "that 16 divides, not 120x128"),
            (["--lengths", "1,8"], "2 to 4096 frames, not 1"), (["--lengths", "4,8", "--hop", "2"], "the hop is for"),
            (["--buckets", "128x128", "--enlarge", "0"], "by a number above 0"),
        ]
        for (arguments, message) in cases {
            let outcome = try BuildTests.build(["video.mp4"] + arguments, output: scratch.path("set"))
            #expect(outcome.status == 2 && outcome.errors.contains(message), "\(arguments): \(outcome.errors)")
        }
    }

    @Test func setsWithoutBucketsSayNothingOfThem() throws {
        let scratch = try Scratch()
        let videos = try Self.made.get().path("in")
        let outcome = try BuildTests.build(
            [videos, "--no-captions", "--size", "64", "--frames", "8", "--no-cuts"], output: scratch.path("set"))
        #expect(outcome.status == 1 || outcome.status == 0)
        for (name, data) in try BuildTests.files(scratch.path("set")) where !name.hasSuffix(".tar") {
            let text = String(decoding: data, as: UTF8.self)
            #expect(!text.contains("bucket") && !text.contains("enlarge") && !text.contains("small_shots"), "\(name)")
        }
        // One size and one length are a set of one bucket.
        let one = try BuildTests.build(
            [videos, "--no-captions", "--size", "64", "--lengths", "8", "--no-cuts"], output: scratch.path("one"))
        #expect(one.status == outcome.status)
        #expect(try BuildTests.rows(scratch.path("one")).count == BuildTests.rows(scratch.path("set")).count)
        #expect(try Self.shards(scratch.path("one")).allSatisfy { $0["bucket"] == "64x64x8" })
    }
}
