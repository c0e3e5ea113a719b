import Foundation
import TestSupport
import Testing

/// `pframe index` against Python's sqlite3, tarfile and hashlib, and the packages whose files it writes.
@Suite struct IndexTests {
    @Test func equalsWhatPythonMakesOfTheRows() throws {
        let scratch = try Scratch()
        let folder = try ClipSets.make(scratch, "set", "--samples", "150")
        let scores = (0..<150).map { number in
            let value = number % 7 == 0 ? "null" : "\(Double(number) / 3)"
            return "{\"caption_clip\":\(value),\"key\":\"000001_\(String(repeating: "0", count: 7 - "\(number)".count))"
                + "\(number)\",\"motion_vector\":\(Double(number))}\n"
        }
        try Data(scores.joined().utf8).write(to: URL(filePath: folder + "/clips-000001.mine.jsonl"))
        let outcome = try Programs.pframe("index", folder)
        #expect(outcome.status == 0, "\(outcome.errors)")
        let found = try ClipSets.expect("index_check.py", folder)
        #expect(found.hasPrefix("450 clips") && !found.contains(" 0 duplicates"), "\(found)")

        let first = try scratch.data("set/index.sqlite")
        #expect(try Programs.pframe("index", folder, "--jobs", "1").status == 0)
        #expect(try scratch.data("set/index.sqlite") == first, "the same rows give the same bytes")
        #expect(try scratch.names(in: "set").allSatisfy { !$0.hasPrefix(".") })
    }

