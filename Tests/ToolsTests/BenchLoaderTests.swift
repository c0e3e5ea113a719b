import Foundation
import SystemPackage
import TestSupport
import Testing

@Suite struct BenchLoaderTests {
    private func shards(_ scratch: Scratch) throws -> TestShards {
        try TestShards(in: FilePath(scratch.url.path), counts: [5, 9, 3, 7], name: { "a shard \($0)" })
    }

    private func keys(_ arguments: String..., in folder: String) throws -> [String] {
        let outcome = try Programs.run(
            Programs.pframe.path, ["bench-loader", folder, "--list-keys", "--epochs", "1"] + arguments)
        #expect(outcome.status == 0, "\(outcome.errors)")
        return outcome.output.split(separator: "\n").map(String.init)
    }

    @Test func measuresBesideCat() throws {
        let scratch = try Scratch()
        _ = try shards(scratch)
        let outcome = try Programs.pframe("bench-loader", scratch.url.path, "--epochs", "2", "--json")
        #expect(outcome.status == 0 && outcome.errors.isEmpty, "\(outcome.errors)")
        let values: [String: Double] = try decode(outcome.output)
        #expect(
            values.keys.sorted() == [
                "bytes_per_second", "cat_bytes_per_second", "damaged", "first_sample_ms", "ratio", "samples",
                "samples_per_second",
            ])
        #expect(values["samples"] == 48 && values["damaged"] == 0)
        #expect(values.values.allSatisfy { $0.isFinite && $0 >= 0 })
        let text = try Programs.pframe("bench-loader", scratch.url.path, "--epochs", "1").output
        for word in ["loader", "cat", "GB/s", "first batch", "records read"] { #expect(text.contains(word), "\(text)") }
    }

    @Test func listsTheSameOrderForAnyNumberOfThreadsAndRanks() throws {
        let scratch = try Scratch()
        let set = try shards(scratch)
        let folder = scratch.url.path
        let stored = set.samples.joined().enumerated().map { "\($0) \($1.key)" }
        #expect(try keys("--no-shuffle", in: folder) == stored)
        let all = try keys("--seed", "5", "--shards-per-block", "2", in: folder)
        #expect(all != stored && Set(all.map { $0.split(separator: " ")[1] }).count == 24)
        #expect(
            try keys(
                "--seed", "5", "--shards-per-block", "2", "--threads", "5", "--prefetch", "1", "--batch", "3",
                in: folder) == all)
        let rest = try (0..<3).flatMap { rank in
            try keys(
                "--seed", "5", "--shards-per-block", "2", "--position", "7", "--ranks", "3", "--rank", "\(rank)",
                "--batch", "2", in: folder)
        }
        #expect(
            rest.sorted { Int($0.prefix { $0 != " " }) ?? 0 < Int($1.prefix { $0 != " " }) ?? 0 } == Array(all[7...]))
        let objects: [JSON] = try keys("--no-shuffle", "--json", in: folder).map { try decode($0) }
        #expect(objects.map { "\($0["position"].int ?? -1) \($0["key"].string ?? "")" } == stored)
        let script = "pipe:cat '\(folder)'/{}"
        #expect(try keys("--seed", "5", "--shards-per-block", "2", in: script) == all)
    }

    @Test func namesDamageAndEndsWithOne() throws {
        let scratch = try Scratch()
        let set = try shards(scratch)
        var bytes = try contents(of: set.tar(1))
        bytes[set.extents[1][4].offset + 700] ^= 4
        try put(bytes, at: set.tar(1))
        let fatal = try Programs.pframe("bench-loader", scratch.url.path, "--epochs", "1")
        #expect(
            fatal.status == 1 && fatal.errorLines.count == 1 && fatal.errors.contains("record 000001_0004 is damaged"))
        #expect(fatal.errors.contains("a shard 1.tar: at byte \(set.extents[1][4].offset)"), "\(fatal.errors)")
        let skipped = try Programs.pframe(
            "bench-loader", scratch.url.path, "--epochs", "1", "--json", "--skip-damaged")
        #expect(
            skipped.status == 1 && skipped.output.contains("\"damaged\":1") && skipped.output.contains("\"samples\":23")
        )
        #expect(skipped.errors.contains("record 000001_0004: its CRC-32C is"), "\(skipped.errors)")
    }

    @Test(
        arguments: [
            ["--batch", "0"], ["--rank", "1"], ["--prefetch", "-1"], ["--epochs", "0"], ["--position", "-1"],
            ["--members"], ["--seed", "x"],
        ])
    func refusesWrongUse(arguments: [String]) throws {
        let outcome = try Programs.run(Programs.pframe.path, ["bench-loader", "somewhere"] + arguments)
        #expect(outcome.status == 2, "\(outcome.errors)")
    }

    @Test func tellsWhatIsNoDataSet() throws {
        let scratch = try Scratch()
        for place in [scratch.url.path, scratch.path("none"), "http://127.0.0.1:1/set", "pipe:false {}"] {
            let outcome = try Programs.pframe("bench-loader", place)
            #expect(outcome.status == 1 && outcome.errors.hasPrefix("error: "), "\(outcome.errors)")
        }
        #expect(try Programs.pframe("bench-loader", "pipe:cat x").status == 2)
    }
}
