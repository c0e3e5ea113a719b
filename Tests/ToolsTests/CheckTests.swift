import Foundation
import Testing

/// `pframe check` finds every byte that is not as it was, and says where.
@Suite struct CheckTests {
    /// Findings as `--json` prints them, without the summary.
    private func findings(_ folder: String, _ status: Int32 = 1) throws -> [JSON] {
        let outcome = try Programs.pframe("check", folder, "--json")
        #expect(outcome.status == status, "\(outcome.output)\(outcome.errors)")
        let objects: [JSON] = try decodeLines(outcome.output)
        #expect(objects.last?["findings"].int == objects.count - 1)
        for finding in objects.dropLast() {
            #expect(["file", "expected", "found", "remedy"].allSatisfy { finding[$0].string?.isEmpty == false })
        }
        return objects.dropLast()
    }

    /// A file with one byte changed, or cut off; put back afterwards.
    private func with(_ path: String, _ change: (inout Data) -> Void, _ body: () throws -> Void) throws {
        let whole = try Data(contentsOf: URL(filePath: path))
        var changed = whole
        change(&changed)
        try changed.write(to: URL(filePath: path))
        try body()
        try whole.write(to: URL(filePath: path))
    }

    @Test func findsAndLocatesEveryChange() throws {
        let scratch = try Scratch()
        let folder = try ClipSets.indexed(scratch, "set")
        #expect(try findings(folder, 0).isEmpty)
        let rows: [JSON] = try decodeLines(scratch.text("set/clips-000001.jsonl"))
        let ranges = rows.compactMap { row -> (key: String, range: Range<Int>)? in
            guard let key = row["key"].string, let offset = row["offset"].int, let size = row["size"].int
            else { return nil }
            return (key, offset..<(offset + size))
        }
        try #require(ranges.count == 12)
        var state: UInt64 = 5
        func random(_ count: Int) -> Int {
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            return Int(state >> 33) % count
        }
        let (tar, text) = (folder + "/clips-000001.tar", folder + "/clips-000001.jsonl")
        let size = try scratch.data("set/clips-000001.tar").count
        // Anywhere, in the first header, in the zeros of the end.
        for place in (0..<22).map({ _ in random(size) }) + [0, 130, size - 1, size - 700] {
            try with(tar, { $0[place] ^= 1 << UInt8(random(8)) }) {
                let all = try findings(folder)
                let first = try #require(all.first, "byte \(place)")
                let sample = ranges.first { $0.range.contains(place) }
                let offset = try #require(first["offset"].int, "byte \(place): \(first)")
                #expect(first["file"] == "clips-000001.tar" && all.count == 1, "byte \(place): \(all)")
                #expect(first["sample"].string == sample?.key, "byte \(place): \(first)")
                #expect(sample?.range.contains(offset) ?? (offset >= size - 1024), "byte \(place): \(first)")
            }
        }
        for place in [random(size), random(size), random(size), size - 1, size - 1024, 0] {
            try with(tar, { $0 = $0.prefix(place) }) {
                let all = try findings(folder)
                #expect(all.first?["file"] == "clips-000001.tar")
                #expect(all.first?["offset"].int == place && all.first?["found"].string == "\(place)")
                let cut = ranges.first { $0.range.upperBound > place }
                #expect(cut == nil || all.contains { $0["sample"].string == cut?.key }, "\(place): \(all)")
            }
        }
        let lines = try scratch.data("set/clips-000001.jsonl")
        for place in (0..<16).map({ _ in random(lines.count) }) + [lines.count - 1] {
            try with(text, { $0[place] ^= 1 << UInt8(random(8)) }) {
                let start = lines[..<place].lastIndex(of: 0x0A).map { $0 + 1 } ?? 0
                let end = lines[place...].firstIndex(of: 0x0A) ?? lines.count
                let all = try findings(folder)
                let isLocated = all.contains { finding in
                    finding["file"].string == "clips-000001.jsonl"
                        && (start...(end + 1)).contains(finding["offset"].int ?? -1)
                }
                #expect(isLocated, "byte \(place), \(lines[place]): \(all)")
            }
        }
        for place in [random(lines.count), random(lines.count), lines.count - 1, 0] {
            try with(text, { $0 = $0.prefix(place) }) {
                let all = try findings(folder)
                #expect(all.contains { $0["file"] == "clips-000001.jsonl" }, "\(place)")
            }
        }
        #expect(try findings(folder, 0).isEmpty)
    }

