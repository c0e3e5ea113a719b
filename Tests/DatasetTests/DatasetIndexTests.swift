import Dataset
import Shards
import Storage
import SystemPackage
import TestSupport
import Testing

@Suite struct DatasetIndexTests {
    /// A set of one shard whose archive nobody looks at, with random hashes and scores.
    private func withIndex(_ count: Int, _ body: (DatasetIndex, [SampleColumns]) throws -> Void) throws {
        var random = SplitMix64(seed: 11)
        var samples: [SampleColumns] = []
        for number in 0..<count {
            var columns = SampleColumns()
            columns.caption = "clip \(number)"
            let score = Double(Int.random(in: -400...400, using: &random)) / 16
            columns.scores = ["motion_content": number % 9 == 4 ? .nan : score, "other \"score\"": 3]
            columns.metadata = ["label": .integer(number % 5)]
            if number > 0, number % 3 == 0 {
                // Near an earlier one, at a distance of 0 to 6.
                columns.hash = samples[Int.random(in: 0..<number, using: &random)].hash
                for _ in 0..<Int.random(in: 0...6, using: &random) {
                    columns.hash ^= 1 << UInt64.random(in: 0..<64, using: &random)
                }
            } else {
                columns.hash = number % 10 == 1 ? 0 : random.next()
            }
            samples.append(columns)
        }
        try withTemporaryFolder { folder in
            let rows = samples.enumerated().map { number, columns in
                ShardRow(key: key(number), offset: 0, size: 512, crc32c: 0, members: [], columns: columns).json + "\n"
            }
            let shard = DatasetDescription.Shard(name: "a", samples: count, bytes: 0, sha256: "", rowsSHA256: "")
            let description = DatasetDescription(
                tool: "", options: .object([:]), sourceHash: "", shards: [shard], totals: [:])
            try put(Array(rows.joined().utf8), at: folder.appending("a.jsonl"))
            try DatasetIndex.write(DatasetFolder(folder), description: description)
            try body(try DatasetIndex(DatasetFolder(folder)), samples)
        }
    }

    private func key(_ number: Int) -> String { "k\(1_000_000 + number)" }

    @Test("near duplicates are those that comparing all pairs finds", arguments: [1, 2, 50, 3_000])
    func duplicates(count: Int) throws {
        try withIndex(count) { index, samples in
            var expected: [Int?] = []
            for (number, sample) in samples.enumerated() {
                let near = (0..<number).filter { other in
                    sample.hash != 0 && samples[other].hash != 0
                        && (sample.hash ^ samples[other].hash).nonzeroBitCount <= 4
                }
                expected.append(near.first { expected[$0] == nil } ?? near.first)
            }
            let found = try index.rows(["duplicate_of"]).map { $0[0].string }
            #expect(found == expected.map { $0.map(key) })
            #expect(count < 3_000 || expected.count { $0 != nil } > 300)
        }
    }

    @Test("rows come as asked for")
    func rows() throws {
        try withIndex(200) { index, samples in
            #expect(index.scores == ["motion_content", "other \"score\""])
            #expect(index.columnNames.suffix(3) == ["motion_content", "other \"score\"", "label"])
            let name = "motion_content"
            let rows = try index.rows(
                ["key", "label", name], where: "\(name) IS NOT NULL", order: "\(name) DESC, key", limit: 7)
            let best = samples.indices.filter { samples[$0].scores[name]?.isNaN == false }.sorted {
                (samples[$1].scores[name] ?? 0, $0) < (samples[$0].scores[name] ?? 0, $1)
            }.prefix(7)
            #expect(rows.map { $0[0].string } == best.map(key))
            #expect(rows.map { $0[1].int } == best.map { $0 % 5 })
            #expect(try index.count() == 200 && index.count(where: "label = 2 -- a comment") == 40)
        }
    }

    @Test("wrong questions are errors that say what there is")
    func wrongQuestions() throws {
        try withIndex(3) { index, _ in
            for question in ["nothing > 1", "label >", "label; SELECT 1"] {
                let error = try #require(throws: PFrameError.self) { try index.check(condition: question) }
                #expect(error.message.contains("The columns are key, shard, number") && error.code == .usage)
                #expect(throws: PFrameError.self) { try index.count(where: question) }
            }
            try index.check(condition: "label = 1 AND \"end\" IS NULL")
            let error = try #require(throws: PFrameError.self) { try index.rows(["nothing"]) }
            #expect(error.message.contains("there is no column nothing"))
        }
    }

    @Test("a damaged index is an error with the remedy")
    func damaged() throws {
        try withTemporaryFolder { folder in
            let empty = try #require(throws: PFrameError.self) { try DatasetIndex(DatasetFolder(folder)) }
            #expect(empty.message.contains("holds no shards") && empty.code == .missing)
            try put([], at: folder.appending("clips-000000.tar"))
            let missing = try #require(throws: PFrameError.self) { try DatasetIndex(DatasetFolder(folder)) }
            #expect(missing.message.contains("run `pframe index`"))
            try put(Array("no database, however long it is".utf8), at: folder.appending("index.sqlite"))
            let error = try #require(throws: PFrameError.self) { try DatasetIndex(DatasetFolder(folder)) }
            #expect(error.message.contains("is damaged") && error.message.contains("run `pframe index`"))
            #expect(error.code == .damaged)
        }
    }
}
