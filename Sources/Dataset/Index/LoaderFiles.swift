import Codec
package import Shards
package import Storage
import SystemPackage

/// Writes the side files that other loaders need beside WebDataset shards.
package enum LoaderFiles: String, Sendable, CaseIterable {
    /// Megatron Energon: `X.tar.idx` beside each shard and the folder `.nv-meta`.
    case energon
    /// NVIDIA DALI: `X.idx` beside each shard, as `wds2idx` writes it.
    case dali
    /// wids of webdataset: `wids.json`.
    case wids

    /// Writes the files of a data set.
    ///
    /// - Returns: their names within the folder.
    /// - Throws: `PFrameError` if rows are missing or damaged, a name cannot stand in a file, or the disk is full.
    package func write(_ folder: DatasetFolder) throws(PFrameError) -> [String] {
        let description = try folder.description()
        return switch self {
        case .energon: try EnergonFiles(folder: folder, description: description).write()
        case .dali: try DALIFiles(folder: folder, description: description).write()
        case .wids: try WidsFile(folder: folder, description: description).write()
        }
    }
}

/// `X.idx`: `v1.2 N`, then one line per sample: `extension offset size path` for each member, offsets those of its
/// bytes.
private struct DALIFiles {
    let folder: DatasetFolder
    let description: DatasetDescription

    func write() throws(PFrameError) -> [String] {
        var names: [String] = []
        for shard in description.shards {
            var text = "v1.2 \(shard.samples)\n"
            for row in try folder.rows(shard) {
                let members = row.members.map { "\($0.name) \($0.offset) \($0.length) \(row.key).\($0.name)" }
                guard members.allSatisfy({ $0.split(whereSeparator: \.isWhitespace).count == 4 }) else {
                    throw PFrameError(
                        .unsupported, path: folder.tar(shard), offset: row.offset,
                        "a name with a space in record \(row.key), which DALI's index cannot hold")
                }
                text += members.joined(separator: " ") + "\n"
            }
            names.append(shard.name + ".idx")
            try replaceFile(folder.path.appending(shard.name + ".idx"), with: text)
        }
        return names
    }
}

/// `wids.json`, which `wids.ShardListDataset` reads.
private struct WidsFile {
    let folder: DatasetFolder
    let description: DatasetDescription

    func write() throws(PFrameError) -> [String] {
        let shards = description.shards.map { shard in
            JSONValue.object([
                "url": .text(shard.tarName), "nsamples": .integer(shard.samples), "filesize": .integer(shard.bytes),
            ])
        }
        let value = JSONValue.object([
            "__kind__": .text("wids-shard-index-v1"), "wids_version": .integer(1),
            "name": .text(folder.path.lastComponent?.string ?? "dataset"), "shardlist": .list(shards),
        ])
        try replaceFile(folder.path.appending("wids.json"), with: value.json(lines: 2) + "\n")
        return ["wids.json"]
    }
}

/// What `energon prepare` makes: where samples begin in each shard, how many there are, and that all are for training.
struct EnergonFiles {
    let folder: DatasetFolder
    let description: DatasetDescription

    /// Writes `X.tar.idx` of every shard, and `.nv-meta`.
    ///
    /// - Returns: the names of the files.
    /// - Throws: `PFrameError`.
    func write() throws(PFrameError) -> [String] {
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
        try createFolder(meta)
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
