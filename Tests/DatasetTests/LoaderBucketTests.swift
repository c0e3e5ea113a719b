import Dataset
import Shards
import Storage
import SystemPackage
import TestSupport
import Testing

/// The loader over shards of several shapes. The order itself is compared with plain Python in `BucketTests`.
@Suite struct LoaderBucketTests {
    static let counts = [7, 1, 12, 5, 9, 3, 6, 10]
    static let names = ["64x32x4", "32x64x4", "64x64x8"]

    private static func bucket(_ shard: Int) -> String { names[shard % 3] }
    /// Elements of `x.npy` by bucket.
    private static let lengths = [35, 80, 9]

    private func withShards(_ body: (TestShards) throws -> Void) throws {
        try withTemporaryFolder { folder in
            try body(
                try TestShards(in: folder, counts: Self.counts, bucket: Self.bucket) { sample, shard, number in
                    let length = Self.lengths[shard % 3]
                    let elements = (0..<length).map { UInt8(($0 + 7 * number + shard) % 256) }
                    sample.members[4].bytes = TestShards.array("|u1", [length], elements)
                })
        }
    }

    private func delivered(_ loader: Loader) throws -> [(bucket: Bucket, keys: [String])] {
        var batches: [(bucket: Bucket, keys: [String])] = []
        while let batch = try loader.next() {
            if batch.count > 0 { batches.append((try #require(batch.bucket), batch.keys)) }
        }
        return batches
    }

    @Test("gives batches of one bucket with the bytes that were written, whatever threads and prefetch")
    func bytes() throws {
        try withShards { shards in
            let samples = Dictionary(uniqueKeysWithValues: shards.samples.joined().map { ($0.key, $0) })
            let buckets = Dictionary(
                uniqueKeysWithValues: shards.samples.enumerated().flatMap { shard, samples in
                    samples.map { ($0.key, Self.bucket(shard)) }
                })
            var all: [[String]] = []
            for (threads, prefetch) in [(1, 1), (3, 2), (7, 9)] {
                var options = LoaderOptions()
                (options.batchSize, options.threads, options.prefetch, options.shardsPerBlock) = (
                    4, threads, prefetch, 1
                )
                let loader = try Loader(shards.source, options: options)
                var keys: [[String]] = []
                for epoch in 0..<3 {
                    if epoch > 0 { try loader.startEpoch(epoch) }
                    while let batch = try loader.next() {
                        let bucket = try #require(batch.bucket)
                        #expect(batch.keys.allSatisfy { buckets[$0] == bucket.description })
                        let length = try #require(batch.arrays.first { $0.name == "x.npy" }?.shape[0])
                        #expect(length == Self.lengths[Self.names.firstIndex(of: bucket.description) ?? 0])
                        let expected = batch.keys.flatMap { samples[$0]?.elements("x.npy") ?? [] }
                        batch.withArray("x.npy") { bytes, _, _ in #expect(Array(bytes) == expected) }
                        keys.append(batch.keys)
                    }
                    #expect(loader.position == LoaderPosition(epoch: epoch, samples: 53))
                }
                #expect(keys.joined().count == 3 * 53 && Set(keys.joined()).count == 53)
                if !all.isEmpty { #expect(keys == all) }
                all = keys
                let statistics = loader.statistics
                #expect(statistics.samples == 3 * 53 && statistics.damaged == 0)
                #expect(statistics.largestBuffers <= prefetch + 1)
                #expect(statistics.largestOpenShards <= 3 + prefetch)
            }
        }
    }

    @Test("goes on from the end of any step with another number of ranks", arguments: [1, 2, 3, 8])
    func resumes(ranks: Int) throws {
        try withShards { shards in
            var options = LoaderOptions()
            (options.batchSize, options.shardsPerBlock, options.start.epoch) = (4, 2, 1)
            let all = try delivered(Loader(shards.source, options: options)).map(\.keys)
            // Two ranks take three steps, then others go on.
            options.ranks = 2
            let loader = try Loader(shards.source, options: options)
            for _ in 0..<3 { _ = try #require(try loader.next()) }
            let position = loader.position
            #expect(position.samples == all[..<6].joined().count)
            var left: [[[String]]] = []
            for rank in 0..<ranks {
                (options.ranks, options.rank, options.start) = (ranks, rank, position)
                left.append(try delivered(Loader(shards.source, options: options)).map(\.keys))
            }
            let steps = left.map(\.count).max() ?? 0
            let together = (0..<steps).flatMap { step in left.compactMap { step < $0.count ? $0[step] : nil } }
            #expect(together == Array(all[6...]))
        }
    }

    @Test("leaves out the end of each bucket, and of the epoch, where whole batches are asked for")
    func drops() throws {
        try withShards { shards in
            for ranks in [1, 2, 5] {
                for rank in 0..<ranks {
                    var options = LoaderOptions()
                    (options.batchSize, options.ranks, options.rank, options.lastBatch) = (4, ranks, rank, .drop)
                    let batches = try delivered(Loader(shards.source, options: options))
                    let totals = (0..<3).map { bucket in
                        Self.counts.enumerated().filter { $0.offset % 3 == bucket }.reduce(0) { $0 + $1.element }
                    }
                    #expect(batches.allSatisfy { $0.keys.count == 4 })
                    #expect(batches.count == totals.reduce(0) { $0 + $1 / 4 } / ranks)
                }
            }
        }
    }

    @Test("refuses a position inside of a batch, and reads one bucket alone from any")
    func positions() throws {
        try withShards { shards in
            var options = LoaderOptions()
            (options.batchSize, options.start.samples) = (50, 3)
            let error = try #require(throws: PFrameError.self) { try Loader(shards.source, options: options) }
            #expect(error.code == .usage && error.message.contains("no batch of 50 ends at position 3"))
            options.bucket = Bucket("32x64x4")
            let loader = try Loader(shards.source, options: options)
            #expect(try delivered(loader).flatMap(\.keys).count == 1 + 9 + 10 - 3)
            #expect(loader.dataset.samples == 20)
            options.start.samples = 21
            #expect(throws: PFrameError.self) { try Loader(shards.source, options: options) }
        }
    }

    @Test("skips damage in one bucket and finds its arrays in the next sound record")
    func damage() throws {
        try withShards { shards in
            // The first records of the first shard of a bucket.
            var bytes = try readFile(shards.tar(1))
            bytes[700] ^= 1
            try writeFile(bytes, to: shards.tar(1))
            var options = LoaderOptions()
            (options.damage, options.shuffle, options.batchSize) = (.skip, false, 1)
            let loader = try Loader(shards.source, options: options)
            #expect(try delivered(loader).flatMap(\.keys).count == 52)
            #expect(loader.damaged.count == 1 && loader.damaged[0].shard == "clips-000001")
        }
    }

    @Test("a set of one bucket has the order of a set without")
    func oneBucket() throws {
        try withTemporaryFolder { folder in
            let (plain, one) = (folder.appending("plain"), folder.appending("one"))
            for path in [plain, one] { try createFolder(path) }
            let sets = [
                try TestShards(in: plain, counts: Self.counts),
                try TestShards(in: one, counts: Self.counts, bucket: { _ in "64x32x4" }),
            ]
            var keys: [[[String]]] = []
            for set in sets {
                var options = LoaderOptions()
                (options.batchSize, options.seed, options.start.samples) = (5, 9, 13)
                let loader = try Loader(set.source, options: options)
                var batches: [[String]] = []
                while let batch = try loader.next() { batches.append(batch.keys) }
                keys.append(batches)
            }
            #expect(keys[0] == keys[1] && keys[0].count == 8)
        }
    }
}
