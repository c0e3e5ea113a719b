import Glibc
package import Storage
import Synchronization
import SystemPackage

/// A shard in use: its file, its rows, and what was wrong outside of its samples.
package final class OpenShard: Sendable {
    /// As `dataset.json` has it.
    package let facts: DatasetDescription.Shard
    /// Its rows.
    package let rows: ShardRows
    /// The archive.
    package let file: any ShardFile
    private let store: ShardStore
    private let state: Mutex<State>

    private struct State {
        /// What was found outside of the samples and not told yet.
        var damage: DamagedSample?
        /// Where the file ends, as far as is known.
        var end: Int
    }

    /// Opens a shard of a set.
    ///
    /// - Throws: `PFrameError` if it cannot be opened, or its rows cannot be read.
    package init(_ facts: DatasetDescription.Shard, in store: ShardStore) throws(PFrameError) {
        (self.facts, self.store) = (facts, store)
        rows = try store.rows(of: facts)
        file = try store.open(facts)
        state = Mutex(State(end: facts.bytes))
    }

    /// Where the file ends: as `dataset.json` says, or before where it was found to be cut off.
    package var end: Int { state.withLock { $0.end } }

    /// Looks at what no sample's checksum covers, and keeps what is wrong for ``takeDamage()``.
    ///
    /// - Returns: whether all is well.
    /// - Throws: `PFrameError` if the file cannot be read, and with `fail` for any damage.
    package func check(_ policy: DamagePolicy) throws(PFrameError) -> Bool {
        let size = try file.size()
        state.withLock { $0.end = min(size, facts.bytes) }
        guard let damage = try damageOutsideSamples(size, policy) else { return size == facts.bytes }
        guard policy == .skip else {
            let sample = damage.key.isEmpty ? "" : "record \(damage.key) is damaged: "
            throw error(at: damage.offset, sample + damage.what)
        }
        state.withLock { $0.damage = damage }
        return false
    }

    /// What was wrong outside of the samples, for the first who asks.
    package func takeDamage() -> DamagedSample? { state.withLock { $0.damage.take() } }

    /// An error about the archive.
    package func error(_ code: PFrameError.Code = .damaged, at offset: Int?, _ message: String) -> PFrameError {
        store.error(code, in: facts.tarName, at: offset, message)
    }

    /// Reads the whole of a sample; nil if its checksum is another.
    ///
    /// - Throws: `PFrameError` if it cannot be read.
    package func record(of row: ShardRow) throws(PFrameError) -> [UInt8]? {
        guard row.offset + row.size <= end else { return nil }
        let record = try file.stream(row.offset..<(row.offset + row.size)).bytes(row.size)
        return record.withUnsafeBytes { CRC32C.of($0) } == row.crc32c ? record : nil
    }

    /// Looks at what no sample's checksum covers: the size of the file, and the zeros after the last sample.
    ///
    /// - Parameters:
    ///   - size: of the file.
    ///   - policy: with `skip`, a file that is cut off inside a sample is no damage here: its samples will tell.
    /// - Returns: what is wrong.
    /// - Throws: `PFrameError` if the file cannot be read.
    private func damageOutsideSamples(
        _ size: Int, _ policy: DamagePolicy
    ) throws(PFrameError) -> DamagedSample? {
        // A damaged last row is told by its sample.
        let end = (try? rows.extent(rows.count - 1))?.upperBound
        guard size == facts.bytes else {
            let what = "\(size) bytes, but dataset.json says \(facts.bytes)"
            if let end, size >= end { return damage(min(size, facts.bytes), what) }
            return policy == .fail ? firstLost(size) ?? damage(size, what) : nil
        }
        guard let end, end <= size else { return nil }
        guard end < size else { return damage(size, "lacks the zeros that end an archive") }
        let stream = file.stream(end..<size)
        let pieces = 1 << 16
        for first in Swift.stride(from: end, to: size, by: pieces) {
            let block = try stream.bytes(min(pieces, size - first))
            if let place = block.firstIndex(where: { $0 != 0 }) {
                return damage(first + place, "data after the last record, where zeros should end the archive")
            }
        }
        return nil
    }

    /// The first sample that a file of `size` bytes does not hold whole.
    private func firstLost(_ size: Int) -> DamagedSample? {
        for index in 0..<rows.count {
            // A damaged row is told by its own sample.
            guard let row = try? rows.row(index), row.offset + row.size > size else { continue }
            return DamagedSample(
                shard: facts.name, key: row.key, offset: row.offset,
                what: "the file ends at byte \(size), but dataset.json says \(facts.bytes)")
        }
        return nil
    }

    private func damage(_ offset: Int, _ what: String) -> DamagedSample {
        DamagedSample(shard: facts.name, key: "", offset: offset, what: what)
    }
}

/// Has each shard looked at outside of its samples, until that has gone well once.
package final class ShardChecks: Sendable {
    private let done = Mutex(Set<Int>())
    private let policy: DamagePolicy

    /// No shard has been looked at.
    package init(_ policy: DamagePolicy) { self.policy = policy }

    /// Looks at a shard, where nobody has.
    ///
    /// - Throws: as ``OpenShard/check(_:)``.
    package func run(_ number: Int, on shard: OpenShard) throws(PFrameError) {
        guard !done.withLock({ $0.contains(number) }) else { return }
        // Damage is told again in every epoch, as that of samples is.
        guard try shard.check(policy) else { return }
        done.withLock { _ = $0.insert(number) }
    }
}
