import Storage
import SystemPackage

/// A clip that the report shows, as the index knows it.
struct ReportClip: Sendable, Equatable {
    /// Its place in the set, from 0.
    let number: Int
    let key: String
    let shard: String
    let caption: String
    /// The video that it was cut from; empty where unknown.
    let source: String
    /// Its scores by name, those without a value left out.
    let scores: [String: Double]

    /// Clips that meet a condition, in the given order.
    ///
    /// - Throws: `DatasetError` with SQLite's message.
    static func fetch(
        _ index: DatasetIndex, where condition: String? = nil, order: String? = nil, limit: Int? = nil
    ) throws(DatasetError) -> [ReportClip] {
        let columns = ["number", "key", "shard", "caption", "source"]
        let scores = index.scores
        return try index.rows(columns + scores, where: condition, order: order, limit: limit).map { row in
            ReportClip(
                number: row[0].int ?? 0, key: row[1].string ?? "", shard: row[2].string ?? "",
                caption: row[3].string ?? "", source: row[4].string ?? "",
                scores: Dictionary(
                    uniqueKeysWithValues: zip(scores, row.dropFirst(columns.count)).compactMap { name, value in
                        value.double.map { (name, $0) }
                    }))
        }
    }
}

/// The pictures of clips, each read once out of its shard and verified.
struct ClipPictures: Sendable {
    /// Pictures by the place of their clip; absent where a sample has none.
    private(set) var pictures: [Int: ClipPicture] = [:]
    /// The places of clips that could not be read.
    private(set) var damaged: Set<Int> = []
    /// What is wrong with shards, rows and samples.
    private(set) var problems: [DatasetError] = []

    private let folder: DatasetFolder

    /// Reads the pictures of clips; what is damaged becomes a problem.
    ///
    /// - Parameter progress: called before each clip; what it throws ends the work.
    init(
        _ clips: [ReportClip], in folder: DatasetFolder, _ description: DatasetDescription,
        progress: () throws(DatasetError) -> Void
    ) throws(DatasetError) {
        self.folder = folder
        var first = 0
        let byShard = Dictionary(grouping: clips, by: \.shard)
        for shard in description.shards {
            let wanted = Dictionary((byShard[shard.name] ?? []).map { ($0.number, $0) }) { clip, _ in clip }
            try read(wanted.values.sorted { $0.number < $1.number }, of: shard, first: first, progress)
            first += shard.samples
        }
    }

    private mutating func read(
        _ clips: [ReportClip], of shard: DatasetDescription.Shard, first: Int,
        _ progress: () throws(DatasetError) -> Void
    ) throws(DatasetError) {
        guard !clips.isEmpty else { return }
        var rows: [ShardRow] = []
        do throws(DatasetError) { rows = try folder.rows(shard) } catch {
            problems.append(error)
            damaged.formUnion(clips.map(\.number))
            return
        }
        for clip in clips {
            try progress()
            do throws(DatasetError) {
                let place = clip.number - first
                guard rows.indices.contains(place), rows[place].key == clip.key else {
                    throw DatasetError(
                        path: folder.path.appending(DatasetIndex.fileName),
                        "has other clips than \(shard.rowsName): run `pframe index`")
                }
                let row = rows[place]
                let bytes = try folder.sample(row, of: shard)
                pictures[clip.number] = ClipPicture(row) { member in
                    let start = member.offset - row.offset
                    return bytes[start..<(start + member.length)]
                }
            } catch {
                problems.append(error)
                damaged.insert(clip.number)
            }
        }
    }
}

extension DatasetFolder {
    /// The bytes of a sample with its headers, verified.
    ///
    /// - Throws: `DatasetError` with the place in the shard where it is cut off or damaged.
    func sample(_ row: ShardRow, of shard: DatasetDescription.Shard) throws(DatasetError) -> [UInt8] {
        let path = tar(shard)
        let bytes: [UInt8]
        do {
            let descriptor = try FileDescriptor.open(path, .readOnly, options: .closeOnExec)
            bytes = try descriptor.closeAfter {
                // A damaged row may announce any size: what the file does not have is not asked for.
                let end = Int(try descriptor.seek(offset: 0, from: .end))
                guard row.offset <= end, row.size <= end - row.offset else {
                    throw DatasetError(
                        path: path, offset: end, "ends within sample \(row.key): see `pframe check`")
                }
                return try [UInt8](unsafeUninitializedCapacity: row.size) { buffer, filled in
                    while filled < row.size {
                        let rest = UnsafeMutableRawBufferPointer(
                            rebasing: UnsafeMutableRawBufferPointer(buffer)[filled..<row.size])
                        let count = try descriptor.read(fromAbsoluteOffset: Int64(row.offset + filled), into: rest)
                        guard count > 0 else { throw Errno.ioError }
                        filled += count
                    }
                }
            }
        } catch let error as DatasetError {
            throw error
        } catch {
            throw DatasetError(path: path, offset: row.offset, "cannot read sample \(row.key): \(error)")
        }
        guard bytes.withUnsafeBytes({ CRC32C.of($0) }) == row.crc32c else {
            throw DatasetError(
                path: path, offset: row.offset, "sample \(row.key) is damaged, its checksum differs: see `pframe check`"
            )
        }
        return bytes
    }
}
