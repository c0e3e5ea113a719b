public import Storage
import SystemPackage

/// The videos that a data set is built from, with their captions and metadata.
///
/// Everything that is found is among the videos, among the rejects, or counted. The order is that of the inputs, in
/// folders that of the names' bytes.
public struct InputList: Sendable {
    /// The videos to build from.
    public let videos: [InputVideo]
    /// What gives no clip, and why.
    public let rejects: [Reject]
    /// Files in folders that are no videos by their names, and links to folders.
    public let passedOver: Int
    /// Pictures among them.
    public let pictures: PictureCount
    /// Rows of the captions file that no video matched.
    public let unused: Int
    /// SHA-256 of names, sizes, captions, metadata and rejects in their order, in hexadecimal digits: no absolute paths
    /// and no times, so that machines agree.
    public let sourceHash: String

    /// Reads lists, searches folders and matches captions.
    ///
    /// - Throws: `DatasetError` where a list or the captions cannot be read or contradict themselves, and where captions
    ///   are required and nothing gives any.
    public init(_ options: InputOptions) throws(DatasetError) {
        if options.layout == .webvid, options.captions == nil, !options.inputs.contains(where: InputTable.isTable) {
            throw DatasetError(
                path: nil, "the layout webvid reads WebVid's CSV: name it as input, or with --captions FILE")
        }
        let search = try InputSearch(options)
        let captions: VideoTable?
        if let file = options.captions {
            let table = try VideoTable(file, layout: options.layout)
            guard table.hasCaptions || !options.requiresCaptions else {
                throw DatasetError(
                    path: file,
                    "no column \"caption\"; it has \(table.columnList); add one, or build with --no-captions")
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
