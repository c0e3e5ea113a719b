public import Codec
public import Shards
public import Storage
public import SystemPackage

// The files of this folder, in the order in which the inputs pass them:
//
//     InputLayout     the layouts of public data sets: where captions, labels and subjects stand
//     InputSearch     folders: which videos there are, hidden names and links left out
//     VideoFiles      what counts as a video or a picture by its name
//     InputTable      a CSV, TSV or JSONL list: its rows
//     ListLiteral     a list as text in a field of a CSV
//     SpanColumns     which columns tell times, and the spans of a row
//     InputColumns    what the columns of a list mean, and the types of the user's own
//     InputReading    lists and folders to one list of videos
//     CaptionMatch    which row of the captions belongs to which video
//     InputList       the result, and the hash by which machines agree

/// The videos that a data set is built from, with their captions and metadata.
///
/// Everything that is found is among the videos, among the rejects, or counted. Videos have the order of the inputs;
/// within a folder, the order of the bytes of their names.
public struct InputList: Sendable {
    /// The videos to build from; of a list with times, one for each span of a video.
    public let videos: [InputVideo]
    /// What gives no clip, and why.
    public let rejects: [Reject]
    /// Files in folders that are not videos by their names, and links to folders.
    public let passedOver: Int
    /// Pictures among them.
    package let pictures: PictureCount
    /// Rows of the captions file that no video matched.
    public let unused: Int
    /// SHA-256 of names, sizes, captions, metadata and rejects in their order, in hexadecimal digits: no absolute paths
    /// and no times, so that machines agree.
    public let sourceHash: String

    /// Reads lists, searches folders and matches captions.
    ///
    /// - Throws: `PFrameError` if a list or the captions cannot be read or contradict themselves, and if captions are
    ///   required and nothing gives any.
    public init(_ options: InputOptions) throws(PFrameError) {
        let isListed = options.captions != nil || options.inputs.contains(where: InputTable.isTable)
        if let layout = options.layout, layout.readsList, !isListed {
            throw PFrameError(
                .usage,
                "the layout \(layout.rawValue) reads the CSV of the data set: name it as input, or as captions"
            )
        }
        let search = try InputSearch(options)
        let captions: VideoTable?
        if let file = options.captions {
            let table = try VideoTable(file, layout: options.layout, skipsBadRows: options.skipsBadRows)
            guard table.hasCaptions || !options.requiresCaptions else {
                throw PFrameError(
                    .missing, path: file,
                    "no column \"caption\"; it has \(table.columnList); add one, or build without captions")
            }
            captions = table
        } else {
            captions = nil
        }
        var reading = try InputReading(options, search, captions)
        try reading.readAll()
        videos = reading.videos
        rejects = reading.rejects
        passedOver = search.passedOver
        pictures = search.pictures
        unused = reading.unused
        sourceHash = Self.hash(videos, rejects)
    }

    private static func hash(_ videos: [InputVideo], _ rejects: [Reject]) -> String {
        let hash = SHA256()
        func add(_ line: String) { hash.update(Array((line + "\n").utf8)) }
        if let first = videos.first { add(JSONValue.list(first.metadata.keys.sorted().map { .text($0) }).json()) }
        for video in videos { add(video.identity) }
        for reject in rejects { add(reject.json) }
        return hash.digest
    }
}

/// What a data set is built from.
public struct InputOptions: Sendable, Equatable {
    /// Videos, folders of videos (searched recursively), and lists of videos (`.csv`, `.tsv`, `.jsonl`).
    public var inputs: [FilePath] = []
    /// A file of captions, CSV, TSV or JSONL. Default: nil.
    public var captions: FilePath?
    /// Whether a video without a caption is rejected. Default: true.
    public var requiresCaptions = true
    /// How a known data set names its videos. Default: nil.
    public var layout: InputLayout?
    /// Whether rows of lists and captions with a mistake become rejects, rather than stop everything. Default: false.
    public var skipsBadRows = false

    /// Options with every default.
    public init() {}
}

/// A video, or a span of one, that a data set is built from, with its caption and metadata.
public struct InputVideo: Sendable, Equatable {
    /// Where it lies.
    public var path: FilePath
    /// As the list names it, or relative to the folder given, `/` between the parts; no other video has the
    /// same bytes as name. Spans of one video share its name.
    public var name: String
    /// The size of the file.
    public var bytes: Int
    /// The caption, of several the first; nil where captions are not required and there is none.
    public var caption: String?
    /// All captions; nil if no video of the list has several.
    public var captions: [String]?
    /// The part of the video that is meant; nil for all.
    public var span: TimeSpan?
    /// The names of the metadata, sorted, one storage for all videos of a list.
    private let columns: [String]
    /// The metadata as a JSON list: a tenth of a dictionary's memory, for lists of millions.
    private let values: String

    /// Label, subject, split and the user's other columns; every video of a list has every key.
    ///
    /// A missing value is `""` in columns of text and null in other columns.
    public var metadata: [String: JSONValue] {
        var text = values
        // A mistake in what this type wrote ends below, by its own words.
        let parsed = text.withUTF8 { try? JSONParser.parse($0) }
        guard let list = parsed?.array, list.count == columns.count else {
            preconditionFailure("values that this type wrote itself are readable")
        }
        return Dictionary(uniqueKeysWithValues: zip(columns, list))
    }

    /// Creates a video.
    public init(path: FilePath, name: String, bytes: Int, caption: String?, metadata: [String: JSONValue]) {
        let sorted = metadata.sorted { $0.key.utf8.lexicographicallyPrecedes($1.key.utf8) }
        self.init(
            path: path, name: name, bytes: bytes, caption: caption, columns: sorted.map(\.key),
            values: sorted.map(\.value))
    }

    /// Creates a video from columns whose names are sorted.
    init(
        path: FilePath, name: String, bytes: Int, caption: String?, span: TimeSpan? = nil, columns: [String],
        values: [JSONValue]
    ) {
        (self.path, self.name, self.bytes, self.caption, self.span) = (path, name, bytes, caption, span)
        self.columns = columns
        self.values = JSONValue.list(values).json()
    }

    /// What tells the video from others, without where it lies: nothing that differs between machines.
    var identity: String {
        let caption = caption.map { JSONValue.text($0) } ?? .null
        let head = JSONValue.list([.text(name), .integer(bytes), caption]).json()
        var more: [String: JSONValue] = [:]
        if let span { more["span"] = .list([.number(span.start), span.end.map { .number($0) } ?? .null]) }
        if let captions { more["captions"] = .list(captions.map { .text($0) }) }
        return head + values + (more.isEmpty ? "" : JSONValue.object(more).json())
    }
}
