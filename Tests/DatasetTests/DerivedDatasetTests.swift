import Codec
import Dataset
import Shards
import Storage
import SystemPackage
import TestSupport
import Testing

@Suite struct DerivedDatasetTests {
    private static let counts = [3, 1, 4]
    private static let kept = ["jpg", "mv.npy", "txt"]

    /// What stands for a latent: the sum and the number of the bytes of `x.npy`, as int64 (2).
    private func latent(_ x: [UInt8]) -> [UInt8] {
        let values = [x.reduce(0) { $0 + Int($1) }, x.count]
        return TestShards.array(
            "<i8", [2], values.flatMap { value in (0..<8).map { UInt8(truncatingIfNeeded: value >> (8 * $0)) } })
    }

    private func open(
        _ source: FilePath, _ output: FilePath, options: JSONValue = .object(["loop": .text("closed")]),
        part: BuildPart = .whole
    ) throws -> DerivedDataset {
        try DerivedDataset(
            source: DatasetFolder(source), output: output, command: "pframe encode", options: options,
            tool: "pframe test", part: part)
    }

    private func make(_ shard: DerivedShard, leavingOut: (Int) -> Bool = { _ in false }) throws {
        for index in shard.rows.indices where !leavingOut(index) {
            let sample = try shard.sample(index)
            try shard.append(
                sample, keeping: Self.kept, adding: [("latent.npy", latent(try sample.bytes(of: "x.npy")))],
                scores: ["psnr_coding": Double(index) + 0.5])
        }
        try shard.finish(totals: ["frames": 2])
    }

    /// Derives at once, without a stop.
    private func derive(_ source: FilePath, _ output: FilePath) throws -> DatasetDescription {
        let set = try open(source, output)
        while let shard = try set.next() { try make(shard) }
        return try #require(try set.close())
    }

    /// Every file but the locks, by its name.
    private func files(_ folder: FilePath) throws -> [String: [UInt8]] {
        var names = try DatasetFolder(folder).description().shards.flatMap { [$0.tarName, $0.rowsName] }
        names += ["dataset.json", "index.sqlite", "rejects.jsonl"]
        names += Self.counts.indices.map { ".shards/00000\($0).json" }
        return try Dictionary(uniqueKeysWithValues: names.map { ($0, try contents(of: folder.appending($0))) })
    }

    private func withSource(_ body: (TestShards, FilePath) throws -> Void) throws {
        try withTemporaryFolder { folder in
            try createFolder(folder.appending("source"))
            let shards = try TestShards(in: folder.appending("source"), counts: Self.counts)
            // Scores beside a shard, as `pframe score` leaves them.
            let line = "{\"clip\":0.25,\"key\":\"\(shards.samples[2][1].key)\"}\n"
            try put(Array(line.utf8), at: shards.folder.appending(shards.names[2] + ".clip.jsonl"))
            try body(shards, folder)
        }
    }

    @Test("samples keep keys, columns and chosen members, and have new ones")
    func content() throws {
        try withSource { source, folder in
            let output = folder.appending("latents")
            let description = try derive(source.folder, output)
            #expect(description == (try DatasetFolder(output).description()))
            #expect(description.shards.map(\.name) == source.names && description.shards.map(\.samples) == Self.counts)
            #expect(description.totals == ["clips": 8, "left_out": 0, "frames": 6])
            let derived = try #require(description.options["derived"])
            #expect(derived["loop"] == .text("closed") && derived["source"] == .text("source"))
            #expect(try DatasetCheck(DatasetFolder(output)).run().findings == [])

            for (number, shard) in description.shards.enumerated() {
                let old = try DatasetFolder(source.folder).rows(shard)
                let new = try DatasetFolder(output).rows(shard)
                let archive = try contents(of: DatasetFolder(output).tar(shard))
                for (index, row) in new.enumerated() {
                    var columns = old[index].columns
                    columns.scores["psnr_coding"] = Double(index) + 0.5
                    if (number, index) == (2, 1) { columns.scores["clip"] = 0.25 }
                    #expect(row.key == old[index].key && row.columns == columns)
                    #expect(row.members.map(\.name) == ["jpg", "json", "latent.npy", "mv.npy", "txt"])
                    let sample = source.samples[number][index]
                    for member in row.members {
                        let bytes = Array(archive[member.offset..<(member.offset + member.length)])
                        let x = try #require(sample.members.first { $0.name == "x.npy" }?.bytes)
                        let expected = sample.members.first { $0.name == member.name }?.bytes ?? latent(x)
                        #expect(bytes == expected, "\(row.key).\(member.name)")
                    }
                }
            }
            let index = try DatasetIndex(DatasetFolder(output))
            #expect(try index.count(where: "psnr_coding = 3.5") == 1 && index.count(where: "clip = 0.25") == 1)
        }
    }

