import Dataset
import Shards
import Storage
import SystemPackage
import TestSupport
import Testing

/// Which of several captions a batch has.
@Suite struct LoaderCaptionTests {
    private static let counts = [9, 4, 11]

    /// A set whose records have one to three captions: `KEY 0`, `KEY 1`, …
    private static func withSet(_ body: (ShardSource) throws -> Void) throws {
        try withTemporaryFolder { folder in
            let set = try TestShards(in: folder, counts: counts)
            for shard in set.names.indices {
                var lines: [String] = []
                let text = String(decoding: try contents(of: set.rows(shard)), as: UTF8.self)
                for (number, line) in text.split(separator: "\n").enumerated() {
                    let key = set.samples[shard][number].key
                    let all = (0...(number % 3)).map { "\"\(key) \($0)\"" }.joined(separator: ", ")
                    lines.append("{\"captions\": [\(all)], " + line.dropFirst())
                }
                try put(Array(lines.map { $0 + "\n" }.joined().utf8), at: set.rows(shard))
            }
            try body(ShardSource(folder.string))
        }
    }

    /// What the ranks of an epoch read: the caption of each record, by its place in the order and its key.
    private static func captions(
        _ source: ShardSource, seed: UInt64, epoch: Int, ranks: Int, batch: Int, from start: Int = 0
    ) throws -> [String: String] {
        var found: [String: String] = [:]
        for rank in 0..<ranks {
            var options = LoaderOptions()
            (options.seed, options.batchSize, options.rank, options.ranks) = (seed, batch, rank, ranks)
            options.start = LoaderPosition(epoch: epoch, samples: start)
            let loader = try Loader(source, options: options)
            while let batch = try loader.next() {
                for (index, caption) in batch.captions.enumerated() {
                    found["\(batch.positions[index]) \(batch.keys[index])"] = caption
                }
            }
        }
        return found
    }

    /// The rule, written again: SplitMix64 of seed, epoch and position, and the high word of a product.
    private static func expected(_ count: Int, seed: UInt64, epoch: UInt64, position: UInt64) -> Int {
        func mix(_ word: UInt64) -> UInt64 {
            let a = (word ^ (word >> 30)) &* 0xBF58_476D_1CE4_E5B9
            let b = (a ^ (a >> 27)) &* 0x94D0_49BB_1331_11EB
            return b ^ (b >> 31)
        }
        let state = mix(mix(seed) &+ mix(epoch) &+ position)
        return Int(mix(state &+ 0x9E37_79B9_7F4A_7C15).multipliedFullWidth(by: UInt64(count)).high)
    }

    @Test("seed, epoch and place draw the caption, at any number of ranks, batch size and start")
    func draws() throws {
        try Self.withSet { source in
            var drawn: [String: Set<String>] = [:]
            for (seed, epoch) in [(UInt64(0), 0), (0, 1), (7, 0), (7, 3)] + (4..<40).map({ (1, $0) }) {
                let one = try Self.captions(source, seed: seed, epoch: epoch, ranks: 1, batch: 4)
                #expect(one.count == 24)
                for (place, caption) in one {
                    let words = place.split(separator: " ")
                    let captions = try #require(Int(words[1].suffix(4))) % 3 + 1
                    let position = try #require(UInt64(words[0]))
                    // A single caption is the row's own, whatever the list of one says.
                    guard captions > 1 else { continue }
                    let choice = Self.expected(captions, seed: seed, epoch: UInt64(epoch), position: position)
                    #expect(caption == "\(words[1]) \(choice)")
                    drawn[String(words[1]), default: []].insert(caption)
                }
                guard epoch < 4 else { continue }
                #expect(try Self.captions(source, seed: seed, epoch: epoch, ranks: 3, batch: 2) == one)
                let rest = try Self.captions(source, seed: seed, epoch: epoch, ranks: 2, batch: 1, from: 10)
                #expect(rest.count == 14 && rest.allSatisfy { one[$0.key] == $0.value })
            }
            #expect(drawn.count == 15)
            for (key, captions) in drawn {
                let number = try #require(Int(key.suffix(4)))
                #expect(captions.count == number % 3 + 1, "every caption of \(key) is drawn some time")
            }
        }
    }

    @Test("rows without several captions read and write as before")
    func rows() throws {
        var columns = SampleColumns()
        columns.caption = "one"
        let row = ShardRow(key: "a", offset: 0, size: 512, crc32c: 0, members: [], columns: columns)
        #expect(!row.json.contains("captions"))
        columns.captions = ["one", "two"]
        let two = ShardRow(key: "a", offset: 0, size: 512, crc32c: 0, members: [], columns: columns)
        #expect(two.json.contains(#""captions":["one","two"]"#))
        let read = try ShardRow.rows(in: Array((row.json + "\n" + two.json + "\n").utf8), path: "rows.jsonl")
        #expect(read == [row, two])
    }
}
