public import Storage

/// One clip on its way into a shard: the files of a WebDataset sample and the columns of its row.
///
/// The key is given by the shard's writer; `json` is written there from key and columns.
public struct Sample: Sendable {
    /// Extension (`mv.npy`) and bytes; `json` is among them only where it says other things than the columns.
    public var members: [(name: String, bytes: [UInt8])]
    /// The columns of the sample's row, and of its `json` member.
    public var columns: SampleColumns

    /// Creates a sample.
    public init(members: [(name: String, bytes: [UInt8])], columns: SampleColumns) {
        self.members = members
        self.columns = columns
    }

    /// Bytes of all members.
    public var size: Int { members.reduce(0) { $0 + $1.bytes.count } }
}

/// What is known of a sample beside its arrays.
public struct SampleColumns: Sendable, Equatable {
    /// The caption, of several the first; empty without one.
    public var caption = ""
    /// All captions; nil where no record of the set has several.
    public var captions: [String]?
    /// The video that the clip was cut from, as the input list names it; empty for samples made elsewhere.
    public var source = ""
    /// The time of each frame in the source, seconds.
    public var seconds: [Double] = []
    /// The perceptual hash of the middle frame, 0 if there is none.
    public var hash: UInt64 = 0
    /// Scores by column; NaN if a score could not be computed.
    public var scores: [String: Double] = [:]
    /// All other columns of the user's list: subject, label, split and custom columns.
    public var metadata: [String: JSONValue] = [:]

    /// Columns without a value.
    public init() {}

    /// The score columns that `pframe build` fills, in the order in which they are shown.
    public static let builtScores = [
        "motion_content", "motion_content_max", "motion_vector", "motion_vector_moving", "motion_vector_global",
        "motion_difference",
    ]

    /// The score column of sets with the motion of the videos' own vectors: the share of blocks without such a vector, which
    /// block search filled, 0…1.
    public static let searchedShare = "motion_searched"

    /// The score columns of sets with what the videos' streams spend: bits per pixel before coefficients and of
    /// coefficients, mean and standard deviation of QP.
    public static let codingScores = ["bits_motion", "bits_residual", "qp_mean", "qp_spread"]

    /// The text of the sample's `json` member: everything flat, as Hugging Face `datasets` and `webdataset` show it.
    package func json(key: String) -> String {
        var members = metadata
        for (name, value) in scores { members[name] = .number(value) }
        members["caption"] = .text(caption)
        if let captions { members["captions"] = .list(captions.map { .text($0) }) }
        members["source"] = .text(source)
        members["seconds"] = .list(seconds.map { .number($0) })
        members["hash"] = .text(Self.hexadecimal(hash))
        members["key"] = .text(key)
        return JSONValue.object(members).json()
    }

    /// The caption that training reads: of several one, each as likely as the others, which the arguments alone decide.
    ///
    /// - Parameters:
    ///   - seed: of the run.
    ///   - epoch: from 0.
    ///   - position: the place of the record in the order of the epoch.
    package func caption(seed: UInt64, epoch: Int, position: Int) -> String {
        guard let captions, captions.count > 1 else { return caption }
        let stream = SplitMix64.mix(UInt64(bitPattern: Int64(epoch))) &+ UInt64(bitPattern: Int64(position))
        var random = SplitMix64(seed: seed, stream: stream)
        return captions[random.below(captions.count)]
    }

    /// Whether a `json` member is one that PFrame wrote from columns; that of a sample made elsewhere says other things.
    package static func wrote(_ json: [UInt8], key: String) -> Bool {
        // What is not JSON was not written here.
        guard let value = try? JSONValue(json, path: nil) else { return false }
        return value["key"]?.string == key && value["hash"] != nil
    }

    /// Sixteen hexadecimal digits.
    package static func hexadecimal(_ hash: UInt64) -> String { hash.zeroPadded(16, radix: 16) }
}

/// What a path in a tar file says by WebDataset's rule: the key is everything before the first dot of the last
/// component, folders included; the member's name is everything after it, in small letters.
package struct SampleName: Equatable {
    package let key: String
    package let member: String

    /// Nil for what belongs to no sample: no dot, a hidden file, nothing after the dot, or a leading `__name__`.
    package init?(_ path: String) {
        let start = path.utf8.lastIndex(of: UInt8(ascii: "/")).map { path.utf8.index(after: $0) } ?? path.startIndex
        guard let dot = path[start...].utf8.firstIndex(of: UInt8(ascii: ".")), dot > start else { return nil }
        let member = path[path.utf8.index(after: dot)...].lowercased()
        let first = path.prefix { $0 != "/" }
        guard !member.isEmpty, !(first.utf8.count >= 4 && first.hasPrefix("__") && first.hasSuffix("__")) else {
            return nil
        }
        key = String(path[..<dot])
        self.member = member
    }
}

/// Finds keys that occur more than once in a set, remembering eight bytes per key.
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