    @Test func closesSetsBuiltInParts() throws {
        let scratch = try Scratch()
        let folder = try ClipSets.make(scratch, "parts", "--parts", "--shards", "11")
        for number in ["000003", "000007", "000008", "000009"] {
            try FileManager.default.moveItem(
                atPath: folder + "/.shards/\(number).json", toPath: scratch.path("\(number).json"))
        }
        let unfinished = try Programs.pframe("index", folder)
        #expect(unfinished.status == 1)
        #expect(
            unfinished.errors.contains("shards 3, 7–9 of 11 are missing: run their parts"), "\(unfinished.errors)")
        #expect(!scratch.exists("parts/dataset.json"))
        for number in ["000003", "000007", "000008", "000009"] {
            try FileManager.default.moveItem(
                atPath: scratch.path("\(number).json"), toPath: folder + "/.shards/\(number).json")
        }
        #expect(try Programs.pframe("index", folder).status == 0)
        _ = try ClipSets.expect("index_check.py", folder)
        let text = try scratch.data("parts/dataset.json")
        let description: JSON = try decode(String(decoding: text, as: UTF8.self))
        #expect(description["shards"].elements.count == 8, "of eleven shards three are empty")
        #expect(description["totals"] == .object(["clips": 96, "videos": 22]))
        #expect(try scratch.text("parts/rejects.jsonl").split(separator: "\n").count == 11)
        #expect(try Programs.pframe("check", folder).status == 0)
        #expect(try Programs.pframe("index", folder, "--jobs", "1").status == 0)
        #expect(try scratch.data("parts/dataset.json") == text)
    }

    @Test(.requires(.loaders)) func takesInShardsMadeElsewhere() throws {
        let python = try #require(Peers.loaders)
        let scratch = try Scratch()
        let folder = try ClipSets.make(scratch, "foreign", "--foreign", "--shards", "4", "--samples", "40")
        let outcome = try Programs.pframe("index", folder, "--export", "dali", "--export", "energon")
        #expect(outcome.status == 0, "\(outcome.errors)")
        #expect(try ClipSets.expect("foreign_check.py", folder, "--dali").hasPrefix("160 samples"))
        _ = try ClipSets.expect("index_check.py", folder)
        let checked = try Programs.pframe("check", folder)
        #expect(checked.status == 0, "\(checked.output)")
        _ = try ClipSets.expect("foreign_check.py", folder, "--energon", python: python)
        let rows = try scratch.data("foreign/part.2.jsonl")
        #expect(try Programs.pframe("index", folder, "--jobs", "1").status == 0)
        #expect(try scratch.data("foreign/part.2.jsonl") == rows)
    }

    @Test(arguments: ["--parts", "--foreign"]) func leavesWhatANewerVersionWrote(_ kind: String) throws {
        let scratch = try Scratch()
        let folder = try ClipSets.make(scratch, "set", kind)
        let newer = Data("{\"schema\": 2, \"unknown\": true}\n".utf8)
        try newer.write(to: URL(filePath: folder + "/dataset.json"))
        let names = try scratch.names(in: "set")
        let outcome = try Programs.pframe("index", folder)
        #expect(outcome.status == 1)
        #expect(
            outcome.errors.contains("dataset.json: schema 2 is newer than this PFrame knows (1): update PFrame"),
            "\(outcome.errors)")
        #expect(try scratch.data("set/dataset.json") == newer)
        #expect(try scratch.names(in: "set") == names)
    }

    @Test(.requires(.loaders)) func otherLoadersReadTheirFiles() throws {
        let python = try #require(Peers.loaders)
        let scratch = try Scratch()
        let folder = try ClipSets.make(scratch, "set")
        let outcome = try Programs.pframe(
            "index", folder, "--export", "energon", "--export", "dali", "--export", "wids")
        #expect(outcome.status == 0, "\(outcome.errors)")
        _ = try ClipSets.expect("foreign_check.py", folder, "--energon", "--dali", "--wids", python: python)
    }

    @Test func bringsLostRowsBack() throws {
        let scratch = try Scratch()
        let folder = try ClipSets.indexed(scratch, "set")
        let before: [JSON] = try decodeLines(scratch.text("set/clips-000001.jsonl"))
        for name in ["dataset.json", "clips-000000.jsonl", "clips-000001.jsonl", "clips-000002.jsonl"] {
            try FileManager.default.removeItem(atPath: folder + "/" + name)
        }
        #expect(try Programs.pframe("index", folder).status == 0)
        let after: [JSON] = try decodeLines(scratch.text("set/clips-000001.jsonl"))
        #expect(before.count == 12 && after.count == 12)
        for (old, new) in zip(before, after) {
            for name in [
                "key", "offset", "size", "crc32c", "members", "caption", "source", "seconds", "hash", "scores",
            ] {
                #expect(old[name] != .null && old[name] == new[name], "\(name)")
            }
        }
    }

    /// Shards with something wrong, what is said of it, and how many samples are left of 20.
    @Test(
        arguments: [
            ("truncate", "cut off within", 15), ("no-end", "ends without the zero blocks", 20),
            ("no-end-partial", "may lack members", 19), ("header", "no tar header", 14),
            ("apart", "more members of s3, apart from those at byte", 19), ("twice", "a second record s3", 20),
            ("member", "a second txt of s3", 19), ("json", "no valid JSON", 20),
        ])
    func namesWhatIsDamaged(_ damage: String, _ message: String, _ samples: Int) throws {
        let scratch = try Scratch()
        let script = """
            import io, sys, tarfile
            damage, path = sys.argv[1:]
            def add(archive, name, data):
                info = tarfile.TarInfo(name)
                info.size = len(data)
                archive.addfile(info, io.BytesIO(data))
            with tarfile.open(path + "/a.tar", "w", format=tarfile.USTAR_FORMAT) as archive:
                for n in range(20):
                    for name, data in [("bin", bytes(700)), ("json", b'{"n": 1' + b"}" * (damage != "json" or n != 5)),
                                       ("txt", b"x")]:
                        if (damage, n, name) not in [("no-end-partial", 19, "txt"), ("apart", 3, "txt")]:
                            add(archive, f"s{n}.{name}", data)
                            if (damage, n, name) == ("member", 3, "txt"):
                                add(archive, "s3.TXT", b"y")
                if damage in ["apart", "twice"]:
                    add(archive, "s3.txt", b"z")
            data = open(path + "/a.tar", "rb").read()
            sample = 512 + 1024 + 1024 + 1024
            end = len(data.rstrip(b"\\0")) // 512 * 512 + 512
            if damage == "truncate":
                data = data[:15 * sample + 1500]
            if damage in ["no-end", "no-end-partial"]:
                data = data[:end]
            if damage == "header":
                at = 14 * sample + 2560 + 100
                data = data[:at] + b"\\xff" + data[at + 1:]
            open(path + "/a.tar", "wb").write(data)
            with tarfile.open(path + "/b.tar", "w") as archive:
                add(archive, "other.txt", b"hello")
            """
        let made = try Programs.run("/usr/bin/env", ["python3", "-c", script, damage, scratch.url.path])
        try #require(made.status == 0, "\(made.errors)")
        let outcome = try Programs.pframe("index", scratch.url.path, "--json")
        #expect(outcome.status == 1)
        let line = try #require(outcome.errorLines.first { $0.contains(message) }, "\(outcome.errors)")
        #expect(line.contains("a.tar: at byte "), "\(line)")
        let result = try #require(try (decodeLines(outcome.output) as [JSON]).first)
        #expect(result["samples"].int == samples + 1, "\(outcome.errors)")
        #expect(try scratch.text("b.jsonl").contains("hello"))
    }

    @Test func keysOfOtherShardsAreLeftOut() throws {
        let scratch = try Scratch()
        let folder = try ClipSets.make(scratch, "foreign", "--foreign", "--shards", "2")
        try FileManager.default.copyItem(atPath: folder + "/part.0.tar", toPath: folder + "/copy.tar")
        let outcome = try Programs.pframe("index", folder)
        #expect(outcome.status == 1 && outcome.errors.contains("which copy.tar has: not indexed"), "\(outcome.errors)")
        #expect(outcome.output.contains("24 records in 2 shards"), "\(outcome.output)")
        try Data("mine\n".utf8).write(to: URL(filePath: folder + "/part.1.jsonl"))
        let refused = try Programs.pframe("index", folder)
        #expect(refused.status == 1 && refused.errors.contains("move it away"), "\(refused.errors)")
        #expect(try scratch.text("foreign/part.1.jsonl") == "mine\n")
    }

    @Test func takesFoldersWhoseNamesAreNoUTF8() throws {
        let scratch = try Scratch()
        let folder = try ClipSets.make(scratch, "set")
        // A shell writes the byte; Foundation could not.
        let script = """
            cd "$1" && folder=$(printf 'caf\\351 1') && mv set "$folder" && '\(Programs.pframe.path)' index "$folder" &&
            '\(Programs.pframe.path)' check "$folder" && '\(Programs.pframe.path)' filter "$folder" --output "$folder/f" \
            --motion 5... && '\(Programs.pframe.path)' check "$folder/f" && test -s "$folder/index.sqlite"
            """
        let outcome = try Programs.run("/bin/sh", ["-c", script, "sh", scratch.url.path])
        #expect(outcome.status == 0 && !FileManager.default.fileExists(atPath: folder), "\(outcome.errors)")
    }

    @Test func saysWhatIsMissing() throws {
        let scratch = try Scratch()
        let empty = try Programs.pframe("index", scratch.url.path)
        #expect(empty.status == 1 && empty.errors.contains("holds no .tar file"), "\(empty.errors)")
        #expect(try Programs.pframe("index", scratch.url.path, "--export", "nothing").status == 2)
        let folder = try ClipSets.make(scratch, "set")
        try Data("{\"key\":\"nobody\",\"x\":1.0}\n".utf8).write(
            to: URL(filePath: folder + "/clips-000000.x.jsonl"))
        let stray = try Programs.pframe("index", folder)
        #expect(stray.status == 1 && stray.errors.contains("scores of nobody"), "\(stray.errors)")
        #expect(!scratch.exists("set/index.sqlite"))
    }
}
