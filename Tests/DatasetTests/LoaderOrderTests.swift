import Dataset
import Shards
import Testing

@Suite struct LoaderOrderTests {
    static let counts = [7, 1, 12, 0, 5, 9, 3, 6, 10, 8, 4, 11]
    static let total = 76

    private func places(_ order: SampleOrder, _ epoch: Int) -> [SamplePlace] {
        var order = order.epoch(epoch)
        return (0..<order.count).map { order.place(at: $0) }
    }

    private func order(seed: UInt64 = 3, shuffle: Bool = true, block: Int = 4) -> SampleOrder {
        SampleOrder(samplesPerShard: Self.counts, seed: seed, shuffle: shuffle, shardsPerBlock: block)
    }

    @Test("is the one that another implementation of the same rules gives")
    func known() {
        let first = SampleOrder(samplesPerShard: [3, 2, 4], seed: 7, shuffle: true, shardsPerBlock: 2)
        #expect(
            places(first, 1).map { [$0.shard, $0.sample] }
                == [[2, 1], [2, 2], [1, 1], [2, 3], [2, 0], [1, 0], [0, 2], [0, 0], [0, 1]])
        let second = SampleOrder(samplesPerShard: [3, 0, 2, 4], seed: 0, shuffle: true, shardsPerBlock: 3)
        #expect(
            places(second, 0).map { [$0.shard, $0.sample] }
                == [[3, 3], [3, 2], [2, 0], [2, 1], [3, 1], [3, 0], [0, 2], [0, 1], [0, 0]])
    }

    @Test("visits every sample once an epoch, few shards at a time", arguments: [1, 2, 4, 8, 100])
    func visitsAll(block: Int) {
        for (seed, epoch) in [(UInt64(0), 0), (0, 1), (1, 0), (UInt64.max, 7)] {
            let all = places(order(seed: seed, block: block), epoch)
            #expect(all.count == Self.total && Set(all).count == Self.total)
            var seen: [Int] = []
            for shard in all.map(\.shard) where !seen.contains(shard) { seen.append(shard) }
            // A shard's samples are done before those of the next block but one begin.
            for (number, shard) in seen.enumerated() {
                let last = all.lastIndex { $0.shard == shard } ?? 0
                let behind = Set(all[..<last].map(\.shard)).subtracting(seen[..<number])
                #expect(behind.count <= block)
            }
        }
    }

    @Test("depends on seed and epoch, and without shuffling on neither")
    func seeds() {
        let orders = [(UInt64(0), 0), (0, 1), (1, 0), (1, 1)].map { places(order(seed: $0), $1) }
        for (index, one) in orders.enumerated() {
            for other in orders[(index + 1)...] { #expect(one != other) }
        }
        let stored = Self.counts.enumerated().flatMap { shard, count in
            (0..<count).map { SamplePlace(shard: shard, sample: $0) }
        }
        #expect(places(order(seed: 1, shuffle: false), 0) == stored)
        #expect(places(order(seed: 2, shuffle: false), 5) == stored)
    }

    @Test("can be asked for in any order")
    func randomAccess() {
        let all = places(order(), 2)
        var epoch = order().epoch(2)
        for position in [75, 0, 40, 41, 3, 74, 20, 0] { #expect(epoch.place(at: position) == all[position]) }
        #expect(epoch.block(at: 0) == 0 && epoch.block(at: Self.total) == 3)
    }

    /// The steps of every rank.
    private func steps(
        ranks: Int, batch: Int, from start: Int, lastBatch: LastBatch = .partial
    ) -> [[LoaderSchedule.Step]] {
        (0..<ranks).map { rank in
            var options = LoaderOptions()
            (options.rank, options.ranks, options.batchSize, options.lastBatch) = (rank, ranks, batch, lastBatch)
            var schedule = LoaderSchedule(
                EpochBatches(order().epoch(1), shards: Array(Self.counts.indices), from: start, options),
                options: options)
            var steps: [LoaderSchedule.Step] = []
            while let step = schedule.next() { steps.append(step) }
            #expect(schedule.isAtEnd)
            return steps
        }
    }

    @Test("ranks share each step, and any number of them goes on where others stopped", arguments: [1, 2, 3, 8])
    func ranks(_ ranks: Int) {
        let all = places(order(), 1)
        for batch in [1, 2, 5, 8] {
            for start in 0...Self.total {
                let steps = steps(ranks: ranks, batch: batch, from: start)
                #expect(Set(steps.map(\.count)).count == 1)
                var position = start
                for step in 0..<steps[0].count {
                    // The ranks' slices, one after the other, are the next samples of the epoch.
                    let items = steps.flatMap { $0[step].items }
                    #expect(items.map(\.position) == Array(position..<(position + items.count)))
                    #expect(items.map(\.place) == Array(all[position..<(position + items.count)]))
                    #expect(steps.allSatisfy { $0[step].items.count <= batch })
                    position += items.count
                    #expect(steps.allSatisfy { $0[step].end == position })
                    #expect(items.count == ranks * batch || position == Self.total)
                }
                #expect(position == Self.total)
            }
        }
    }

    @Test("two ranks see together what one sees at twice the batch")
    func twoRanksAreOne() {
        let (two, one) = (steps(ranks: 2, batch: 3, from: 5), steps(ranks: 1, batch: 6, from: 5))
        #expect(two[0].count == one[0].count)
        for step in 0..<one[0].count {
            #expect((two[0][step].items + two[1][step].items).map(\.place) == one[0][step].items.map(\.place))
        }
    }

    @Test("the last batch is dropped on all ranks or on none")
    func drop() {
        for (ranks, batch) in [(1, 8), (3, 5), (8, 9), (2, 38), (4, 20)] {
            let steps = steps(ranks: ranks, batch: batch, from: 0, lastBatch: .drop)
            #expect(steps.allSatisfy { $0.count == Self.total / (ranks * batch) })
            #expect(steps.allSatisfy { $0.allSatisfy { $0.items.count == batch } })
        }
    }

    @Test("a step tells which blocks it leaves behind")
    func blocks() {
        for ranks in [1, 3, 8] {
            for rank in steps(ranks: ranks, batch: 2, from: 1) {
                for (index, step) in rank.enumerated() {
                    let later = rank[(index + 1)...].flatMap(\.items).map(\.block).min() ?? Int.max
                    #expect(step.firstBlocksAfter.count == 1 && step.firstBlocksAfter[0] <= later)
                    #expect(index + 1 < rank.count || step.firstBlocksAfter[0] == Int.max)
                }
            }
        }
    }
}
