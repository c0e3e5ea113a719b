import Dataset
import FoundationEssentials
import Shards
import Storage
import SystemPackage
import TestSupport
import Testing

@Suite struct LoaderDamageTests {
    private func options(_ damage: DamagePolicy) -> LoaderOptions {
        var options = LoaderOptions()
        (options.damage, options.shuffle, options.batchSize) = (damage, false, 4)
        (options.patience.tries, options.patience.delay) = (2, 0.001)
        return options
    }

    /// The sample that a byte of a shard belongs to, nil behind the last.
    private func sample(_ shards: TestShards, _ shard: Int, _ byte: Int) -> (key: String, offset: Int)? {
        for (sample, extent) in zip(shards.samples[shard], shards.extents[shard])
        where (extent.offset..<(extent.offset + extent.size)).contains(byte) {
            return (sample.key, extent.offset)
        }
        return nil
    }

    @Test("finds every flipped byte", arguments: 0..<3)
    func flips(shard: Int) throws {
        try withTemporaryFolder { folder in
            let shards = try TestShards(in: folder, counts: [4, 1, 6])
            let all = shards.expected(options(.skip), epoch: 0)
            let archive = try contents(of: shards.tar(shard))
            var random = SplitMix64(seed: UInt64(shard))
            let places =
                [0, archive.count - 1, archive.count - 1024, archive.count - 1025]
                + (0..<50).map { _ in Int(random.next() % UInt64(archive.count)) }
            for place in places {
                var damaged = archive
                damaged[place] ^= UInt8(1 << (random.next() % 8))
                try put(damaged, at: shards.tar(shard))
                let hit = sample(shards, shard, place)
                let error = try #require(throws: PFrameError.self) {
                    try rest(try Loader(shards.source, options: options(.fail)))
                }
                #expect(error.path == shards.tar(shard) && error.offset == hit?.offset ?? place, "\(error)")
                #expect(error.message.contains(hit.map { "record \($0.key)" } ?? "after the last record"))
                #expect(error.code == .damaged)
                let loader = try Loader(shards.source, options: options(.skip))
                #expect(try rest(loader) == all.filter { $0.key != hit?.key })
                #expect(loader.position.samples == 11)
                let left = try #require(loader.damaged.first)
                #expect(loader.damaged.count == 1 && left.shard == shards.names[shard], "\(loader.damaged)")
                #expect(left.key == hit?.key ?? "" && left.offset == hit?.offset ?? place)
            }
        }
    }

    @Test("finds every cut, and every byte too many", arguments: 0..<3)
    func cuts(shard: Int) throws {
        try withTemporaryFolder { folder in
            let shards = try TestShards(in: folder, counts: [4, 1, 6])
            let all = shards.expected(options(.skip), epoch: 0)
            let archive = try contents(of: shards.tar(shard))
            var random = SplitMix64(seed: UInt64(shard))
            let sizes =
                [0, 1, 512, archive.count - 1, archive.count - 1024]
                + (0..<50).map { _ in Int(random.next() % UInt64(archive.count)) }
            for size in sizes {
                try put(Array(archive[..<size]), at: shards.tar(shard))
                let lost = zip(shards.samples[shard], shards.extents[shard]).filter { $1.offset + $1.size > size }
                    .map(\.0.key)
                let error = try #require(throws: PFrameError.self) {
                    try rest(try Loader(shards.source, options: options(.fail)))
                }
                #expect(error.path == shards.tar(shard) && error.message.contains("dataset.json says"), "\(error)")
                #expect(lost.first.map { error.message.contains("record \($0) is damaged") } ?? true, "\(error)")
                let loader = try Loader(shards.source, options: options(.skip))
                #expect(try rest(loader) == all.filter { !lost.contains($0.key) })
                #expect(loader.damaged.map(\.key) == (lost.isEmpty ? [""] : lost), "\(loader.damaged)")
            }
            try put(archive + [0], at: shards.tar(shard))
            #expect(throws: PFrameError.self) { try rest(try Loader(shards.source, options: options(.fail))) }
            let loader = try Loader(shards.source, options: options(.skip))
            #expect(try rest(loader) == all)
            #expect(loader.damaged.count == 1)
        }
    }

    @Test("finds rows that lie")
    func rows() throws {
        try withTemporaryFolder { folder in
            let shards = try TestShards(in: folder, counts: [5])
            let text = String(decoding: try contents(of: shards.rows(0)), as: UTF8.self)
            let (second, third) = (shards.extents[0][1], shards.extents[0][2])
            let caption = "a shape \\\"of\\\" 000000_0002"
            for (what, change) in [
                ("key", ("\"key\": \"000000_0002\"", "\"key\": \"000000_0009\"")),
                ("offset", ("\"offset\": \(third.offset)", "\"offset\": \(third.offset + 512)")),
                ("smaller", ("\"offset\": \(third.offset)", "\"offset\": \(second.offset)")),
                ("large", ("\"offset\": \(third.offset)", "\"offset\": 9223372036854775807")),
                ("no JSON", ("\"caption\": \"\(caption)", "\"caption\": \(caption)")),
                ("member", ("\"txt\"", "\"tyt\"")), ("member's place", ("\"txt\": [", "\"txt\": [1")),
                ("first", ("\"offset\": 0", "\"offset\": 512")),
            ] {
                let changed = text.replacing(change.0, with: change.1, maxReplacements: 1)
                #expect(changed != text, "\(what)")
                try put(Array(changed.utf8), at: shards.rows(0))
                #expect(throws: PFrameError.self, "\(what)") {
                    try rest(try Loader(shards.source, options: options(.fail)))
                }
                let loader = try Loader(shards.source, options: options(.skip))
                #expect(try rest(loader).count + loader.damaged.count == 5, "\(what)")
                #expect(!loader.damaged.isEmpty)
            }
            for changed in [String(text.dropLast()), text + "\n", String(text.dropLast(40)), ""] {
                try put(Array(changed.utf8), at: shards.rows(0))
                #expect(throws: PFrameError.self) { try rest(try Loader(shards.source, options: options(.fail))) }
                let loader = try Loader(shards.source, options: options(.skip))
                #expect(throws: PFrameError.self) { try rest(loader) }
            }
        }
    }

    @Test("finds bytes between samples that no checksum covers")
    func gaps() throws {
        try withTemporaryFolder { folder in
            let shards = try TestShards(in: folder, counts: [5])
            // The row of the third sample is gone: its bytes would pass unseen.
            var lines = String(decoding: try contents(of: shards.rows(0)), as: UTF8.self).split(separator: "\n")
            lines.remove(at: 2)
            try put(Array((lines.joined(separator: "\n") + "\n").utf8), at: shards.rows(0))
            let description = folder.appending("dataset.json")
            let text = String(decoding: try contents(of: description), as: UTF8.self)
            try put(Array(text.replacing("\"samples\": 5", with: "\"samples\": 4").utf8), at: description)
            let error = try #require(throws: PFrameError.self) {
                try rest(try Loader(shards.source, options: options(.fail)))
            }
            #expect(error.message.contains("record 000000_0003 is damaged: it does not begin where record 000000_0001"))
        }
    }

    @Test("names a shard that is gone, and goes on when it comes back")
    func vanished() throws {
        try withTemporaryFolder { folder in
            let shards = try TestShards(in: folder, counts: [4, 4, 4])
            for path in [shards.tar(1), shards.rows(1)] {
                let hidden = FilePath(path.string + ".hidden")
                func move(_ from: FilePath, _ to: FilePath) throws {
                    try FileManager.default.moveItem(atPath: from.string, toPath: to.string)
                }
                try move(path, hidden)
                let error = try #require(throws: PFrameError.self) {
                    try rest(try Loader(shards.source, options: options(.fail)))
                }
                #expect(error.path == path && error.message.contains("tried 2 times"), "\(error)")
                let loader = try Loader(shards.source, options: options(.skip))
                #expect(try rest(loader).count == 8)
                #expect(loader.damaged.count == 4 && loader.damaged.allSatisfy { $0.shard == "clips-000001" })
                var patient = options(.fail)
                (patient.patience.tries, patient.patience.delay) = (1000, 0.001)
                let waiting = try Loader(shards.source, options: patient)
                _ = try waiting.next()
                try move(hidden, path)
                #expect(try rest(waiting).count == 8)
                // One that waits for a file that never comes ends when it is not wanted any more.
                try move(path, hidden)
                patient.patience.delay = 60
                _ = try Loader(shards.source, options: patient).next()
                try move(hidden, path)
            }
        }
    }

    @Test("a batch whose samples are all damaged is empty")
    func allDamaged() throws {
        try withTemporaryFolder { folder in
            let shards = try TestShards(in: folder, counts: [2, 3])
            var archive = try contents(of: shards.tar(0))
            for extent in shards.extents[0] { archive[extent.offset + 600] ^= 1 }
            try put(archive, at: shards.tar(0))
            var options = options(.skip)
            options.batchSize = 1
            let loader = try Loader(shards.source, options: options)
            var counts: [Int] = []
            while let batch = try loader.next() { counts.append(delivered(batch).count) }
            #expect(counts == [0, 0, 1, 1, 1] && loader.damaged.count == 2)
            try put([UInt8](repeating: 7, count: archive.count), at: shards.tar(0))
            try put([], at: shards.tar(1))
            let none = try Loader(shards.source, options: options)
            let error = try #require(throws: PFrameError.self) { try none.next() }
            #expect(error.message.contains("no record of it is undamaged"))
        }
    }
}
