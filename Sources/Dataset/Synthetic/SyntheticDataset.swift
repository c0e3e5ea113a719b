import Storage

/// A data set of moving shapes that is computed, not stored: each video is a function of the options and its index.
///
/// Most videos show one textured shape that moves left, right, up or down over still, textured ground; some show one that
/// stays still, and some cut from one scene to another. Captions state all that happens, and the exact position of the
/// shape is known at every frame. Video `k` does not depend on how many videos there are.
///
/// By option, some videos repeat an earlier video and some have a wrong caption. A video is at most one of static, cut,
/// repeated and wrongly captioned.
public struct SyntheticDataset: Sendable {
    /// The options, all in range.
    public let options: SyntheticOptions

    /// Makes the data set that belongs to `options`.
    ///
    /// - Throws: ``SyntheticOptionsError`` when an option is out of range.
    public init(options: SyntheticOptions = SyntheticOptions()) throws(SyntheticOptionsError) {
        try options.validate()
        self.options = options
    }

    /// The video at `index` in `0..<options.videos`, its textures drawn.
    package func video(_ index: Int) -> SyntheticVideo {
        let original = original(index)
        let plans = plan(original ?? index)
        var scenes = plans.map { scene($0) }
        // Chance may draw two grounds that look alike: draw the second until nobody can miss the cut.
        while scenes.count == 2, contrast(scenes[0].ground, scenes[1].ground) < Self.cutContrast {
            var again = plans[1]
            again.seed = SplitMix64.mix(scenes[1].seed &+ SplitMix64.goldenGamma)
            scenes[1] = scene(again)
        }
        return SyntheticVideo(
            name: name(index), scenes: scenes, statement: statement(index), original: original.map(name))
    }

    /// The content value that a cut has at least: well above the 27 at which it is seen, so that encoding cannot hide it.
    private static let cutContrast = 40.0

    private func scene(_ plan: ScenePlan) -> SyntheticScene {
        SyntheticScene(
            subject: plan.subject, width: options.size, height: options.size, frameCount: plan.frameCount,
            speed: options.speed, seed: plan.seed)
    }

    /// The text of `captions.csv`: a header, then one line per video with its file name, caption, label and subject.
    ///
    /// Fields are quoted as in RFC 4180; lines end with a line feed. `fileExtension` completes the names in the first
    /// column.
    public func captions(fileExtension: String = "mp4") -> String {
        var text = "video,caption,label,subject\n"
        for index in 0..<options.videos {
            let subject = shown(index)[0]
            let fields = [
                "\(name(index)).\(fileExtension)", SyntheticVideo.caption(of: statement(index)),
                subject.motion.rawValue, subject.name,
            ]
            text += fields.map(Self.field).joined(separator: ",") + "\n"
        }
        return text
    }

    /// The text of `truth.csv`: what is planted in each video, and its content in the words of a caption.
    ///
    /// `static` and `wrong_caption` are 0 or 1; `cut_frame`, the first frame after the cut, and `duplicate_of`, an
    /// earlier video, are empty if there is none.
    public func truth(fileExtension: String = "mp4") -> String {
        var text = "video,static,cut_frame,duplicate_of,wrong_caption,content\n"
        for index in 0..<options.videos {
            let original = original(index)
            let plan = plan(original ?? index)
            let shown = plan.map(\.subject)
            let fields = [
                "\(name(index)).\(fileExtension)", shown[0].motion == .still ? "1" : "0",
                plan.count == 2 ? "\(plan[0].frameCount)" : "", original.map { "\(name($0)).\(fileExtension)" } ?? "",
                statement(index) == shown ? "0" : "1", SyntheticVideo.caption(of: shown),
            ]
            text += fields.map(Self.field).joined(separator: ",") + "\n"
        }
        return text
    }

    /// The embeddings of a video's caption and of what it shows.
    func embeddings(_ index: Int) -> (text: [Float], image: [Float]) {
        var random = random(.embeddings, index)
        return (
            SyntheticEmbedding.values(of: SyntheticVideo.caption(of: statement(index)), using: &random),
            SyntheticEmbedding.values(of: SyntheticVideo.caption(of: shown(index)), using: &random)
        )
    }

    /// What a video shows, scene by scene.
    private func shown(_ index: Int) -> [SyntheticSubject] { plan(original(index) ?? index).map(\.subject) }

