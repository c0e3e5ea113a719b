import Codec
public import Storage

/// Decides which pictures of a shot clips are made of: pure bookkeeping, no pixels.
///
/// A shot needs a picture at every instant `start + m / fps` (or every `stride`-th picture); clip `j` consists of the
/// instants `j · hop … j · hop + frames − 1`. Each instant takes the picture nearest in time, the earlier of two
/// equally near. An instant after the last picture takes it if no further away than half the last interval.
///
/// At a share of the source's own rate the next instant is `N / rate` after the picture that was taken last, and takes a
/// later one: a wrong rate shifts no picture, and no picture comes twice.
struct ClipSampler {
    /// A picture chosen for an instant.
    struct Choice: Equatable {
        /// The instant's number within the shot.
        var instant: Int
        /// Whether the picture is the one before the newest; otherwise it is the newest.
        var isPrevious: Bool
    }

    private let options: ClipOptions
    private let hop: Int
    private let sourceRate: Double
    private var start = 0.0
    private var previous: Double?
    private var pictures = 0
    private var instant = 0
    private var interval = 0.0
    private var taken: Double?

    init(_ options: ClipOptions, sourceRate: Double) {
        (self.options, self.sourceRate) = (options, sourceRate)
        hop = options.hop ?? options.frames
    }

    /// Begins a new shot with the next picture.
    mutating func reset() { self = ClipSampler(options, sourceRate: sourceRate) }

    /// The longest step from picture to picture that a shot may have, in seconds: a clip's length and at least one. Beyond
    /// it time is broken, and a new shot begins.
    var longestStep: Double {
        max(1, sourceStep.map { Double(options.frames) * $0 } ?? Double(options.frames) / options.framesPerSecond)
    }

    /// From instant to instant at a share of the source's rate; nil at a rate of the options.
    private var sourceStep: Double? { options.sourceDivisor.map { Double($0) / sourceRate } }

    /// When the next instant is.
    private var wanted: Double {
        guard let sourceStep, let taken else { return start + Double(instant) / options.framesPerSecond }
        return taken + sourceStep
    }

    /// Whether a clip contains the instant.
    private func isWanted(_ instant: Int) -> Bool { instant % hop < options.frames }

    /// Whether a clip contains the instant and the one before.
    func isJoined(_ instant: Int) -> Bool { instant > 0 && (instant - 1) % hop < options.frames - 1 }

    /// Whether a clip contains the next instant to be settled and the one before.
    var nextIsJoined: Bool { isJoined(instant) }

    /// The choices for the instants that the newest picture settles.
    ///
    /// - Parameter time: of the newest picture, seconds, later than that of the one before.
    mutating func add(time: Double) -> [Choice] {
        defer { pictures += 1 }
        var choices: [Choice] = []
        func choose(isPrevious: Bool) {
            if isWanted(instant) { choices.append(Choice(instant: instant, isPrevious: isPrevious)) }
            instant += 1
            taken = isPrevious ? previous : time
        }
        if let stride = options.stride {
            if pictures % stride == 0 { choose(isPrevious: false) }
            return choices
        }
        if let before = previous {
            while case let wanted = self.wanted, wanted <= time {
                let mayRepeat = options.sourceDivisor == nil
                choose(isPrevious: wanted - before <= time - wanted && (mayRepeat || taken != before))
            }
            interval = time - before
        } else {
            start = time
            choose(isPrevious: false)
        }
        previous = time
        return choices
    }

    /// The choice for the instant that the end of the shot settles, if there is one; the newest picture is meant.
    mutating func end() -> Choice? {
        guard options.stride == nil, let last = previous else { return nil }
        guard options.sourceDivisor == nil || taken != last else { return nil }
        guard isWanted(instant), wanted - last <= interval / 2 else { return nil }
        defer { instant += 1 }
        return Choice(instant: instant, isPrevious: false)
    }

    /// The first instant of the clip that `instant` completes, nil if it completes none.
    func firstInstant(completedBy instant: Int) -> Int? {
        let first = instant - options.frames + 1
        return first >= 0 && first % hop == 0 ? first : nil
    }
}

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

    /// Frames per clip, at least 2. Default: 16.
    public var frames = 16
    /// Frames per second, by presentation time; each instant takes the nearest frame. Default: 8.
    public var framesPerSecond = 8.0
    /// Take the average frame rate of each video, divided by so many, as the frames per second.
    public var sourceDivisor: Int?
    /// Take every so-manieth frame instead, whatever its time.
    public var stride: Int?
    /// Frames from the start of a clip to the start of the next one, as they are sampled. Default: the clip's length.
    public var hop: Int?
    /// The most clips of a video, its first ones; nil for all.
    public var clipsPerVideo: Int?
    /// Where shots begin; nil where clips may run across cuts.
    public var cuts: CutRule? = CutRule()
    /// At which size pictures are compared for content values.
    public var rule = ShrinkRule.v06
    /// Pixels per row. Default: 128.
    public var width = 128
    /// Rows. Default: 128.
    public var height = 128
    /// How a picture is brought to that size.
    public var fit = Fit.crop
    /// The shapes of clips, in place of `frames`, `width` and `height`; nil for one shape.
    public var buckets: ClipBuckets?

    /// The defaults.
    public init() {}

    /// As `dataset.json` records them.
    public var json: JSONValue {
        let rate = sourceDivisor.map { JSONValue.text("source/\($0)") } ?? .number(framesPerSecond)
        var members: [String: JSONValue] = [
            "frames": .integer(frames), "fps": stride == nil ? rate : .null,
            "stride": stride.map { .integer($0) } ?? .null, "hop": .integer(hop ?? frames),
            "clips_per_video": clipsPerVideo.map { .integer($0) } ?? .null,
            "cut_threshold": .null, "content_rule": .text(rule.rawValue),
            "width": .integer(width), "height": .integer(height), "fit": .text(fit.rawValue),
        ]
        members.merge(cuts?.json ?? [:]) { $1 }
        if let buckets {
            for name in ["frames", "width", "height"] { members[name] = nil }
            members.merge(buckets.json) { $1 }
            members["hop"] = hop.map { .integer($0) } ?? .null
        }
        return .object(members)
    }

    /// The sizes that clips may have.
    var sizes: [Size] { buckets?.sizes ?? [Size(width: width, height: height)] }
    /// The lengths that clips may have, in frames.
    var lengths: [Int] { buckets?.lengths ?? [frames] }
}
