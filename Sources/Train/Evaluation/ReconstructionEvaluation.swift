public import Codec
import Dataset
import MotionVectors
public import Shards
public import Storage

/// Codes the clips of a data set with each residual coder, in the open and in the closed loop, and compares the rebuilt
/// clips with the real clips.
///
/// Rows: `copy-first`, `motion` (no residual at all), `dct`, `pca` (where components are known), and the given coder's.
public struct ReconstructionEvaluation {
    /// How to evaluate.
    public struct Options: Sendable {
        /// Clips at most; of a larger set these are drawn by the seed.
        public var clips = 2048
        /// Clips that are coded together.
        public var batch = 8
        /// What clips are drawn.
        public var seed: UInt64 = 0

        /// What is not set is as described.
        public init() {}
    }

    private let clips: RealClips
    private let options: Options
    private let networks: EvaluationNetworks
    private let coders: [any ResidualCoder]
    private let notes: [String]

    /// Opens the data set, and checks that a coder fits it.
    ///
    /// - Parameters:
    ///   - size: of the frames that the coder takes.
    ///   - components: the principal components of the coder's training set; nil if they are not known, and then `pca`
    ///     is skipped.
    ///   - networks: only I3D is used.
    ///   - options: how many clips to code, how many at a time, and the seed that chooses them.
    ///   - source: the data set to read.
    ///   - coder: codes residuals.
    /// - Throws: `PFrameError` if the set holds no frames, or those of another size than the coder's.
    public init(
        _ coder: any ResidualCoder, size: Size, components: PrincipalComponents?, _ source: ShardSource,
        options: Options, networks: EvaluationNetworks = EvaluationNetworks()
    ) throws(PFrameError) {
        precondition(options.clips > 0 && options.batch > 0, "\(options.clips) clips by \(options.batch)")
        clips = try RealClips(source, batch: options.batch, seed: options.seed, of: (size, nil))
        guard clips.size == size else {
            throw PFrameError(
                .conflict,
                "the data set's frames are \(clips.size), the \(coder.name)'s \(size): build the set with frames of \(size)"
            )
        }
        var coders: [any ResidualCoder] = [MotionAlone(), try LinearResidualCoder(cosine: ())]
        if let components { coders.append(try LinearResidualCoder(components)) }
        coders.append(coder)
        var used = EvaluationNetworks()
        used.i3d = networks.i3d
        (self.coders, self.options, self.networks) = (coders, options, used)
        notes =
            components == nil
            ? ["no row pca: the run has no \(PrincipalComponents.fileName); train the \(coder.name) again"] : []
    }

    /// Clips that are coded.
    public var count: Int { min(options.clips, clips.count) }

    /// Codes and compares.
    ///
    /// - Parameters:
    ///   - shouldStop: called after every batch.
    ///   - progress: called with the number of finished clips.
    /// - Returns: nil if it was stopped.
    public func run(
        shouldStop: () -> Bool = { false }, progress: (Double) -> Void = { _ in }
    ) throws(PFrameError) -> EvaluationReport? {
        let meter = VideoMeter(networks, motion: nil)
        var encoders: [(name: String, encoder: ClipEncoder)] = []
        for coder in coders {
            encoders.append((coder.name, ClipEncoder(coder, radius: clips.radius)))
        }
        while meter.count < count, let batch = try clips.next() {
            let real = Array(batch.prefix(count - meter.count))
            let sources = real.map(\.frames)
            let copies = sources.map { Clip(frames: Array(repeating: $0[0], count: $0.count)) }
            var made = [(method: VideoMeter.Method(name: GenerationEvaluation.baseline), clips: copies)]
            for (name, encoder) in encoders {
                let motion = clips.hasMotion ? real.map(\.motion) : nil
                for (loop, coded) in [
                    (CodingLoop.open, try encoder.open(sources, motion: motion)),
                    (CodingLoop.closed, try encoder.closed(sources)),
                ] {
                    made.append(
                        (VideoMeter.Method(name: name, loop: loop), coded.map { Clip(frames: $0.frames) }))
                }
            }
            try meter.add(real, made)
            progress(Double(meter.count))
            if shouldStop(), meter.count < count { return nil }
        }
        let (rows, problems) = meter.results()
        let few =
            networks.i3d != nil && meter.count < EvaluationReport.enough
            ? ["\(meter.count) clips: an FVD of fewer than 2,048 clips is too large"] : []
        return EvaluationReport(rows: rows, facts: facts(clips: meter.count), notes: notes + few + problems)
    }

    private func facts(clips count: Int) -> [(name: String, value: JSONValue)] {
        [
            ("clips", .integer(count)), ("frames", .integer(clips.frames)), ("size", .text("\(clips.size)")),
            ("numbers_per_block", .list(coders.map { .text("\($0.name) \($0.channels)") })),
            ("open_motion", .text(clips.hasMotion ? "the data set's" : "searched between source frames")),
            ("radius", .integer(clips.radius)), ("seed", EvaluationReport.number(options.seed)),
        ] + EvaluationReport.measuring(networks)
    }
}

@available(*, unavailable)
extension ReconstructionEvaluation: Sendable {}

/// No residual: frames are what motion alone makes of the first one.
private struct MotionAlone: ResidualCoder {
    let name = "motion"
    let channels = 0

    func encode(_ residual: Tensor, beside prediction: Tensor) throws(PFrameError) -> Tensor {
        let shape = residual.shape
        return try .zeros([shape[0], shape[1] / 16, shape[2] / 16, 1])
    }

    func decode(_ latents: Tensor, beside prediction: Tensor) throws(PFrameError) -> Tensor {
        let shape = latents.shape
        return try .zeros([shape[0], shape[1] * 16, shape[2] * 16, 3])
    }
}
