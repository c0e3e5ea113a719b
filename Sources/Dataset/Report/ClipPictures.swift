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
            try read(wanted.values.sorted { $0.number < $1.number }, of: shard, description, first: first, progress)
            first += shard.samples
        }
    }

    private mutating func read(
        _ clips: [ReportClip], of shard: DatasetDescription.Shard, _ description: DatasetDescription, first: Int,
        _ progress: () throws(DatasetError) -> Void
    ) throws(DatasetError) {
        guard !clips.isEmpty else { return }
        let reader: ShardReader
        do throws(DatasetError) { reader = try ShardReader(shard, in: folder, description) } catch {
            problems.append(error)
            damaged.formUnion(clips.map(\.number))
            return
        }
        for clip in clips {
            try progress()
            do throws(DatasetError) {
                let place = clip.number - first
                guard reader.rows.indices.contains(place), reader.rows[place].key == clip.key else {
                    throw DatasetError(
                        path: folder.path.appending(DatasetIndex.fileName),
                        "has other clips than \(shard.rowsName): run `pframe index`")
                }
                let record = try reader.record(place)
                pictures[clip.number] = ClipPicture(record.row) { record.bytes(of: $0)[...] }
            } catch {
                problems.append(error)
                damaged.insert(clip.number)
            }
        }
    }
}
