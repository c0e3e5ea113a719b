import Foundation
import Storage
import Synchronization
import Train

/// Ranks that are threads of one process.
final class ThreadRanks: @unchecked Sendable {
    // Unchecked: `condition` guards what changes.
    let count: Int
    private let condition = NSCondition()
    private var given: [Int: [UInt8]] = [:]
    private var round = 0
    private var last: [[UInt8]] = []
    private var isBroken = false

    init(_ count: Int) { self.count = count }

    /// What every rank gave, once all did.
    ///
    /// - Throws: where a rank gives nothing for half a minute, or threw.
    func gather(_ rank: Int, _ bytes: [UInt8]) throws(PFrameError) -> [[UInt8]] {
        condition.lock()
        defer { condition.unlock() }
        let own = round
        precondition(given.updateValue(bytes, forKey: rank) == nil, "rank \(rank) gives twice")
        if given.count == count {
            last = given.sorted { $0.key < $1.key }.map(\.value)
            given = [:]
            round += 1
            condition.broadcast()
            return last
        }
        let end = Date(timeIntervalSinceNow: 30)
        while round == own, !isBroken {
            if !condition.wait(until: end) { isBroken = true }
        }
        guard round != own else { throw PFrameError("rank \(rank) waits for ranks that do not come") }
        return last
    }

    /// Runs a rank on each thread.
    ///
    /// - Returns: what each rank returns, or the error that ended it, after which the others end too.
    static func run<Value: Sendable>(
        _ count: Int, _ body: @escaping @Sendable (ThreadRank) throws -> Value
    ) -> [Result<Value, any Error>] {
        let ranks = ThreadRanks(count)
        let results = Mutex<[Int: Result<Value, any Error>]>([:])
        let group = DispatchGroup()
        for rank in 0..<count {
            group.enter()
            Thread.detachNewThread {
                let result = Result { try body(ThreadRank(rank, of: ranks)) }
                results.withLock { $0[rank] = result }
                if case .failure = result { ranks.end() }
                group.leave()
            }
        }
        group.wait()
        return results.withLock { results in (0..<count).compactMap { results[$0] } }
    }

    private func end() {
        condition.lock()
        isBroken = true
        condition.broadcast()
        condition.unlock()
    }
}

/// One of them, with plain sums and copies.
final class ThreadRank: Collective {
    let rank: Int
    let all: ThreadRanks
    var ranks: Int { all.count }
    var device: Device { .cpu }

    init(_ rank: Int, of all: ThreadRanks) { (self.rank, self.all) = (rank, all) }

    private final class Done: Reduction {
        func wait() throws(PFrameError) {}
    }

    func allReduce(_ tensor: Tensor) throws(PFrameError) -> any Reduction {
        let parts = try all.gather(rank, tensor.bytes())
        try tensor.fill(0)
        for part in parts {
            try tensor.accumulate(Tensor(elements: part, type: tensor.type, shape: tensor.shape))
        }
        return Done()
    }

    func broadcast(_ tensor: Tensor, from root: Int) throws(PFrameError) {
        try tensor.set(Tensor(elements: all.gather(rank, tensor.bytes())[root], type: tensor.type, shape: tensor.shape))
    }

    func barrier() throws(PFrameError) { _ = try all.gather(rank, []) }

    func sum(_ values: [Double]) throws(PFrameError) -> [Double] {
        let parts = try all.gather(rank, values.withUnsafeBytes { Array($0) })
        return values.indices.map { index in
            parts.reduce(0) { sum, part in
                sum + part.withUnsafeBytes { $0.loadUnaligned(fromByteOffset: 8 * index, as: Double.self) }
            }
        }
    }
}