    /// What a video's caption states, scene by scene.
    private func statement(_ index: Int) -> [SyntheticSubject] {
        let shown = shown(index)
        guard kind(index) == .wrongCaption else { return shown }
        var random = random(.wrongCaption, index)
        return shown.map { subject in
            SyntheticSubject(
                shape: random.element(of: SyntheticShape.allCases.filter { $0 != subject.shape }),
                colour: random.element(of: SyntheticColour.allCases.filter { $0 != subject.colour }),
                motion: random.element(of: SyntheticMotion.moving.filter { $0 != subject.motion }))
        }
    }

    /// The earlier video that a video repeats: one with nothing planted in it; `nil` for all but repeated ones.
    private func original(_ index: Int) -> Int? {
        guard kind(index) == .duplicate, index > 0 else { return nil }
        var random = random(.original, index)
        let first = random.below(index)
        return (0..<index).lazy.map { (first + $0) % index }.first { kind($0) == .plain }
    }

    /// What is planted in a video.
    private enum Kind {
        case still, cut, duplicate, wrongCaption, plain
    }

    /// What is planted in a video: the shares of the options laid end to end, the rest plain.
    private func kind(_ index: Int) -> Kind {
        let position = kindPosition(index)
        var end = options.staticShare
        if position < end { return .still }
        end += options.cutShare
        if position < end { return .cut }
        end += options.duplicateShare
        if position < end { return .duplicate }
        end += options.wrongCaptionShare
        return position < end ? .wrongCaption : .plain
    }

    /// What draws are for; each purpose has a sequence of its own, so that none changes another's.
    private enum Purpose: UInt64 {
        case original = 0x6F72_6967, wrongCaption = 0x7772_6F6E, embeddings = 0x656D_6265
    }

    private func random(_ purpose: Purpose, _ index: Int) -> SplitMix64 {
        SplitMix64(seed: SplitMix64.mix(options.seed ^ purpose.rawValue << 32), stream: UInt64(index))
    }

    /// A scene before anything is drawn.
    private struct ScenePlan {
        var subject: SyntheticSubject
        var frameCount: Int
        var seed: UInt64
    }

    /// Decides what a video shows.
    private func plan(_ index: Int) -> [ScenePlan] {
        precondition((0..<options.videos).contains(index), "video \(index) of \(options.videos)")
        var random = SplitMix64(seed: options.seed, stream: UInt64(index))
        var subject = SyntheticSubject(
            shape: random.element(of: SyntheticShape.allCases), colour: random.element(of: SyntheticColour.allCases),
            motion: direction(index))

        let kind = kind(index)
        if kind == .still { subject.motion = .still }
        guard kind == .cut else {
            return [ScenePlan(subject: subject, frameCount: options.frameCount, seed: random.next())]
        }

        // A second scene that differs in colour and motion leaves no doubt where the cut is.
        let other = SyntheticSubject(
            shape: random.element(of: SyntheticShape.allCases),
            colour: random.element(of: SyntheticColour.allCases.filter { $0 != subject.colour }),
            motion: random.element(of: SyntheticMotion.moving.filter { $0 != subject.motion }))
        let cutFrame = random.in(options.frameCount / 4...options.frameCount * 3 / 4)
        return [
            ScenePlan(subject: subject, frameCount: cutFrame, seed: random.next()),
            ScenePlan(subject: other, frameCount: options.frameCount - cutFrame, seed: random.next()),
        ]
    }

    /// A number in 0..<1 that decides what is planted in a video.
    ///
    /// Successive videos take steps of the golden ratio round the unit interval, which spreads the kinds evenly: even a
    /// data set of twenty videos has about its share of each, which independent draws would not promise.
    private func kindPosition(_ index: Int) -> Double {
        let start = SplitMix64.mix(options.seed &+ SplitMix64.goldenGamma)
        let word = start &+ UInt64(index) &* SplitMix64.goldenGamma
        return Double(word >> 11) * 0x1p-53
    }

    /// The direction of a video's first scene if it moves.
    ///
    /// Each run of four videos takes the four directions in an order of its own, so that the labels of a small data set
    /// are balanced too.
    private func direction(_ index: Int) -> SyntheticMotion {
        var left = SyntheticMotion.moving
        let (run, place) = index.quotientAndRemainder(dividingBy: left.count)
        var random = SplitMix64(seed: ~options.seed, stream: UInt64(run))
        for _ in 0..<place {
            left.remove(at: random.below(left.count))
        }
        return random.element(of: left)
    }

    /// The name of a video without its extension.
    func name(_ index: Int) -> String {
        "video-" + index.zeroPadded(5)
    }

