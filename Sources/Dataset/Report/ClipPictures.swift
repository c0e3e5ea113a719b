import Figures
import FoundationEssentials
import Shards
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
    /// - Throws: `PFrameError` with SQLite's message.
    static func fetch(
        _ index: DatasetIndex, where condition: String? = nil, order: String? = nil, limit: Int? = nil
    ) throws(PFrameError) -> [ReportClip] {
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
    private(set) var problems: [PFrameError] = []

    private let folder: DatasetFolder

    /// Reads the pictures of clips; what is damaged becomes a problem.
    ///
    /// - Parameter progress: called before each clip; what it throws ends the work.
    init(
        _ clips: [ReportClip], in folder: DatasetFolder, _ description: DatasetDescription,
        progress: () throws(PFrameError) -> Void
    ) throws(PFrameError) {
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
        _ progress: () throws(PFrameError) -> Void
    ) throws(PFrameError) {
        guard !clips.isEmpty else { return }
        let reader: ShardReader
        do throws(PFrameError) { reader = try ShardReader(shard, in: folder, description) } catch {
            problems.append(error)
            damaged.formUnion(clips.map(\.number))
            return
        }
        for clip in clips {
            try progress()
            do throws(PFrameError) {
                let place = clip.number - first
                guard reader.rows.indices.contains(place), reader.rows[place].key == clip.key else {
                    throw PFrameError(
                        .damaged, path: folder.path.appending(DatasetIndex.fileName),
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

/// What a sample has to look at: its picture as a file's bytes, and its motion.
struct ClipPicture: Sendable {
    /// `image/jpeg` and the like.
    let type: String
    /// The file's bytes as they are in the shard.
    let bytes: [UInt8]
    /// Pixels a row and rows; nil if the file does not tell.
    let size: (width: Int, height: Int)?
    /// The mean of `mv.npy`; nil if the sample has none.
    let motion: MeanMotion?

    /// Finds picture and motion in a sample.
    ///
    /// - Parameter member: the bytes of one of its files, nil if there is none.
    init?(_ row: ShardRow, member: (ShardRow.Member) -> ArraySlice<UInt8>) {
        let endings = ["jpg", "jpeg", "png", "webp"]
        let named = endings.lazy.compactMap { row.member($0) }.first
        let ending = row.members.first { member in
            endings.contains { member.name.lowercased().hasSuffix("." + $0) || member.name.lowercased() == $0 }
        }
        guard let found = named ?? ending else { return nil }
        bytes = Array(member(found))
        guard let type = Self.type(of: bytes) else { return nil }
        self.type = type
        size = type == "image/jpeg" ? Self.jpegSize(bytes) : type == "image/png" ? Self.pngSize(bytes) : nil
        motion = row.member("mv.npy").flatMap { MeanMotion(npy: member($0)) }
    }

    /// The picture as a `data:` URI.
    var uri: String { "data:\(type);base64,\(Data(bytes).base64EncodedString())" }

    /// What a file is by its first bytes.
    private static func type(of bytes: [UInt8]) -> String? {
        if bytes.starts(with: [0xFF, 0xD8, 0xFF]) { return "image/jpeg" }
        if bytes.starts(with: [0x89, 0x50, 0x4E, 0x47, 0x0D, 0x0A, 0x1A, 0x0A]) { return "image/png" }
        return bytes.starts(with: "RIFF".utf8) && bytes.dropFirst(8).starts(with: "WEBP".utf8) ? "image/webp" : nil
    }

    /// The size in a JPEG's frame header (ITU-T T.81, B.2.2).
    static func jpegSize(_ bytes: [UInt8]) -> (width: Int, height: Int)? {
        var place = 2
        while place + 9 <= bytes.count, bytes[place] == 0xFF {
            let marker = bytes[place + 1]
            let length = Int(bytes[place + 2]) << 8 | Int(bytes[place + 3])
            if (0xC0...0xCF).contains(marker), ![0xC4, 0xC8, 0xCC].contains(marker) {
                let height = Int(bytes[place + 5]) << 8 | Int(bytes[place + 6])
                let width = Int(bytes[place + 7]) << 8 | Int(bytes[place + 8])
                return width > 0 && height > 0 ? (width, height) : nil
            }
            place += marker == 0xFF ? 1 : 2 + length
        }
        return nil
    }

    private static func pngSize(_ bytes: [UInt8]) -> (width: Int, height: Int)? {
        guard bytes.count >= 24 else { return nil }
        func number(_ place: Int) -> Int { bytes[place..<(place + 4)].reduce(0) { $0 << 8 | Int($1) } }
        let (width, height) = (number(16), number(20))
        return (1...65_535).contains(width) && (1...65_535).contains(height) ? (width, height) : nil
    }
}
