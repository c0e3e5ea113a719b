public import Storage
package import SystemPackage

/// What a build leaves of one shard: `.shards/NNNNNN.json`. All receipts together make `dataset.json`, so machines that
/// build parts of a set share nothing but its folder.
package struct ShardReceipt: Sendable, Equatable {
    /// The folder of receipts within a data set.
    package static let folderName = ".shards"

    /// What wrote it: `pframe 0.1.0`.
    package var tool: String
    /// The options of the build; the same in all receipts of a set.
    package var options: JSONValue
    /// A hash of the input list; the same in all receipts of a set.
    package var sourceHash: String
    /// How many shards the whole set has, those without samples included.
    package var shards: Int
    /// The shard as it must be, nil if its videos gave no clip.
    package var shard: DatasetDescription.Shard?
    /// Its videos that gave no clip, or fewer than they hold.
    package var rejects: [Reject]
    /// Counts over the shard, by the names that `DatasetDescription.totals` has them.
    package var totals: [String: Int]

    /// Creates a receipt.
    package init(
        tool: String, options: JSONValue, sourceHash: String, shards: Int, shard: DatasetDescription.Shard?,
        rejects: [Reject], totals: [String: Int]
    ) {
        (self.tool, self.options, self.sourceHash, self.shards) = (tool, options, sourceHash, shards)
        (self.shard, self.rejects, self.totals) = (shard, rejects, totals)
    }

    /// Where the receipt of shard `number` of the set in `folder` is.
    package static func path(in folder: FilePath, number: Int) -> FilePath {
        folder.appending(folderName).appending(number.zeroPadded(6) + ".json")
    }

    /// The file's text.
    package var json: String {
        JSONValue.object([
            "tool": .text(tool), "options": options, "source_hash": .text(sourceHash), "shards": .integer(shards),
            "shard": shard?.json ?? .null, "rejects": .list(rejects.map(\.value)),
            "totals": .object(totals.mapValues { .integer($0) }),
        ]).json(lines: 1) + "\n"
    }

    /// Reads a receipt.
    ///
    /// - Throws: `PFrameError` if it is missing or damaged.
    package init(reading path: FilePath) throws(PFrameError) {
        let value = try JSONValue(try readFile(path), path: path)
        func damaged(_ field: String) -> PFrameError {
            PFrameError(
                .damaged, path: path, "a receipt without a valid \"\(field)\": remove it and run its part again")
        }
        guard let options = value["options"], options.members != nil else { throw damaged("options") }
        guard let sourceHash = value["source_hash"]?.string else { throw damaged("source_hash") }
        guard let shards = value["shards"]?.int, shards > 0 else { throw damaged("shards") }
        guard let totals = value["totals"]?.members else { throw damaged("totals") }
        guard let entry = value["shard"] else { throw damaged("shard") }
        let shard = DatasetDescription.Shard(entry)
        guard shard != nil || entry == .null else { throw damaged("shard") }
        guard let list = value["rejects"]?.array else { throw damaged("rejects") }
        let rejects = list.compactMap { Reject($0) }
        guard rejects.count == list.count else { throw damaged("rejects") }
        self.init(
            tool: value["tool"]?.string ?? "", options: options, sourceHash: sourceHash, shards: shards, shard: shard,
            rejects: rejects, totals: totals.compactMapValues(\.int))
    }
}

/// A video that gave no clip, or fewer than it holds: a row of `rejects.jsonl`.
public struct Reject: Sendable, Equatable {
    /// Why, in one word.
    public enum Kind: String, Sendable, CaseIterable {
        /// It is not there, or may not be read.
        case missing
        /// It is not a video, or holds none that libavcodec decodes.
        case unreadable
        /// The file ends before its container does; clips before the cut were taken.
        case truncated
        /// Frames are damaged; clips without them were taken.
        case damaged
        /// It is too short for a clip, or its shots are.
        case noClip = "no-clip"
        /// Its pictures are smaller than the buckets of their aspect.
        case tooSmall = "too-small"
        /// Captions were given, but none for it.
        case noCaption = "no-caption"
        /// The list names it twice.
        case repeated
        /// Its row of the list or of the captions has a mistake, or times that the video does not have.
        case badRow = "bad-row"
    }

    /// The video as the input list names it.
    public var video: String
    /// Why, in one word.
    public var kind: Kind
    /// Why, in one line, with the remedy where there is one.
    public var reason: String
    /// Clips that it gave all the same.
    public var clips: Int

    /// Creates a reject.
    public init(video: String, kind: Kind, reason: String, clips: Int = 0) {
        (self.video, self.kind, self.reason, self.clips) = (video, kind, reason, clips)
    }

    /// The row as one line without its line feed.
    public var json: String { value.json() }

    package var value: JSONValue {
        .object([
            "video": .text(video), "kind": .text(kind.rawValue), "reason": .text(reason), "clips": .integer(clips),
        ])
    }

    package init?(_ value: JSONValue) {
        guard let video = value["video"]?.string, let kind = value["kind"]?.string.flatMap(Kind.init(rawValue:)),
            let reason = value["reason"]?.string, let clips = value["clips"]?.int
        else { return nil }
        self.init(video: video, kind: kind, reason: reason, clips: clips)
    }
}

extension Reject {
    /// The name of the file of all rejects of a data set, one per line.
    public static let fileName = "rejects.jsonl"

    /// The text of `rejects.jsonl`.
    package static func text(_ rejects: [Reject]) -> String { rejects.map { $0.json + "\n" }.joined() }
}

extension DatasetFolder {
    /// Reads `rejects.jsonl`; none where there is no such file, as beside shards made elsewhere.
    ///
    /// - Throws: `PFrameError` with the place of a line that is not a reject.
    public func rejects() throws(PFrameError) -> [Reject] {
        let file = path.appending(Reject.fileName)
        guard fileSize(file) != nil else { return [] }
        var rejects: [Reject] = []
        for line in JSONLines(try readFile(file)) {
            guard let reject = Reject(try JSONValue(line.text, path: file, offset: line.offset)) else {
                throw PFrameError(
                    .damaged, path: file, offset: line.offset, "not a reject: run `pframe index` or build again")
            }
            rejects.append(reject)
        }
        return rejects
    }
}
