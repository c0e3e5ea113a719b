import Codec
import Dataset
import MotionVectors
import Shards
public import Storage

/// VDM, the baseline: diffusion of RGB frames.
public enum VDM: VideoDiffusionFamily {
    /// Those of all video diffusion models.
    public typealias Arguments = DiffusionArguments<VDM>

    /// The name on the command line.
    public static let name = "vdm"
    /// What it diffuses.
    public static let abstract = "Diffusion of RGB frames, for data sets with --represent frames."
    /// What it reads of a record.
    public static let members = ["frames.npy"]
    /// It diffuses all frames, the given one among them.
    public static let diffusesChanges = false

    /// The sizes of a preset.
    public static func networks(_ preset: Preset) -> DiffusionNetworks {
        preset == .compact
            ? DiffusionNetworks(width: 16, multiples: [1, 2, 4])
            : DiffusionNetworks(width: 120, multiples: [1, 2, 4, 8])
    }

    /// This family needs no preparation.
    public static func codec(
        _ options: Options, _ files: DiffusionFiles, _ setup: TrainingSetup
    ) throws(PFrameError) -> PreparedCodec { PreparedCodec(codec: FrameCodec(options, setup.device)) }

    /// Frames.
    public static func codec(
        of run: RunFolder, _ options: Options, precision: Precision, device: Device
    ) throws(PFrameError) -> any ClipCodec { FrameCodec(options, device) }
}

/// The frames themselves; in video the given one stands in place of the first.
struct FrameCodec: ClipCodec {
    private let arrays: ClipArrays

    init(_ options: DiffusionOptions<VDM>, _ device: Device) { arrays = ClipArrays(options, device) }

    func clean(_ batch: Batch) throws(PFrameError) -> Tensor {
        try arrays.folded(batch, "frames.npy", channels: 3).to(.float32).affine(1 / 127.5, -1)
    }

    func first(_ batch: Batch) throws(PFrameError) -> Tensor {
        let clips = try arrays.folded(batch, "frames.npy", channels: 3)
        let frame = Array(clips.shape.dropFirst())
        return try clips.reshaped([batch.count, arrays.frames] + frame).sliced(0..<1, along: 1)
            .reshaped([batch.count] + frame)
    }

    func rebuild(_ x: Tensor, first: [RGBImage]) throws(PFrameError) -> [Clip] {
        let (frames, size) = (arrays.frames, Size(width: first[0].width, height: first[0].height))
        let count = size.width * size.height * 3
        let values = try x.to(.cpu).to(.float32).affine(127.5, 127.5).rounded().clamped(0, 255).to(.uint8).bytes()
        return first.enumerated().map { clip, image in
            var made = Clip(frames: [image])
            for frame in 1..<frames {
                let start = (clip * frames + frame) * count
                let pixels = Array(values[start..<(start + count)])
                made.frames.append(RGBImage(width: size.width, height: size.height, pixels: pixels))
            }
            return made
        }
    }
}
