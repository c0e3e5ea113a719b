public import Storage
import SystemPackage

/// A video that gave no clip, or fewer than it holds: a row of `rejects.jsonl`.
public struct Reject: Sendable, Equatable {
    /// Why, in one word.
    public enum Kind: String, Sendable, CaseIterable {
        /// It is not there, or may not be read.
        case missing
        /// It is no video, or holds none that libavcodec decodes.
        case unreadable
        /// The file ends before its container does; clips before the cut were taken.
        case truncated
        /// Frames are damaged; clips without them were taken.
        case damaged
        /// It is too short for a clip, or its shots are.
        case noClip = "no-clip"
        /// Captions were given, but none for it.
        case noCaption = "no-caption"
        /// The list names it twice.
        case repeated
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
    /// The name of the file of all rejects of a data set, one a line.
    public static let fileName = "rejects.jsonl"

    /// The text of `rejects.jsonl`.
    package static func text(_ rejects: [Reject]) -> String { rejects.map { $0.json + "\n" }.joined() }
}

extension DatasetFolder {
    /// Reads `rejects.jsonl`; none where there is no such file, as beside shards made elsewhere.
    ///
    /// - Throws: `PFrameError` with the place of a line that is no reject.
    public func rejects() throws(PFrameError) -> [Reject] {
        let file = path.appending(Reject.fileName)
        guard fileSize(file) != nil else { return [] }
        var rejects: [Reject] = []
        for line in JSONLines(try readFile(file)) {
            guard let reject = Reject(try JSONValue(line.text, path: file, offset: line.offset)) else {
                throw PFrameError(path: file, offset: line.offset, "no reject: run `pframe index` or build anew")
            }
            rejects.append(reject)
        }
        return rejects
    }
}
