import Dataset
import Glibc
import MotionVectors
import Shards
import Storage
import SystemPackage
import TestSupport
import Testing

/// What a test keeps of a sample that a loader delivered.
struct DeliveredSample: Equatable {
    let position: Int
    let key: String
    let caption: String
    let motion: [UInt8]
    let noise: [UInt8]
    let text: [UInt8]
    let json: [UInt8]
    let jpg: [UInt8]
}

extension TestShards {
    var source: ShardSource { .folder(folder) }

    /// What a loader must deliver of a whole epoch, by positions.
    func expected(_ options: LoaderOptions, epoch: Int) -> [DeliveredSample] {
        let order = SampleOrder(
            samplesPerShard: samples.map(\.count), seed: options.seed, shuffle: options.shuffle,
            shardsPerBlock: options.shardsPerBlock)
        var places = order.epoch(epoch)
        return (0..<order.count).map { position in
            let place = places.place(at: position)
            let sample = samples[place.shard][place.sample]
            func bytes(_ name: String) -> [UInt8] { sample.members.first { $0.name == name }?.bytes ?? [] }
            return DeliveredSample(
                position: position, key: sample.key, caption: sample.caption, motion: sample.elements("mv.npy"),
                noise: sample.elements("x.npy"), text: bytes("txt"), json: bytes("json"), jpg: bytes("jpg"))
        }
    }
}

/// The samples of a batch, with its shapes checked.
func delivered(_ batch: Batch) -> [DeliveredSample] {
    func rows(_ member: String, _ expected: NPYType, _ inner: [Int]) -> [[UInt8]] {
        batch.withArray(member) { elements, type, shape in
            #expect(type == expected && shape == [batch.count] + inner)
            let size = batch.count == 0 ? 0 : elements.count / batch.count
            #expect(size == inner.reduce(type.size, *) || batch.count == 0)
            return (0..<batch.count).map { Array(elements[($0 * size)..<(($0 + 1) * size)]) }
        }
    }
    let (motion, noise) = (rows("mv.npy", .int16, [2, 3, 4, 2]), rows("x.npy", .uint8, [5, 7]))
    return (0..<batch.count).map { index in
        DeliveredSample(
            position: batch.positions[index], key: batch.keys[index], caption: batch.captions[index],
            motion: motion[index], noise: noise[index], text: batch.bytes(of: "txt", sample: index) ?? [],
            json: batch.bytes(of: "json", sample: index) ?? [], jpg: batch.bytes(of: "jpg", sample: index) ?? [])
    }
}

/// The rest of a loader's epoch.
func rest(_ loader: Loader) throws(PFrameError) -> [DeliveredSample] {
    var samples: [DeliveredSample] = []
    while let batch = try loader.next() { samples += delivered(batch) }
    return samples
}

@Suite struct LoaderTests {
    static let counts = [7, 1, 12, 5, 9, 3, 6, 10]
    static let total = 53

    private func withShards(_ body: (TestShards) throws -> Void) throws {
        try withTemporaryFolder { try body(try TestShards(in: $0, counts: Self.counts)) }
    }

    @Test("delivers what was written, whatever threads, prefetch and batch size", arguments: [true, false])
    func bytes(shuffle: Bool) throws {
        try withShards { shards in
            for (batch, threads, prefetch, block) in [(1, 1, 1, 1), (8, 2, 4, 2), (5, 7, 3, 3), (100, 3, 9, 8)] {
                var options = LoaderOptions()
                (options.batchSize, options.threads, options.prefetch) = (batch, threads, prefetch)
                (options.shuffle, options.shardsPerBlock, options.seed) = (shuffle, block, 11)
                let loader = try Loader(shards.source, options: options)
                for epoch in 0..<3 {
                    if epoch > 0 { try loader.startEpoch(epoch) }
                    #expect(try rest(loader) == shards.expected(options, epoch: epoch))
                    #expect(loader.position == LoaderPosition(epoch: epoch, samples: Self.total))
                    #expect(try loader.next() == nil)
                }
                let statistics = loader.statistics
                #expect(statistics.samples == 3 * Self.total && statistics.damaged == 0)
                #expect(statistics.bytes == 3 * shards.extents.joined().reduce(0) { $0 + $1.size })
                #expect(statistics.largestBuffers <= prefetch + 1, "one batch was in use at a time")
                #expect(statistics.largestOpenShards <= block + prefetch)
            }
        }
    }

