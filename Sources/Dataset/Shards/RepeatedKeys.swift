import Storage

/// Finds keys that occur more than once in a set, remembering eight bytes a key.
package struct RepeatedKeys: Sendable {
    /// The hashes of the keys of one shard; equal keys have equal ones within a run of the program.
    package static func hashes(_ keys: some Sequence<String>) -> [Int] { keys.map(\.hashValue) }

    /// The hashes that occur more than once.
    private let hashes: Set<Int>
    /// The numbers of the shards that have a key with such a hash.
    package let shards: [Int]

    /// Looks through the hashes of all shards.
    package init(_ shards: [[Int]]) {
        var all = shards.flatMap { $0 }
        all.sort()
        var repeated: Set<Int> = []
        for index in all.indices.dropFirst() where all[index] == all[index - 1] { repeated.insert(all[index]) }
        hashes = repeated
        self.shards = repeated.isEmpty ? [] : shards.indices.filter { shards[$0].contains { repeated.contains($0) } }
    }

    /// Whether a key may occur more than once: its hash does.
    package func mayHold(_ key: String) -> Bool { hashes.contains(key.hashValue) }
}
