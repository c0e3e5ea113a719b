public import Storage
public import SystemPackage

/// A video that a data set is built from, and what the user's list says of it.
public struct InputVideo: Sendable, Equatable {
    /// Where it lies.
    public var path: FilePath
    /// As the list names it, or relative to the folder given, `/` between the parts; no other video has the
    /// same bytes as name.
    public var name: String
    /// The size of the file.
    public var bytes: Int
    /// The caption; nil where captions are not required and there is none.
    public var caption: String?
    /// The names of the metadata, sorted, one storage for all videos of a list.
    private let columns: [String]
    /// The metadata as a JSON list: a tenth of a dictionary's memory, for lists of millions.
    private let values: String

    /// Label, subject, split and the user's other columns; every video of a list has every key.
    ///
    /// What is missing stands as `""` in columns of text, and as null in others.
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
    init(path: FilePath, name: String, bytes: Int, caption: String?, columns: [String], values: [JSONValue]) {
        (self.path, self.name, self.bytes, self.caption) = (path, name, bytes, caption)
        self.columns = columns
        self.values = JSONValue.list(values).json()
    }

    /// What tells the video from others, without where it lies: nothing that differs between machines.
    var identity: String {
        let caption = caption.map { JSONValue.text($0) } ?? .null
        let head = JSONValue.list([.text(name), .integer(bytes), caption]).json()
        return head + values
    }
}
