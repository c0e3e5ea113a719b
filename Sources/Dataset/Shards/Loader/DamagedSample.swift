import Storage

/// A sample that a loader left out, or damage of a shard outside of its samples.
public struct DamagedSample: Sendable, Equatable, CustomStringConvertible {
    /// The name of the shard without an ending.
    public var shard: String
    /// The sample's key; empty for damage outside of samples, and where the row itself is damaged.
    public var key: String
    /// Where in the archive the sample begins, or the damage; nil where the row itself is damaged.
    public var offset: Int?
    /// What was found, in words.
    public var what: String

    /// Describes damage.
    public init(shard: String, key: String, offset: Int?, what: String) {
        (self.shard, self.key, self.offset, self.what) = (shard, key, offset, what)
    }

    /// One line.
    public var description: String {
        let place = offset.map { " at byte \($0)" } ?? ""
        return "\(shard).tar\(place): \(key.isEmpty ? "" : "sample \(key): ")\(what)"
    }
}
