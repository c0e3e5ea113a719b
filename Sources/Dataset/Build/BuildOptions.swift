import MotionVectors
public import Storage

/// How a data set is built.
public struct BuildOptions: Sendable, Equatable {
    /// How videos are cut into clips.
    public var clips = ClipOptions()
    /// What samples are made of.
    public var samples = SampleOptions()
    /// Input videos of a shard; 32 unless set.
    public var videosPerShard = 32
    /// The share of the shards to build; all unless set.
    public var part = BuildPart.whole
    /// Videos at the same time.
    public var jobs = 1
    /// What builds: `pframe 0.1.0`.
    public var tool = "pframe"

    /// The defaults.
    public init() {}

    /// What the bytes of the set depend on, as `dataset.json` records it.
    public var json: JSONValue {
        var members = clips.json.members ?? [:]
        members.merge(samples.json.members ?? [:]) { first, _ in first }
        members["videos_per_shard"] = .integer(videosPerShard)
        return .object(members)
    }

    /// Checks what belongs together.
    ///
    /// - Throws: `DatasetError` that says what is wrong.
    public func validate() throws(DatasetError) {
        func require(_ condition: Bool, _ message: String) throws(DatasetError) {
            if !condition { throw DatasetError(path: nil, message) }
        }
        try require((2...4096).contains(clips.frames), "a clip has 2 to 4096 frames, not \(clips.frames)")
        try require(
            clips.framesPerSecond > 0 && clips.framesPerSecond <= 1000,
            "frames a second are above 0 and at most 1000, not \(clips.framesPerSecond)")
        for (name, value) in [
            ("the stride", clips.stride), ("the hop", clips.hop), ("the most clips of a video", clips.clipsPerVideo),
            ("the videos of a shard", videosPerShard),
        ] {
            try require(value ?? 1 >= 1, "\(name): 1 or more, not \(value ?? 0)")
        }
        try require(
            (16...4096).contains(clips.width) && (16...4096).contains(clips.height),
            "clips are 16 to 4096 pixels wide and high, not \(clips.width)x\(clips.height)")
        let isMotion = samples.representations.contains(.motionResidual)
        try require(
            !isMotion || clips.width % 16 == 0 && clips.height % 16 == 0,
            "motion-residual needs sizes that 16 divides, not \(clips.width)x\(clips.height)")
        try require(samples.motionSource != .stream, "clips have no stream of their own: motion is h264 or search")
        try require((1...255).contains(samples.radius), "the radius is 1 to 255 pixels, not \(samples.radius)")
    }
}
