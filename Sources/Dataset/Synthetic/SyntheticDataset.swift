/// A data set of moving shapes that is computed, not stored: each video is a function of the options and its index.
///
/// Most videos show one textured shape that moves left, right, up or down over still, textured ground; some show one that
/// stays still, and some cut from one scene to another. Captions state all that happens, and the exact position of the
/// shape is known at every frame. Video `k` does not depend on how many videos there are.
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
    public func video(_ index: Int) -> SyntheticVideo {
        let scenes = plan(index).map { plan in
            SyntheticScene(
                subject: plan.subject, width: options.size, height: options.size, frameCount: plan.frameCount,
                seed: plan.seed)
        }
        return SyntheticVideo(name: name(index), scenes: scenes)
    }

    /// The text of `captions.csv`: a header, then one line per video with its file name, caption, label and subject.
    ///
    /// Fields are quoted as in RFC 4180; lines end with a line feed. `fileExtension` completes the names in the first
    /// column.
    public func captions(fileExtension: String = "mp4") -> String {
        var text = "video,caption,label,subject\n"
        for index in 0..<options.videos {
            let subjects = plan(index).map(\.subject)
            let fields = [
                "\(name(index)).\(fileExtension)", SyntheticVideo.caption(of: subjects),
                subjects[0].motion.rawValue, subjects[0].name,
            ]
            text += fields.map(Self.quoted).joined(separator: ",") + "\n"
        }
        return text
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

        let position = kindPosition(index)
        if position < options.staticShare {
            subject.motion = .still
            return [ScenePlan(subject: subject, frameCount: options.frameCount, seed: random.next())]
        }
        guard position < options.staticShare + options.cutShare else {
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

    /// A number in 0..<1 that decides whether a video is static, has a cut or neither.
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

    private func name(_ index: Int) -> String {
        let digits = String(index)
        return "video-" + String(repeating: "0", count: max(0, 5 - digits.count)) + digits
    }

    private static func quoted(_ field: String) -> String {
        guard field.contains(where: { $0 == "," || $0 == "\"" || $0.isNewline }) else { return field }
        var text = "\""
        for character in field {
            text += character == "\"" ? "\"\"" : String(character)
        }
        return text + "\""
    }
}
