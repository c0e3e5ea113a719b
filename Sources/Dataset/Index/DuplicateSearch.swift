import Codec
import Storage
import Synchronization

/// Finds near duplicates among 64-bit perceptual hashes: Hamming distance at most 4.
///
/// Multi-index hashing (Norouzi, Punjani and Fleet, 2012): the hash is cut into six bands of 10 or 11 bits; two hashes
/// that differ in at most four bits agree in at least two whole bands. So whoever is near is found in the same bucket of
/// one of the 15 tables, one for each pair of bands, whose 20 to 22 bits keep buckets small at ten million hashes.
enum DuplicateSearch {
    /// The largest distance at which two hashes are duplicates.
    static let distance = 4

    /// For every hash, the position of the earlier hash that it duplicates; -1 if there is none.
    ///
    /// A hash is a duplicate if any earlier one is near. It is linked to the earliest near one that is not a duplicate
    /// itself; where all near ones are duplicates, to the earliest of them. 0 stands for no hash.
    static func links(of hashes: [UInt64], jobs: Int) -> [Int32] {
        var order: [(hash: UInt64, place: Int32)] = []
        order.reserveCapacity(hashes.count)
        for (place, hash) in hashes.enumerated() where hash != 0 { order.append((hash, Int32(place))) }
        order.sort { ($0.hash, $0.place) < ($1.hash, $1.place) }
        // Equal hashes share their first one's neighbours: only different ones are compared.
        var firsts: [Int32] = []
        for index in order.indices where index == 0 || order[index - 1].hash != order[index].hash {
            firsts.append(order[index].place)
        }
        firsts.sort()
        let distinct = firsts.map { hashes[Int($0)] }

        var links = earliest(count: distinct.count, jobs) { $0.matches(distinct) }
        let isDuplicate = links.map { $0 >= 0 }
        let unsettled = links.indices.filter { links[$0] >= 0 && isDuplicate[Int(links[$0])] }
        if !unsettled.isEmpty {
            let originals = earliest(count: distinct.count, jobs) { $0.matches(distinct, of: unsettled, isDuplicate) }
            for index in unsettled where originals[index] >= 0 { links[index] = originals[index] }
        }

        var result = [Int32](repeating: -1, count: hashes.count)
        for (index, place) in firsts.enumerated() where links[index] >= 0 {
            result[Int(place)] = firsts[Int(links[index])]
        }
        var first: Int32 = -1
        for (index, (hash, place)) in order.enumerated() {
            guard index > 0, order[index - 1].hash == hash else {
                first = place
                continue
            }
            result[Int(place)] = result[Int(first)] >= 0 ? result[Int(first)] : first
        }
        return result
    }

    /// The earliest match of every hash over all tables, -1 without one.
    private static func earliest(
        count: Int, _ jobs: Int, _ matches: @Sendable (Table) -> [(Int32, Int32)]
    ) -> [Int32] {
        let found = Mutex([Int32](repeating: -1, count: count))
        let tables = Table.all(for: count)
        Parallel.forEach(tables.count, jobs: jobs) { number in
            let pairs = matches(tables[number])
            found.withLock { found in
                for (index, match) in pairs where found[Int(index)] < 0 || match < found[Int(index)] {
                    found[Int(index)] = match
                }
            }
        }
        return found.withLock { $0 }
    }
}

/// Puts hashes that agree in two bands into one bucket.
private struct Table {
    private let first: (bit: UInt64, bits: UInt64)
    private let second: (bit: UInt64, bits: UInt64)
    private let bits: UInt32

    /// One table for each pair of bands.
    static func all(for count: Int) -> [Table] {
        let bands: [(UInt64, UInt64)] = [(0, 11), (11, 11), (22, 11), (33, 11), (44, 10), (54, 10)]
        // No more buckets than hashes; what then shares one by chance is told apart by its distance.
        let bits = UInt32(max(1, min(22, Int.bitWidth - count.leadingZeroBitCount)))
        return bands.indices.flatMap { first in
            (first + 1..<bands.count).map { Table(first: bands[first], second: bands[$0], bits: bits) }
        }
    }

    private func bucket(_ hash: UInt64) -> Int {
        let high = hash >> first.bit & (1 << first.bits - 1)
        let low = hash >> second.bit & (1 << second.bits - 1)
        let key = UInt32(truncatingIfNeeded: high << second.bits | low)
        return Int((key &* 0x9E37_79B1) >> (32 - bits))
    }

    private static func isNear(_ first: UInt64, _ second: UInt64) -> Bool {
        (first ^ second).nonzeroBitCount <= DuplicateSearch.distance
    }

    /// The members of every bucket, ascending: those of bucket b are `places[starts[b]..<starts[b + 1]]`.
    private func fill(
        _ hashes: UnsafeBufferPointer<UInt64>, _ members: some BidirectionalCollection<Int>
    ) -> (starts: [Int32], places: [Int32]) {
        var starts = [Int32](repeating: 0, count: 1 << Int(bits) + 1)
        var places = [Int32](repeating: 0, count: members.count)
        starts.withUnsafeMutableBufferPointer { starts in
            for member in members { starts[bucket(hashes[member])] += 1 }
            var sum: Int32 = 0
            for index in starts.indices {
                sum += starts[index]
                starts[index] = sum
            }
            for member in members.reversed() {
                let bucket = bucket(hashes[member])
                starts[bucket] -= 1
                places[Int(starts[bucket])] = Int32(member)
            }
        }
        return (starts, places)
    }

    /// Hashes that have a near one before them in their bucket, with the earliest such.
    func matches(_ hashes: [UInt64]) -> [(Int32, Int32)] {
        hashes.withUnsafeBufferPointer { hashes in
            let (starts, places) = fill(hashes, hashes.indices)
            var pairs: [(Int32, Int32)] = []
            for bucket in 0..<(starts.count - 1) where starts[bucket + 1] - starts[bucket] > 1 {
                let members = places[Int(starts[bucket])..<Int(starts[bucket + 1])]
                for later in members.indices.dropFirst() {
                    let hash = hashes[Int(members[later])]
                    if let match = members[..<later].first(where: { Self.isNear(hashes[Int($0)], hash) }) {
                        pairs.append((members[later], match))
                    }
                }
            }
            return pairs
        }
    }

    /// Some of the hashes, with the earliest near one in their bucket that is before them and no duplicate.
    func matches(_ hashes: [UInt64], of some: [Int], _ isDuplicate: [Bool]) -> [(Int32, Int32)] {
        hashes.withUnsafeBufferPointer { hashes in
            let (starts, places) = fill(hashes, some)
            var pairs: [(Int32, Int32)] = []
            for (original, hash) in hashes.enumerated() where !isDuplicate[original] {
                let bucket = bucket(hash)
                for place in starts[bucket]..<starts[bucket + 1] {
                    let member = places[Int(place)]
                    if member > original, Self.isNear(hashes[Int(member)], hash) {
                        pairs.append((member, Int32(original)))
                    }
                }
            }
            return pairs
        }
    }
}
