import Storage
public import SystemPackage

/// What a data set is built from.
public struct InputOptions: Sendable, Equatable {
    /// Videos, folders of videos (searched recursively), and lists of videos (`.csv`, `.jsonl`).
    public var inputs: [FilePath] = []
    /// A file of captions, CSV or JSONL; nil unless set.
    public var captions: FilePath?
    /// Whether a video without a caption is rejected; true unless set.
    public var requiresCaptions = true
    /// How a known data set names its videos; nil unless set.
    public var layout: InputLayout?

    /// Options with every default.
    public init() {}
}