    @Test("rows bring scores and metadata; arrays are contiguous and aligned")
    func rows() throws {
        try withShards { shards in
            let batch = try #require(try Loader(shards.source).next())
            #expect(batch.epoch == 0 && batch.count == 8)
            #expect(batch.arrays.map(\.name) == ["mv.npy", "x.npy"])
            #expect(batch.rows.allSatisfy { $0.columns.scores == ["motion_content": 2.5] })
            #expect(batch.rows.allSatisfy { $0.columns.metadata == ["label": .text("left")] })
            for array in batch.arrays {
                batch.withArray(array.name) { bytes, _, _ in #expect(Int(bitPattern: bytes.baseAddress) % 4096 == 0) }
            }
            #expect(batch.bytes(of: "mp4", sample: 0) == nil && batch.bytes(of: "mv.npy", sample: 0) == nil)
        }
    }

    @Test("delivers the members that were asked for")
    func members() throws {
        try withShards { shards in
            var options = LoaderOptions()
            options.members = ["x.npy"]
            let batch = try #require(try Loader(shards.source, options: options).next())
            #expect(batch.arrays.map(\.name) == ["x.npy"])
            let expected = shards.expected(options, epoch: 0).prefix(8)
            batch.withArray("x.npy") { elements, _, _ in #expect(Array(elements) == expected.flatMap(\.noise)) }
            #expect(batch.bytes(of: "txt", sample: 7) == expected.last?.text)
            options.members = ["flow.npy"]
            for damage in DamagePolicy.allCases {
                options.damage = damage
                let loader = try Loader(shards.source, options: options)
                let error = try #require(throws: PFrameError.self) { try loader.next() }
                #expect(error.message.contains("no member flow.npy, only jpg, json, mv.npy, txt, x.npy"))
                #expect(error.code == .conflict)
            }
        }
    }

    @Test("goes on at any position with another number of ranks", arguments: [1, 2, 3, 8])
    func resumes(ranks: Int) throws {
        try withShards { shards in
            for (batch, steps) in [(1, 5), (3, 2), (4, 1)] {
                var options = LoaderOptions()
                (options.batchSize, options.ranks, options.shardsPerBlock, options.start.epoch) = (batch, ranks, 3, 2)
                var (seen, position): ([DeliveredSample], LoaderPosition) = ([], options.start)
                for rank in 0..<ranks {
                    options.rank = rank
                    let loader = try Loader(shards.source, options: options)
                    for _ in 0..<steps { seen += delivered(try #require(try loader.next())) }
                    position = loader.position
                    #expect(position.samples == min(ranks * batch * steps, Self.total) && position.epoch == 2)
                }
                for others in [1, 2, 5] {
                    (options.ranks, options.start) = (others, position)
                    var left: [DeliveredSample] = []
                    for rank in 0..<others {
                        options.rank = rank
                        left += try rest(try Loader(shards.source, options: options))
                    }
                    let all = (seen + left).sorted { $0.position < $1.position }
                    #expect(all == shards.expected(options, epoch: 2))
                }
            }
        }
    }

    @Test("every rank gets as many batches, near the end empty ones")
    func emptyBatches() throws {
        try withTemporaryFolder { folder in
            let shards = try TestShards(in: folder, counts: [3, 2])
            for rank in 0..<4 {
                var options = LoaderOptions()
                (options.rank, options.ranks, options.batchSize) = (rank, 4, 2)
                let loader = try Loader(shards.source, options: options)
                let batch = try #require(try loader.next())
                #expect(delivered(batch).map(\.position) == [[0, 1], [2, 3], [4], []][rank])
                #expect(try loader.next() == nil)
            }
        }
    }

    @Test("reads no further ahead than it may, and stops when it goes away")
    func backPressure() throws {
        try withShards { shards in
            var options = LoaderOptions()
            (options.batchSize, options.threads, options.prefetch) = (1, 6, 2)
            let loader = try Loader(shards.source, options: options)
            var held: [Batch] = []
            for _ in 0..<10 { held.append(try #require(try loader.next())) }
            usleep(20_000)
            #expect(loader.statistics.largestBuffers <= 12)
            held = []
            for _ in 0..<10 { _ = try loader.next() }
            #expect(loader.statistics.largestBuffers <= 12)
            #expect(loader.statistics.buffers <= 6, "what is not needed any more is given back")
            try loader.startEpoch(4)
            _ = try loader.next()
        }
    }

    @Test("a batch outlives its loader, and another start drops what was read ahead")
    func lifetimes() throws {
        try withShards { shards in
            var options = LoaderOptions()
            options.batchSize = 3
            let expected = shards.expected(options, epoch: 0)
            var kept: [Batch] = []
            for _ in 0..<30 {
                let loader = try Loader(shards.source, options: options)
                kept.append(try #require(try loader.next()))
                try loader.startEpoch(1, samples: 50)
                #expect(try rest(loader) == Array(shards.expected(options, epoch: 1)[50...]))
            }
            for batch in kept { #expect(delivered(batch) == Array(expected[..<3])) }
        }
    }

    @Test("tells which samples have other arrays than the first")
    func otherShapes() throws {
        func error(_ change: @escaping (inout TestShards.Sample) -> Void) throws -> String {
            try withTemporaryFolder { folder in
                let shards = try TestShards(
                    in: folder, counts: [4, 4],
                    change: { sample, shard, number in
                        if (shard, number) == (1, 2) { change(&sample) }
                    })
                var options = LoaderOptions()
                (options.shuffle, options.damage) = (false, .skip)
                let loader = try Loader(shards.source, options: options)
                return try #require(throws: PFrameError.self) { try rest(loader) }.description
            }
        }
        let zeros = [UInt8](repeating: 0, count: 96)
        for (type, shape) in [("<i2", [2, 3, 2, 4]), ("<u2", [2, 3, 4, 2]), ("<i2", [48]), ("<f4", [24])] {
            let message = try error { $0.members[2].bytes = TestShards.array(type, shape, zeros) }
            #expect(message.contains("record 000001_0002") && message.contains("record 000000_0000"))
            #expect(message.contains("\(shape)") && message.contains("int16 [2, 3, 4, 2]"), "\(message)")
        }
        let larger = try error {
            $0.members[2].bytes = TestShards.array("<i2", [9, 99], .init(repeating: 0, count: 1782))
        }
        #expect(larger.contains("its mv.npy is int16 [9, 99]"), "\(larger)")
        let smaller = try error { $0.members[2].bytes = TestShards.array("<i2", [1], [1, 2]) }
        #expect(smaller.contains("its mv.npy is int16 [1]"), "\(smaller)")
        let missing = try error { $0.members.remove(at: 2) }
        #expect(missing.contains("it has no mv.npy, which record 000000_0000 has"), "\(missing)")
        let foreign = try error { $0.members[2].bytes = Array("no array".utf8) }
        #expect(foreign.contains("is not an .npy file"), "\(foreign)")
    }

    @Test("takes arrays behind headers of other lengths")
    func otherHeaders() throws {
        try withTemporaryFolder { folder in
            let shards = try TestShards(
                in: folder, counts: [4, 4],
                change: { sample, shard, number in
                    guard (shard, number) != (0, 0) else { return }
                    // NumPy pads to 64 bytes; others need not.
                    let bytes = sample.members[2].bytes
                    let padding = [UInt8](repeating: 0x20, count: 16 * number)
                    let length = UInt8(118 + padding.count)
                    sample.members[2].bytes = bytes[..<8] + [length] + bytes[9..<127] + padding + bytes[127...]
                })
            var options = LoaderOptions()
            options.shuffle = false
            let batch = try #require(try Loader(shards.source, options: options).next())
            let motion = shards.samples.joined().map { $0.members[2].bytes.suffix(96) }
            batch.withArray("mv.npy") { elements, _, _ in #expect(Array(elements) == Array(motion.joined())) }
        }
    }

    @Test("an empty set has no batch, and wrong options are told")
    func edges() throws {
        try withTemporaryFolder { folder in
            let shards = try TestShards(in: folder, counts: [])
            let loader = try Loader(shards.source)
            #expect(try loader.next() == nil)
            for change: (inout LoaderOptions) -> Void in [
                { $0.batchSize = 0 }, { $0.rank = 1 }, { $0.ranks = 0 }, { $0.prefetch = 0 }, { $0.threads = 0 },
                { $0.shardsPerBlock = 0 }, { $0.start.samples = 1 }, { $0.start.epoch = -1 }, { $0.patience.tries = 0 },
            ] {
                var options = LoaderOptions()
                change(&options)
                let error = try #require(throws: PFrameError.self) { try Loader(shards.source, options: options) }
                #expect(error.code == .usage)
            }
            #expect(throws: PFrameError.self) { try loader.startEpoch(0, samples: 1) }
            let error = try #require(throws: PFrameError.self) { try Loader(.folder(folder.appending("none"))) }
            #expect(error.code == .missing)
        }
    }
}