    @Test func findsFilesTooFewAndTooMany() throws {
        let scratch = try Scratch()
        let folder = try ClipSets.indexed(scratch, "set")
        func path(_ name: String) -> String { folder + "/" + name }
        for name in ["clips-000002.tar", "clips-000002.jsonl", "index.sqlite"] {
            try FileManager.default.moveItem(atPath: path(name), toPath: scratch.path("away"))
            #expect(try findings(folder).map { $0["file"].string }.contains(name))
            try FileManager.default.moveItem(atPath: scratch.path("away"), toPath: path(name))
        }
        for name in ["clips-000009.tar", "clips-000009.tar.tmp", ".partial-1.sqlite"] {
            try Data("x".utf8).write(to: URL(filePath: path(name)))
            #expect(try findings(folder).map { $0["file"].string } == [name])
            try FileManager.default.removeItem(atPath: path(name))
        }
        try Data("{\"key\":\"nobody\"}\n".utf8).write(to: URL(filePath: path("clips-000000.mine.jsonl")))
        #expect(try findings(folder).map { $0["file"].string } == ["clips-000000.mine.jsonl"])
        try FileManager.default.removeItem(atPath: path("clips-000000.mine.jsonl"))
        try with(path("rejects.jsonl"), { $0 = Data("{\n".utf8) + $0 }) {
            let files = try findings(folder).map { $0["file"].string }
            #expect(files == ["rejects.jsonl"])
        }
        try with(path("dataset.json"), { $0 = $0.prefix(90) }) {
            let files = try findings(folder).map { $0["file"].string }
            #expect(files == ["dataset.json"])
        }
        try FileManager.default.removeItem(atPath: path("dataset.json"))
        #expect(try findings(folder).first?["found"].string != nil)
    }

    /// Rows that do not tile the archive, though `dataset.json` vouches for both files.
    @Test func comparesRowsWithHeaders() throws {
        let scratch = try Scratch()
        let script = """
            import hashlib, json, sys
            folder, damage = sys.argv[1:]
            path = folder + "/clips-000001.jsonl"
            rows = [json.loads(line) for line in open(path).read().split("\\n") if line]
            if damage == "missing": del rows[4]
            if damage == "twice": rows[5]["key"] = rows[4]["key"]
            if damage == "offset": rows[4]["offset"] += 512
            if damage == "length": rows[4]["members"]["jpg"][1] -= 1
            if damage == "name": rows[4]["members"]["png"] = rows[4]["members"].pop("jpg")
            if damage == "crc": rows[4]["crc32c"] ^= 1
            if damage == "elsewhere": rows[4]["key"] = "000000_0000004"
            text = "".join(json.dumps(row) + "\\n" for row in rows)
            open(path, "w").write(text)
            description = json.load(open(folder + "/dataset.json"))
            description["shards"][1].update(
                samples=len(rows), rows_sha256=hashlib.sha256(text.encode()).hexdigest())
            json.dump(description, open(folder + "/dataset.json", "w"))
            """
        let whole = try ClipSets.indexed(scratch, "whole")
        for damage in ["missing", "twice", "offset", "length", "name", "crc", "elsewhere"] {
            let folder = scratch.path(damage)
            try FileManager.default.copyItem(atPath: whole, toPath: folder)
            let made = try Programs.run("/usr/bin/env", ["python3", "-c", script, folder, damage])
            try #require(made.status == 0, "\(made.errors)")
            let all = try findings(folder)
            let files = Set(all.compactMap { $0["file"].string })
            #expect(!files.isDisjoint(with: ["clips-000001.jsonl", "clips-000001.tar"]), "\(damage): \(all)")
            let keys = all.compactMap { $0["sample"].string }
            let key = damage == "twice" ? "000001_0000004" : damage == "elsewhere" ? "000000_0000004" : "000001_0000004"
            #expect(damage == "missing" || keys.contains(key), "\(damage): \(all)")
        }
    }

    @Test(arguments: ["index", "check", "score", "filter"])
    func helpHasExamples(_ command: String) throws {
        let outcome = try Programs.pframe(command, "--help")
        #expect(outcome.status == 0 && outcome.output.contains("EXAMPLES:"))
        #expect(outcome.output.contains("pframe \(command) clips"))
    }

    @Test func readsLikeASentence() throws {
        let scratch = try Scratch()
        let folder = try ClipSets.indexed(scratch, "set")
        let good = try Programs.pframe("check", folder, "--jobs", "2")
        #expect(good.status == 0 && good.output.contains("all is well; 3 shards, 36 records"), "\(good.output)")
        try with(folder + "/clips-000000.tar", { $0[9000] ^= 1 }) {
            let bad = try Programs.pframe("check", folder)
            let lines = bad.output.split(separator: "\n")
            try #require(bad.status == 1 && lines.count == 2, "\(bad.output)")
            #expect(
                lines[0].hasPrefix("clips-000000.tar: at byte ") && lines[0].contains("expected CRC-32C ")
                    && lines[0].hasSuffix("remove the shard and run `pframe build` again"), "\(lines[0])")
        }
        #expect(try Programs.pframe("check", folder, "--jobs", "0").status == 2)
        #expect(try Programs.pframe("check").status == 2)
        #expect(try Programs.pframe("check", scratch.path("nothing")).status == 1)
    }
}
