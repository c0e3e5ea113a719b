import Codec
public import Dataset
import MotionVectors

/// Samples a clip for each clip of a data set, of its first frame and its caption, and compares the two.
///
/// The row beside it, `copy-first`, shows the given frame all the time.
public struct GenerationEvaluation {
    /// How to evaluate.
    public struct Options: Sendable {
        /// Clips at most; of a larger set these are drawn by the seed.
        public var clips = 2048
        /// Clips that are sampled together.
        public var batch = 8
        /// How clips are sampled.
        public var sampler = SamplerOptions()
        /// The scale of classifier-free guidance; 1 for none.
        public var guidance = 2.0
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

    private let model: TrainedDiffusion
    private let clips: RealClips
    private let options: Options
    private let networks: EvaluationNetworks
    private let sampler: Sampler

    /// Opens the data set, and looks at whether the model fits it.
    ///
    /// - Throws: `TrainError` where the set holds no frames, or those of another size than the model's.
    public init(
        _ model: TrainedDiffusion, _ source: ShardSource, options: Options, networks: EvaluationNetworks
    ) throws(TrainError) {
        precondition(options.clips > 0 && options.batch > 0, "\(options.clips) clips by \(options.batch)")
        clips = try RealClips(source, batch: options.batch, seed: options.seed)
        let shape = model.model.options
        let size = Size(width: shape.width, height: shape.height)
        guard clips.size == size, clips.frames == shape.frames else {
            throw TrainError(
                "the data set's clips have \(clips.frames) frames of \(clips.size), the model's \(shape.frames) of "
                    + "\(size): build the set with --size \(size) --frames \(shape.frames)")
        }
        // Wrong options are said before anything is read.
        sampler = try Sampler(model.model.process, options.sampler)
        (self.model, self.options, self.networks) = (model, options, networks)
    }

    /// Clips that are sampled.
    public var count: Int { min(options.clips, clips.count) }

    /// Samples and compares.
    ///
    /// - Parameters:
    ///   - shouldStop: asked after every batch.
    ///   - progress: told how many clips are done, a fraction for one that is on its way.
    /// - Returns: nil where it was stopped.
    public func run(
        shouldStop: () -> Bool = { false }, progress: (Double) -> Void = { _ in }
    ) throws(TrainError) -> EvaluationReport? {
        let kind = VideoMeter.Method(name: model.model.options.kind.rawValue)
        let meter = VideoMeter(
            networks, motion: try MotionBetweenFrames(size: clips.size, radius: clips.radius),
            labelColumn: options.labelColumn, subjectColumn: options.subjectColumn)
        while meter.count < count, let batch = try clips.next() {
            let real = Array(batch.prefix(count - meter.count))
            let done = Double(meter.count)
            let made = try sample(real) { progress(done + $0 * Double(real.count)) }
            let copies = real.map { Self.copy($0.frames[0], frames: $0.frames.count) }
            try meter.add(real, [(kind, made), (VideoMeter.Method(name: Self.baseline), copies)])
            progress(Double(meter.count))
            if shouldStop(), meter.count < count { return nil }
        }
        let (rows, notes) = meter.results()
        let few =
            meter.count < EvaluationReport.enough
            ? [
                "\(meter.count) clips: Fréchet distances of fewer than 2,048 clips are too large; compare them with those "
                    + "of as many clips alone"
            ] : []
        return EvaluationReport(rows: rows, facts: facts(clips: meter.count), notes: few + notes)
    }

    private func sample(
        _ real: [RealClip], progress: (Double) -> Void
    ) throws(TrainError) -> [MadeClip] {
        let first = real.map { $0.frames[0] }
        let shape = [real.count, clips.size.height, clips.size.width, 3]
        let images = try Tensor(elements: first.flatMap(\.pixels), type: .uint8, shape: shape)
        let tokens = try model.captions.map { reader throws(TrainError) in try reader.tokens(real.map(\.row)) }
        // By key, so that a clip's noise does not depend on its batch.
        let seed = RandomSeed(options.seed).mixed("evaluate")
        let made = try withoutActuallyEscaping(progress) { progress throws(TrainError) in
            try model.model.sample(
                first: images, captions: tokens, seeds: real.map { seed.mixed($0.row.key) }, options: options.sampler,
                guidance: options.guidance
            ) { progress(Double($0) / Double(options.sampler.steps + 1)) }
        }
        return try model.coder.rebuild(made, first: first)
    }

    /// A clip that shows one frame; its blocks stand still.
    static func copy(_ first: RGBImage, frames: Int) -> MadeClip {
        let size = Size(width: first.width, height: first.height)
        let still = MotionField(size: size, cellSize: 16)
        return MadeClip(
            frames: Array(repeating: first, count: frames), motion: Array(repeating: still, count: frames - 1))
    }

    private func facts(clips count: Int) -> [(name: String, value: JSONValue)] {
        var facts: [(name: String, value: JSONValue)] = [
            ("model", .text(model.model.options.kind.rawValue)), ("step", .integer(model.steps)),
            ("real_clips", .integer(count)), ("generated_clips", .integer(count)),
            ("frames", .integer(clips.frames)), ("size", .text("\(clips.size)")),
            ("given", .text("first frame\(model.captions == nil ? "" : ", caption")")),
            ("sampler", .text(options.sampler.kind.rawValue)), ("steps", .integer(options.sampler.steps)),
        ]
        if options.sampler.eta > 0 { facts.append(("eta", .number(options.sampler.eta))) }
        facts += [("guidance", .number(options.guidance)), ("seed", .integer(Int(clamping: options.seed)))]
        if let column = options.labelColumn { facts.append(("label_column", .text(column))) }
        if let column = options.subjectColumn { facts.append(("subject_column", .text(column))) }
        return facts + EvaluationReport.measuring(networks)
    }
}

@available(*, unavailable)
extension GenerationEvaluation: Sendable {}
