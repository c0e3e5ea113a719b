public import Storage
import SystemPackage

/// Writes the side files that other loaders want beside WebDataset shards.
public enum LoaderFiles: String, Sendable, CaseIterable {
    /// Megatron Energon: `X.tar.idx` beside each shard and the folder `.nv-meta`.
    case energon
    /// NVIDIA DALI: `X.idx` beside each shard, as `wds2idx` writes it.
    case dali
    /// wids of webdataset: `wids.json`.
    case wids

    /// Writes the files of a data set.
    ///
    /// - Returns: their names within the folder.
    /// - Throws: `DatasetError` where rows are missing or damaged, a name cannot stand in a file, or the disk is full.
    public func write(_ folder: DatasetFolder) throws(DatasetError) -> [String] {
        let description = try folder.description()
        return switch self {
        case .energon: try EnergonFiles(folder: folder, description: description).write()
        case .dali: try DALIFiles(folder: folder, description: description).write()
        case .wids: try WidsFile(folder: folder, description: description).write()
        }
    }
}

/// `X.idx`: `v1.2 N`, then a line a sample: `extension offset size path` for each member, offsets those of its bytes.
private struct DALIFiles {
    let folder: DatasetFolder
    let description: DatasetDescription

    func write() throws(DatasetError) -> [String] {
        var names: [String] = []
        for shard in description.shards {
            var text = "v1.2 \(shard.samples)\n"
            for row in try folder.rows(shard) {
                let members = row.members.map { "\($0.name) \($0.offset) \($0.length) \(row.key).\($0.name)" }
                guard members.allSatisfy({ $0.split(whereSeparator: \.isWhitespace).count == 4 }) else {
                    throw DatasetError(
                        path: folder.tar(shard), offset: row.offset,
                        "a name with a space in sample \(row.key), which DALI's index cannot hold")
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

    func write() throws(DatasetError) -> [String] {
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
