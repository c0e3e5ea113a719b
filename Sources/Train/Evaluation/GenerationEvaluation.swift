import Codec
import Dataset
import MotionVectors
public import Shards
public import Storage

/// Samples a clip for each clip of a data set, of its first frame and its caption, and compares the two.
///
/// The row beside it, `copy-first`, shows the given frame all the time.
public struct GenerationEvaluation {
    /// How to evaluate.
    public struct Options: Sendable {
        /// Clips at most; of a larger set these are drawn by the seed.
        public var clips = 2048
        /// What clips are drawn, and their noise.
        public var seed: UInt64 = 0
        /// The column of metadata with the class label, for cFVD.
        public var labelColumn: String?
        /// The column of metadata with the subject, for sFVD.
        public var subjectColumn: String?

        /// What is not set is as described.
        public init() {}
    }

    /// The name of the row that repeats the given frame.
    public static let baseline = "copy-first"

    private let clips: RealClips
    private let options: Options
    private let networks: EvaluationNetworks
    private let sampler: VideoSampler

    /// Opens the data set, and checks that the model fits it.
    ///
    /// - Throws: `PFrameError` if the set holds no frames, or those of another size than the model's.
    public init(
        _ sampler: VideoSampler, _ source: ShardSource, options: Options, networks: EvaluationNetworks
    ) throws(PFrameError) {
        precondition(options.clips > 0, "\(options.clips) clips")
        let size = sampler.sizes[0]
        clips = try RealClips(
            source, batch: sampler.batchSize, seed: options.seed, of: (size, sampler.frames))
        guard sampler.sizes.contains(clips.size), clips.frames == sampler.frames else {
            throw PFrameError(
                .conflict,
                "the data set's clips have \(clips.frames) frames of \(clips.size), the model's \(sampler.frames) of "
                    + "\(size): build the set with \(sampler.frames) frames of \(size)")
        }
        (self.sampler, self.options, self.networks) = (sampler, options, networks)
    }

    /// Clips that are sampled.
    public var count: Int { min(options.clips, clips.count) }

    /// Samples and compares.
    ///
    /// - Parameters:
    ///   - shouldStop: called after every step of sampling.
    ///   - progress: called with the number of finished clips, with a fraction for the current clip.
    /// - Returns: nil if it was stopped.
    public func run(
        shouldStop: () -> Bool = { false }, progress: (Double) -> Void = { _ in }
    ) throws(PFrameError) -> EvaluationReport? {
        let kind = VideoMeter.Method(name: sampler.trained.run.model)
        let meter = VideoMeter(
            networks, motion: try MotionBetweenFrames(size: clips.size, radius: clips.radius),
            labelColumn: options.labelColumn, subjectColumn: options.subjectColumn)
        while meter.count < count, let batch = try clips.next() {
            let real = Array(batch.prefix(count - meter.count))
            let done = Double(meter.count)
            var made: [Clip] = []
            let isWhole = try sampler.sample(
                requests(real), shouldStop: shouldStop, progress: { progress(done + $0) },
                made: { _, clip in made.append(clip) })
            guard isWhole else { return nil }
            let copies = real.map { Self.copy($0.frames[0], frames: $0.frames.count) }
            try meter.add(real, [(kind, made), (VideoMeter.Method(name: Self.baseline), copies)])
            progress(Double(meter.count))
        }
        let (rows, notes) = meter.results()
        let few =
            meter.count < EvaluationReport.enough
            ? [
                "\(meter.count) clips: Fréchet distances of fewer than 2,048 clips are too large; compare them only with "
                    + "distances of as many clips"
            ] : []
        return EvaluationReport(rows: rows, facts: facts(clips: meter.count), notes: few + notes)
    }

    private func requests(_ real: [RealClip]) -> [SampleRequest] {
        // By key, so that a clip's noise does not depend on its batch.
        let seed = RandomSeed(options.seed).mixed("evaluate")
        return real.map { clip in
            SampleRequest(
                name: clip.row.key, first: clip.frames[0],
                caption: FirstFrames.caption(of: clip.row, sampler.trained.generator),
                seed: seed.mixed(clip.row.key).value)
        }
    }

    /// A clip that shows one frame; its blocks stand still.
    static func copy(_ first: RGBImage, frames: Int) -> Clip {
        let size = Size(width: first.width, height: first.height)
        let still = MotionField(size: size, cellSize: 16)
        return Clip(
            frames: Array(repeating: first, count: frames), motion: Array(repeating: still, count: frames - 1))
    }

    private func facts(clips count: Int) -> [(name: String, value: JSONValue)] {
        var facts: [(name: String, value: JSONValue)] = [
            ("model", .text(sampler.trained.run.model)),
            ("step", .integer(sampler.trained.checkpoint.step)),
            ("real_clips", .integer(count)), ("generated_clips", .integer(count)),
            ("frames", .integer(clips.frames)), ("size", .text("\(clips.size)")),
            ("given", .text("first frame\(sampler.trained.generator.captions == nil ? "" : ", caption")")),
            ("sampler", .text(sampler.options.kind.rawValue)), ("steps", .integer(sampler.options.steps)),
        ]
        if sampler.options.eta > 0 { facts.append(("eta", .number(sampler.options.eta))) }
        if let temperature = sampler.options.temperature { facts.append(("temperature", .number(temperature))) }
        if let steps = sampler.options.residualSteps { facts.append(("residual_steps", .integer(steps))) }
        facts += [("guidance", .number(sampler.guidance)), ("seed", EvaluationReport.number(options.seed))]
        if let column = options.labelColumn { facts.append(("label_column", .text(column))) }
        if let column = options.subjectColumn { facts.append(("subject_column", .text(column))) }
        return facts + EvaluationReport.measuring(networks)
    }
}

@available(*, unavailable)
extension GenerationEvaluation: Sendable {}
