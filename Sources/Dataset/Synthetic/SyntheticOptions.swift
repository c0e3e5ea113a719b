import Storage

/// What a ``SyntheticDataset`` holds.
public struct SyntheticOptions: Sendable, Hashable {
    /// The number of videos; 64 unless set, at least 1.
    public var videos = 64

    /// Pixels across and down; 128 unless set, even for 4:2:0 chroma, 32...4096.
    public var size = 128

    /// The length of each video in seconds; 4 unless set.
    public var seconds = 4.0

    /// Frames per second; 25 unless set, 1...240.
    public var framesPerSecond = 25

    /// Pixels per frame that shapes move by, rounded to sixteenths; drawn for each video unless set.
    public var speed: Double?

    /// The seed of every draw; 0 unless set.
    public var seed: UInt64 = 0

    /// The share of videos in which nothing moves; 0.1 unless set.
    public var staticShare = 0.1

    /// The share of videos with a cut; 0.1 unless set.
    public var cutShare = 0.1

    /// The share of videos that show what an earlier one shows, encoded otherwise; 0 unless set.
    public var duplicateShare = 0.0

    /// The share of videos whose caption states another colour, shape and motion than they show; 0 unless set.
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
                "0.0625 to \(fastest) pixels a frame for \(frameCount) frames of \(size)x\(size)")
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