    private static func field(_ field: String) -> String {
        guard field.contains(where: { $0 == "," || $0 == "\"" || $0.isNewline }) else { return field }
        var text = "\""
        for character in field {
            text += character == "\"" ? "\"\"" : String(character)
        }
        return text + "\""
    }
}

/// What a ``SyntheticDataset`` holds.
public struct SyntheticOptions: Sendable, Hashable {
    /// The number of videos, at least 1. Default: 64.
    public var videos = 64

    /// Pixels across and down; 128 unless set, even for 4:2:0 chroma, 32...4096.
    public var size = 128

    /// The length of each video in seconds. Default: 4.
    public var seconds = 4.0

    /// Frames per second; 25 unless set, 1...240.
    public var framesPerSecond = 25

    /// Pixels per frame that shapes move by, rounded to sixteenths. Default: drawn for each video.
    public var speed: Double?

    /// The seed of every draw. Default: 0.
    public var seed: UInt64 = 0

    /// The share of videos in which nothing moves. Default: 0.1.
    public var staticShare = 0.1

    /// The share of videos with a cut. Default: 0.1.
    public var cutShare = 0.1

    /// The share of videos that show what an earlier one shows, encoded otherwise. Default: 0.
    public var duplicateShare = 0.0

    /// The share of videos whose caption states another colour, shape and motion than they show. Default: 0.
    public var wrongCaptionShare = 0.0

    /// The fewest frames of a video: enough for two scenes that each show motion.
    private static let minimumFrameCount = 8

    /// Makes options with every default.
    public init() {}

    /// Frames in each video: `seconds * framesPerSecond`, rounded.
    public var frameCount: Int {
        Int((seconds * Double(framesPerSecond)).rounded())
    }

    /// Checks every option.
    ///
    /// - Throws: ``SyntheticOptionsError`` for the first that is out of range.
    func validate() throws(SyntheticOptionsError) {
        try require(videos >= 1, "videos", "\(videos)", "at least 1")
        try require((32...4096).contains(size) && size % 2 == 0, "size", "\(size)", "an even number in 32...4096")
        try require(
            (1...240).contains(framesPerSecond), "framesPerSecond", "\(framesPerSecond)", "a whole number in 1...240")

        let most = SyntheticScene.maximumFrameCount(width: size, height: size)
        let rate = Double(framesPerSecond)
        let frames = (seconds * rate).rounded()
        try require(
            frames >= Double(Self.minimumFrameCount) && frames <= Double(most), "seconds", "\(seconds)",
            "a length of \(Self.minimumFrameCount) to \(most) frames, "
                + "\(Double(Self.minimumFrameCount) / rate) to \(Double(most) / rate) s at \(framesPerSecond) frames/s")

        if let speed {
            // The longest scene decides: one that is not cut.
            let fastest = SyntheticScene.maximumSpeed(width: size, height: size, frameCount: frameCount)
            try require(
                speed >= 1.0 / 16 && speed <= fastest, "speed", "\(speed)",
                "0.0625 to \(fastest) pixels per frame for \(frameCount) frames of \(size)x\(size)")
        }

        try require(staticShare >= 0 && staticShare <= 1, "staticShare", "\(staticShare)", "a share in 0...1")
        try require(
            cutShare >= 0 && staticShare + cutShare <= 1, "cutShare", "\(cutShare)",
            "a share that with staticShare makes at most 1")
        try require(
            duplicateShare >= 0 && staticShare + cutShare + duplicateShare <= 1, "duplicateShare", "\(duplicateShare)",
            "a share that with staticShare (\(staticShare)) and cutShare (\(cutShare)) makes at most 1")
        try require(
            wrongCaptionShare >= 0 && staticShare + cutShare + duplicateShare + wrongCaptionShare <= 1,
            "wrongCaptionShare", "\(wrongCaptionShare)",
            "a share that with staticShare (\(staticShare)), cutShare (\(cutShare)) and duplicateShare makes at most 1")
    }

    private func require(
        _ condition: Bool, _ option: String, _ value: String, _ expected: String
    ) throws(SyntheticOptionsError) {
        guard condition else { throw SyntheticOptionsError(option: option, value: value, expected: expected) }
    }
}

/// An option of a ``SyntheticDataset`` that is out of range.
public struct SyntheticOptionsError: Error, Sendable, Hashable, CustomStringConvertible {
    /// The name of the option.
    public let option: String

    /// The value it had.
    public let value: String

    /// The values it can have.
    public let expected: String

    /// The option, its value and what was expected, in one line.
    public var description: String {
        "\(option) is \(value), expected \(expected)"
    }
}
