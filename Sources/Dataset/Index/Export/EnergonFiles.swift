import Codec
import Storage
import SystemPackage

/// What `energon prepare` makes: where samples begin in each shard, how many there are, and that all are for training.
struct EnergonFiles {
    let folder: DatasetFolder
    let description: DatasetDescription

    /// Writes `X.tar.idx` of every shard, and `.nv-meta`.
    ///
    /// - Returns: the names of the files.
    /// - Throws: `DatasetError`.
    func write() throws(DatasetError) -> [String] {
        var names: [String] = []
        for shard in description.shards {
            let rows = try folder.rows(shard)
            let offsets = rows.map(\.offset) + [rows.last.map { $0.offset + $0.size } ?? 0]
            var bytes: [UInt8] = []
            for offset in offsets { withUnsafeBytes(of: UInt64(offset).littleEndian) { bytes.append(contentsOf: $0) } }
            names.append(shard.tarName + ".idx")
            try replaceFile(folder.path.appending(shard.tarName + ".idx"), with: bytes)
        }
        let meta = folder.path.appending(".nv-meta")
        try carrying { () throws(CodecError) in try createFolder(meta) }
        let counts = description.shards.map { ($0.tarName, JSONValue.integer($0.samples)) }
        let info = JSONValue.object(["shard_counts": .object(Dictionary(counts) { first, _ in first })])
        // JSON is YAML: older versions read one name, newer ones the other.
        for (name, text) in [
            (".info.json", info.json(lines: 2) + "\n"), (".info.yaml", info.json(lines: 2) + "\n"),
            ("split.yaml", split), ("dataset.yaml", Self.dataset),
        ] {
            names.append(".nv-meta/" + name)
            try replaceFile(meta.appending(name), with: text)
        }
        return names
    }

    /// All shards are for training; which are for validation is the user's to say.
    private var split: String {
        let list = JSONValue.list(description.shards.map { .text($0.tarName) })
        return "exclude: []\nsplit_parts:\n  train: \(list.json(lines: 0))\n  val: []\n  test: []\n"
    }

    /// Samples as they stand in the shards, for a task encoder's cookers.
    private static let dataset = """
        __module__: megatron.energon
        __class__: CrudeWebdataset

        """
}
