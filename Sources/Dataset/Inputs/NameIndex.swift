import Storage

/// Finds the numbers of things by a hash of what they are called: 16 bytes a thing, built in one sort.
///
/// Several things may share a hash: who looks up compares.
struct NameIndex {
    private let entries: [(hash: Int, number: Int32)]

    /// Numbers the things from 0 in the order of their hashes.
    init(_ hashes: some Sequence<Int>) {
        var entries: [(hash: Int, number: Int32)] = []
        entries.reserveCapacity(hashes.underestimatedCount)
        for hash in hashes { entries.append((hash, Int32(entries.count))) }
        entries.sort { ($0.hash, $0.number) < ($1.hash, $1.number) }
        self.entries = entries
    }

    /// The numbers of all things with that hash, rising.
    func numbers(_ hash: Int) -> some Sequence<Int> {
        var (low, high) = (0, entries.count)
        while low < high {
            let middle = (low + high) / 2
            if entries[middle].hash < hash { low = middle + 1 } else { high = middle }
        }
        return entries[low...].prefix { $0.hash == hash }.lazy.map { Int($0.number) }
    }
}
