import Foundation
import Testing

/// `pframe filter` against the same rules in Python.
@Suite struct FilterTests {
    private func run(_ arguments: [String]) throws -> Outcome { try Programs.run(Programs.pframe.path, arguments) }

    @Test func equalsTheRulesInPython() throws {
        let scratch = try Scratch()
        let folder = try ClipSets.indexed(scratch, "set", samples: 60)
        let rules: [([String], String)] = [
            (["--motion", "5...20"], #"{"motion": [5, 20]}"#),
            (["--motion", "7..."], #"{"motion": [7, null]}"#),
            (
                ["--score", "motion_vector=...12.5", "--score", "label=1...3"],
                #"""
                {"score": [["motion_vector", null, 12.5], ["label", 1, 3]]}
                """#
            ),
            (["--drop-duplicates"], #"{"duplicates": true}"#),
            (["--top", "40", "--by", "motion_content"], #"{"top": [40, "motion_content"]}"#),
            (
                ["--where", "caption LIKE '%red%' OR key < '000001' -- all"],
                #"""
                {"where": "caption LIKE '%red%' OR key < '000001'"}
                """#
            ),
            // Originals are dropped by other rules before duplicates are.
            (
                [
                    "--top", "40", "--by", "label", "--drop-duplicates", "--where", "number % 3 > 0", "--motion",
                    "2...24",
                ],
                #"""
                {"motion": [2, 24], "where": "number % 3 > 0", "duplicates": true, "top": [40, "label"]}
                """#
            ),
        ]
        for (number, (options, json)) in rules.enumerated() {
            let output = scratch.path("out-\(number)")
            let outcome = try run(["filter", folder, "--output", output] + options)
            #expect(outcome.status == 0, "\(options): \(outcome.errors)")
            _ = try ClipSets.expect("filter_check.py", folder, output, json)
            _ = try ClipSets.expect("index_check.py", output)
            let checked = try Programs.pframe("check", output)
            #expect(checked.status == 0, "\(options): \(checked.output)")
            let listed = try run(["filter", folder, "--list"] + options)
            let keys = try scratch.names(in: "out-\(number)").filter { $0.hasPrefix("clips") && $0.hasSuffix(".jsonl") }
                .flatMap { try decodeLines(scratch.text("out-\(number)/\($0)")) as [JSON] }.compactMap {
                    $0["key"].string
                }
            #expect(listed.output.split(separator: "\n").map(String.init) == keys, "\(options)")
        }
    }

    /// Every file but the lock, by name.
    private func files(_ scratch: Scratch, _ folder: String) throws -> [String: Data] {
        var files: [String: Data] = [:]
        for name in try FileManager.default.subpathsOfDirectory(atPath: scratch.path(folder)) {
            files[name] = FileManager.default.contents(atPath: scratch.path(folder + "/" + name)) ?? Data()
        }
        return files
    }

    @Test func sameBytesAtAnyJobsAndAfterAStop() throws {
        let scratch = try Scratch()
        let folder = try ClipSets.indexed(scratch, "set")
        let scores = try (decodeLines(scratch.text("set/clips-000001.jsonl")) as [JSON]).map {
            "{\"extra\":1.5,\"key\":\"\($0["key"].string ?? "")\"}\n"
        }
        try Data(scores.joined().utf8).write(to: URL(filePath: folder + "/clips-000001.extra.jsonl"))
        #expect(try Programs.pframe("index", folder).status == 0)
        let rules = ["--motion", "4...", "--drop-duplicates"]
        for jobs in ["1", "2"] {
            let outcome = try run(["filter", folder, "--output", scratch.path("jobs-" + jobs), "--jobs", jobs] + rules)
            #expect(outcome.status == 0, "\(outcome.errors)")
        }
        let whole = try files(scratch, "jobs-1")
        #expect(try whole == files(scratch, "jobs-2"))
        #expect(whole["clips-000001.extra.jsonl"]?.isEmpty == false && whole["clips-000000.extra.jsonl"] == nil)
        // As a killed run leaves it: no dataset.json, a shard half written.
        for name in ["dataset.json", "index.sqlite", "clips-000001.tar", ".shards/000001.json"] {
            try FileManager.default.removeItem(atPath: scratch.path("jobs-2/" + name))
        }
        try Data(count: 700).write(to: URL(filePath: scratch.path("jobs-2/clips-000001.tar.tmp")))
        let other = try files(scratch, "jobs-2")
        #expect(try run(["filter", folder, "--output", scratch.path("jobs-2")] + rules).status == 0)
        let again = try files(scratch, "jobs-2")
        #expect(whole == again && whole != other)
        // Other rules replace what was there.
        let replaced = try run([
            "filter", folder, "--output", scratch.path("jobs-2"), "--where", "shard = 'clips-000002'",
        ])
        #expect(replaced.status == 0, "\(replaced.errors)")
        #expect(!scratch.exists("jobs-2/clips-000001.tar"))
        _ = try ClipSets.expect(
            "filter_check.py", folder, scratch.path("jobs-2"), #"{"where": "shard = 'clips-000002'"}"#)
        #expect(try Programs.pframe("check", scratch.path("jobs-2")).status == 0)
        // A filtered set can be filtered again, and closed again.
        #expect(
            try run(["filter", scratch.path("jobs-1"), "--output", scratch.path("twice"), "--motion", "...15"]).status
                == 0)
        #expect(try Programs.pframe("index", scratch.path("twice")).status == 0)
        #expect(try Programs.pframe("check", scratch.path("twice")).status == 0)
    }

    @Test func saysWhatIsWrong() throws {
        let scratch = try Scratch()
        let folder = try ClipSets.indexed(scratch, "set")
        let output = scratch.path("out")
        for (arguments, message) in [
            (["--where", "motion_contnet > 3"], "no such column: motion_contnet"),
            (["--where", "1; DROP TABLE clips"], "--where: "), (["--where", "length("], "key, shard, number, caption"),
            (["--score", "nothing=1..."], "there is no column nothing"), (["--top", "3"], "--by COLUMN"),
            (["--motion", "20...1"], "--motion"), (["--motion", "..."], "--motion"), ([], "give a rule"),
            (["--top", "0", "--by", "label"], "--top takes 1"),
        ] {
            let outcome = try run(["filter", folder, "--output", output] + arguments)
            #expect(outcome.status == 2 && outcome.errors.contains(message), "\(arguments): \(outcome.errors)")
        }
        #expect(try run(["filter", folder, "--motion", "1..."]).status == 2)
        let none = try run(["filter", folder, "--output", output, "--motion", "1000..."])
        #expect(none.status == 1 && none.errors.contains("no clip meets the rules"), "\(none.errors)")
        #expect(!scratch.exists("out"))

        try FileManager.default.createDirectory(atPath: output, withIntermediateDirectories: true)
        try Data("mine".utf8).write(to: URL(filePath: output + "/notes.txt"))
        for target in [output, folder] {
            let refused = try run(["filter", folder, "--output", target, "--motion", "1..."])
            #expect(refused.status == 1 && refused.errors.contains("name a new folder"), "\(refused.errors)")
        }
        try FileManager.default.removeItem(atPath: output)

        var shard = try scratch.data("set/clips-000001.tar")
        shard[3000] ^= 4
        try shard.write(to: URL(filePath: folder + "/clips-000001.tar"))
        let damaged = try run(["filter", folder, "--output", output, "--where", "1"])
        #expect(damaged.status == 1 && damaged.errors.contains("record 000001_0000000 is damaged"), "\(damaged.errors)")
        #expect(!scratch.exists("out/dataset.json") && !scratch.exists("out/clips-000001.tar"))
    }

    @Test func saysWhenTheDiskIsFull() throws {
        let scratch = try Scratch()
        let folder = try ClipSets.indexed(scratch, "set")
        let arguments = ["filter", folder, "--output", scratch.path("out"), "--where", "1"]
        #expect(try run(arguments).status == 0)
        for name in ["dataset.json", "clips-000001.tar"] {
            try FileManager.default.removeItem(atPath: scratch.path("out/" + name))
        }
        try FileManager.default.createSymbolicLink(
            atPath: scratch.path("out/clips-000001.tar.tmp"), withDestinationPath: "/dev/full")
        let full = try run(arguments)
        #expect(full.status == 1 && full.errors.contains("clips-000001.tar"), "\(full.errors)")
        #expect(full.errors.contains("No space left"), "\(full.errors)")
        #expect(!scratch.exists("out/dataset.json") && !scratch.exists("out/clips-000001.tar"))
    }
}
