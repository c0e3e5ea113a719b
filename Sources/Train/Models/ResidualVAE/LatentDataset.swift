import Codec
import Dataset
import MotionVectors
public import Shards
public import Storage
public import SystemPackage

/// Makes a data set of latents (`latent.npy`, `mv.npy`) from a data set of motion and residuals.
public struct LatentDataset {
    /// What came of it.
    public struct Summary: Sendable, Equatable {
        /// Clips coded by this call.
        public var clips = 0
        /// Mean over those clips of the PSNR of the video that the stored latents give (dB; frames 1…).
        public var psnr = 0.0
        /// The same of SSIM.
        public var ssim = 0.0
        /// Clips of the finished set; nil while parts are missing.
        public var total: Int?
    }

    private let derived: DerivedDataset
    private let source: FilePath
    private let encoder: ClipEncoder
    private let loop: CodingLoop
    private let size: Size
    /// Where the motion of the latents comes from.
    public let motion: CodingMotion

    /// Clips that are coded together.
    private static let together = 8

    /// Plans to write `output`, or to resume what a stopped run left there.
    ///
    /// - Parameters:
    ///   - run: of the vae; its path is recorded, and should be absolute.
    ///   - part: the share of the shards that this process makes.
    ///   - tool: the program that `config.json` names.
    ///   - precision: the type to compute in.
    ///   - source: the data set to read.
    ///   - output: the folder to write.
    ///   - loop: open or closed.
    ///   - motion: nil for the usual motion of the loop: searched in the closed loop, the data set's in the open loop.
    ///   - device: where it computes.
    /// - Throws: `PFrameError` if the source has no motion and residuals, or another size than the vae.
    public init(
        source: FilePath, output: FilePath, coder run: FilePath, loop: CodingLoop, motion: CodingMotion? = nil,
        tool: String, part: BuildPart = .whole, precision: Precision = .float32, device: Device = .cpu
    ) throws(PFrameError) {
        (self.source, self.loop, self.motion) = (source, loop, motion ?? loop.usualMotion)
        let model = try ResidualVAE.coder(run: run, precision: precision, device: device)
        size = model.size
        let checkpoint = try Checkpoint(run: run, model: ResidualVAE.name)
        var options: [String: JSONValue] = [
            "vae": .text(run.lexicallyNormalized().string), "vae_step": .integer(checkpoint.step),
            "vae_digest": .text(try checkpoint.digest()), "loop": .text(loop.rawValue),
        ]
        if self.motion != loop.usualMotion { options["motion"] = .text(self.motion.rawValue) }
        let folder = DatasetFolder(source)
        derived = try DerivedDataset(
            source: folder, output: output, command: "pframe encode", options: .object(options), tool: tool, part: part)
        if let other = derived.description.buckets.first(where: {
            $0.width != model.size.width || $0.height != model.size.height
        }) {
            let fitting = derived.description.buckets.first {
                $0.width == model.size.width && $0.height == model.size.height
            }
            derived.removeIfEmpty()
            throw PFrameError(
                .conflict, path: source,
                "has clips of \(other), but the vae takes frames of \(model.size): encode a set of one bucket: "
                    + "filter where \((fitting ?? other).condition)")
        }
        encoder = ClipEncoder(model, radius: derived.description.radius)
    }

    /// Where the data set's own motion comes from, as `dataset.json` says: `h264`, `search` or `stream`.
    public var motionSource: String? { derived.description.options["motion_source"]?.string }
    /// Clips that are left to code.
    public var pending: Int { derived.pending.reduce(0) { $0 + $1.samples } }

    /// Encodes the remaining clips.
    ///
    /// - Parameters:
    ///   - shouldStop: called after every few clips.
    ///   - progress: called with the number of finished clips.
    /// - Returns: nil if it was stopped.
    public func run(shouldStop: () -> Bool, progress: (Int) -> Void) throws(PFrameError) -> Summary? {
        do throws(PFrameError) { return try codeAll(shouldStop, progress) } catch {
            derived.removeIfEmpty()
            throw error
        }
    }

    private func codeAll(_ shouldStop: () -> Bool, _ progress: (Int) -> Void) throws(PFrameError) -> Summary? {
        var summary = Summary()
        while let shard = try derived.next() {
            var start = 0
            while start < shard.rows.count {
                if shouldStop() { return nil }
                let end = min(start + Self.together, shard.rows.count)
                try code(shard, start..<end, &summary)
                start = end
                progress(summary.clips)
            }
            try shard.finish()
        }
        if summary.clips > 0 {
            summary.psnr /= Double(summary.clips)
            summary.ssim /= Double(summary.clips)
        }
        summary.total = try derived.close()?.samples
        return summary
    }

    private func code(_ shard: DerivedShard, _ range: Range<Int>, _ summary: inout Summary) throws(PFrameError) {
        var samples: [Record] = []
        var clips: [Clip] = []
        for index in range {
            let sample = try shard.sample(index)
            samples.append(sample)
            let clip = try Clip(sample, dataset: source)
            guard clip.frames[0].width == size.width, clip.frames[0].height == size.height else {
                throw PFrameError(
                    .conflict, path: source,
                    "record \(sample.row.key): frames are \(clip.frames[0].width)x\(clip.frames[0].height), but the vae "
                        + "takes \(size): train a vae on this data set, or build it with frames of \(size)")
            }
            clips.append(clip)
        }
        // Clips of other lengths are coded by themselves.
        let isEven = clips.allSatisfy { $0.frames.count == clips[0].frames.count }
        var coded: [CodedClip] = []
        for group in isEven ? [clips] : clips.map({ [$0] }) {
            let (frames, given) = (group.map(\.frames), motion == .keep ? group.map(\.motion) : nil)
            coded +=
                loop == .closed
                ? try encoder.closed(frames, motion: given) : try encoder.open(frames, motion: given)
        }
        for (index, sample) in samples.enumerated() {
            let quality = try CodingQuality(coded[index].frames, of: clips[index].frames)
            summary.clips += 1
            // Clips that are coded without any error have no finite PSNR.
            summary.psnr += min(quality.psnr, 100)
            summary.ssim += quality.ssim
            let fields = coded[index].motion
            let latent = NPYHeader(
                type: .float16,
                shape: [
                    fields.count, fields[0].rows, fields[0].columns,
                    coded[index].latents.count / fields.count
                        / (fields[0].rows * fields[0].columns),
                ])
            let motion = NPYHeader(type: .int16, shape: [fields.count, fields[0].rows, fields[0].columns, 2])
            let adding: [(name: String, bytes: [UInt8])] = [
                ("latent.npy", latent.bytes + coded[index].latents.withUnsafeBytes { Array($0) }),
                ("mv.npy", motion.bytes + fields.flatMap { $0.vectors.withUnsafeBytes { Array($0) } }),
            ]
            try shard.append(
                sample, keeping: ["first.npy", "jpg", "json", "txt"], adding: adding,
                scores: ["psnr_coding": quality.psnr, "ssim_coding": quality.ssim])
        }
    }
}

@available(*, unavailable)
extension LatentDataset: Sendable {}

/// How near a clip comes to another: PSNR and SSIM over frames 1….
struct CodingQuality {
    let psnr: Double
    let ssim: Double

    init(_ frames: [RGBImage], of source: [RGBImage]) throws(PFrameError) {
        let size = Size(width: source[0].width, height: source[0].height)
        let (made, real) = (frames.flatMap(\.pixels), source.flatMap(\.pixels))
        psnr = try PSNR(made.span, reference: real.span, size: size).clip
        ssim = try SSIM(made.span, reference: real.span, size: size).clip
    }
}