    @Test("the loader delivers the new member")
    func loads() throws {
        try withSource { source, folder in
            let output = folder.appending("latents")
            _ = try derive(source.folder, output)
            var options = LoaderOptions()
            options.members = ["latent.npy"]
            options.shuffle = false
            options.batchSize = 3
            let loader = try Loader(ShardSource(output.string), options: options)
            var (keys, elements): ([String], [UInt8]) = ([], [])
            while let batch = try loader.next() {
                keys += batch.keys
                batch.withArray("latent.npy") { bytes, type, shape in
                    #expect(shape == [batch.count, 2])
                    elements += bytes
                }
            }
            let samples = source.samples.flatMap { $0 }
            #expect(keys == samples.map(\.key))
            #expect(
                elements
                    == samples.flatMap { sample in
                        let x = sample.members.first { $0.name == "x.npy" }?.bytes ?? []
                        return latent(x).dropFirst(128)
                    })
        }
    }

    @Test("a run that was stopped goes on at the shard where it was", arguments: [0, 1, 2], [false, true])
    func resumes(stopAt stop: Int, afterSamples: Bool) throws {
        try withSource { source, folder in
            let (whole, output) = (folder.appending("whole"), folder.appending("latents"))
            _ = try derive(source.folder, whole)
            do {
                let set = try open(source.folder, output)
                for _ in 0..<stop { try make(try #require(try set.next())) }
                let shard = try #require(try set.next())
                if afterSamples { try shard.append(try shard.sample(0), keeping: Self.kept) }
                let error = try #require(throws: PFrameError.self) { try set.close() }
                #expect(error.message.contains(stop == 0 ? "no receipts" : "missing: run"))
            }
            // What a kill leaves: unfinished files, and a shard whose receipt does not vouch for it.
            try put([1, 2, 3], at: output.appending("clips-000002.tar.tmp"))
            if stop > 1 { try put([1, 2, 3], at: output.appending("clips-000001.jsonl")) }

            do {
                let set = try open(source.folder, output)
                #expect(set.shards == 3 && set.pending.count == 3 - min(stop, 1))
                while let shard = try set.next() { try make(shard) }
                _ = try set.close()
            }
            #expect(try files(output) == files(whole))
            #expect(try DatasetCheck(DatasetFolder(output)).run().findings == [])
            #expect(try open(source.folder, output).pending.isEmpty)
        }
    }

    @Test("a shard that was damaged is made again")
    func remakesDamaged() throws {
        try withSource { source, folder in
            let output = folder.appending("latents")
            _ = try derive(source.folder, output)
            let before = try files(output)
            var bytes = try contents(of: output.appending("clips-000001.tar"))
            bytes[600] ^= 1
            try put(bytes, at: output.appending("clips-000001.tar"))
            let set = try open(source.folder, output)
            #expect(set.pending.map(\.name) == ["clips-000001"])
            while let shard = try set.next() { try make(shard) }
            _ = try set.close()
            #expect(try files(output) == before)
        }
    }

    @Test("two parts make what one process makes, and the last one closes the set")
    func parts() throws {
        try withSource { source, folder in
            let (whole, output) = (folder.appending("whole"), folder.appending("latents"))
            _ = try derive(source.folder, whole)
            let parts = try ["0/2", "1/2"].map { text in
                try open(source.folder, output, part: try #require(BuildPart(text)))
            }
            #expect(parts.map(\.shards) == [2, 1])
            // Both at once, shard by shard in turn.
            let first = try #require(try parts[0].next())
            let second = try #require(try parts[1].next())
            try make(second)
            #expect(try parts[1].next() == nil && parts[1].close() == nil)
            try make(first)
            while let shard = try parts[0].next() { try make(shard) }
            #expect(try parts[0].close() != nil)
            #expect(try files(output) == files(whole))
            let alone = try withExtendedLifetime(parts) {
                try #require(throws: PFrameError.self) { try open(source.folder, output) }
            }
            #expect(alone.message.contains("another process is writing this folder") && alone.code == .busy)
        }
    }

    @Test("other options, another source and other folders are refused, with the remedy")
    func refuses() throws {
        try withSource { source, folder in
            func message(_ body: () throws -> DerivedDataset) throws -> String {
                try #require(throws: PFrameError.self) { _ = try body() }.description
            }
            let output = folder.appending("latents")
            do {
                let set = try open(source.folder, output)
                try make(try #require(try set.next()))
            }
            let options = try message { try open(source.folder, output, options: .object(["loop": .text("open")])) }
            #expect(options.contains("with other options (loop \"closed\", now \"open\"): choose another folder"))
            #expect(try message { try open(source.folder, source.folder) }.contains("is the source data set"))
            let score = source.folder.appending(source.names[0] + ".clip.jsonl")
            try put(Array("{\"clip\":1.0,\"key\":\"\(source.samples[0][0].key)\"}\n".utf8), at: score)
            #expect(try message { try open(source.folder, output) }.contains("or before it changed"))
            let other = folder.appending("other")
            try createFolder(other)
            _ = try TestShards(in: other, counts: [1])
            #expect(try message { try open(source.folder, other) }.contains("`pframe encode` did not make"))
            #expect(try message { try open(folder, other) }.contains("holds no dataset.json"))
        }
    }

    @Test("samples may be left out, and a shard without any is none")
    func leavesOut() throws {
        try withSource { source, folder in
            let output = folder.appending("latents")
            let set = try open(source.folder, output)
            while let shard = try set.next() {
                try make(shard) { $0 == 0 || shard.name == source.names[2] }
            }
            let description = try #require(try set.close())
            #expect(description.shards.map(\.samples) == [2])
            #expect(description.totals == ["clips": 2, "left_out": 6, "frames": 6])
            #expect(try DatasetCheck(DatasetFolder(output)).run().findings == [])
        }
    }

    @Test("a member of the same name is replaced; the json of PFrame's own samples tells of the scores")
    func replaces() throws {
        try withTemporaryFolder { folder in
            let source = try TestShards(
                in: folder, counts: [2],
                change: { sample, _, _ in
                    let json = "{\"hash\":\"00000000000000ff\",\"key\":\"\(sample.key)\"}"
                    sample.members[1].bytes = Array(json.utf8)
                })
            let output = folder.appending("latents")
            let set = try open(source.folder, output)
            let shard = try #require(try set.next())
            for index in shard.rows.indices {
                let sample = try shard.sample(index)
                try shard.append(
                    sample, keeping: ["mv.npy"], adding: [("mv.npy", [7])], scores: ["ssim_coding": .nan])
            }
            try shard.finish()
            let description = try #require(try set.close())
            let archive = try contents(of: DatasetFolder(output).tar(description.shards[0]))
            let rows = try DatasetFolder(output).rows(description.shards[0])
            #expect(rows.count == 2)
            for row in rows {
                #expect(row.members.map(\.name) == ["json", "mv.npy"] && row.members[1].length == 1)
                let member = row.members[0]
                let json = try JSONValue(archive[member.offset..<(member.offset + member.length)], path: nil)
                #expect(json["ssim_coding"] == .null && json["motion_content"] == .number(2.5))
                #expect(json["caption"]?.string == row.columns.caption && json["label"] == .text("left"))
            }
            #expect(try DatasetCheck(DatasetFolder(output)).run().findings == [])
        }
    }

    @Test("damage in the source is named with shard, sample and place")
    func namesDamage() throws {
        try withSource { source, folder in
            var bytes = try contents(of: source.tar(1))
            let extent = source.extents[1][0]
            bytes[extent.offset + 700] ^= 4
            try put(bytes, at: source.tar(1))
            let set = try open(source.folder, folder.appending("latents"))
            try make(try #require(try set.next()))
            let shard = try #require(try set.next())
            let error = try #require(throws: PFrameError.self) { try shard.sample(0) }
            #expect(error.path == source.tar(1) && error.offset == extent.offset)
            #expect(error.message.contains("record \(source.samples[1][0].key) is damaged") && error.code == .damaged)
            let sound = try #require(try set.next())
            let lacking = try #require(throws: PFrameError.self) { try sound.sample(0).bytes(of: "y.npy") }
            #expect(lacking.message.contains("has no y.npy, only jpg, json, mv.npy, txt, x.npy"))
            #expect(lacking.code == .missing)
        }
    }
}
