public import Storage

/// How videos are cut into clips.
public struct ClipOptions: Sendable, Equatable {
    /// How a picture is brought to the size of the clips.
    public enum Fit: String, Sendable, CaseIterable {
        /// Fill the frame; what protrudes is cut off evenly.
        case crop
        /// Show everything; black bars fill the rest.
        case pad
        /// Change the proportions.
        case stretch
    }

    /// Frames of a clip, at least 2; 16 unless set.
    public var frames = 16
    /// Frames taken a second, by presentation time, the nearest to each instant; 8 unless set.
    public var framesPerSecond = 8.0
    /// Take every so-manieth frame instead, whatever its time.
    public var stride: Int?
    /// Frames from the start of a clip to the start of the next one, as they are sampled; the clip's length unless set.
    public var hop: Int?
    /// The most clips of a video, its first ones; nil for all.
    public var clipsPerVideo: Int?
    /// The content value at which a new shot begins; nil where clips may run across cuts.
    public var cutThreshold: Double? = 27
    /// At which size pictures are compared for content values.
    public var rule = ShrinkRule.v06
    /// Pixels a row; 128 unless set.
    public var width = 128
    /// Rows; 128 unless set.
    public var height = 128
    /// How a picture is brought to that size.
    public var fit = Fit.crop

    /// The defaults.
    public init() {}

    /// As `dataset.json` records them.
    public var json: JSONValue {
        .object([
            "frames": .integer(frames), "fps": stride == nil ? .number(framesPerSecond) : .null,
            "stride": stride.map { .integer($0) } ?? .null, "hop": .integer(hop ?? frames),
            "clips_per_video": clipsPerVideo.map { .integer($0) } ?? .null,
            "cut_threshold": cutThreshold.map { .number($0) } ?? .null, "content_rule": .text(rule.rawValue),
            "width": .integer(width), "height": .integer(height), "fit": .text(fit.rawValue),
        ])
    }
}
