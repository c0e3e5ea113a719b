import Codec
import Dataset
import MotionVectors
import Shards
public import Storage

/// D-VDM: diffusion of the differences of frames.
public enum DVDM: VideoDiffusionFamily {
    /// Those of all video diffusion models.
    public typealias Arguments = DiffusionArguments<DVDM>

    /// The name on the command line.
    public static let name = "d-vdm"
    /// What it diffuses.
    public static let abstract = "Diffusion of differences, for data sets with --represent difference."
    /// What it reads of a record.
    public static let members = ["difference.npy", "first.npy"]

    /// The sizes of a preset.
    public static func networks(_ preset: Preset) -> DiffusionNetworks {
        preset == .compact
            ? DiffusionNetworks(width: 16, multiples: [1, 2, 4], firstFrameWidths: [16], firstFrameChannels: 16)
            : DiffusionNetworks(
                width: 120, multiples: [1, 2, 4, 8], firstFrameWidths: [128], firstFrameBlocks: 3,
                firstFrameChannels: 64)
    }

    /// This family needs no preparation.
    public static func codec(
        _ options: Options, _ files: DiffusionFiles, _ setup: TrainingSetup
    ) throws(PFrameError) -> PreparedCodec { PreparedCodec(codec: DifferenceCodec(options, setup.device)) }

    /// Differences.
    public static func codec(
        of run: RunFolder, _ options: Options, precision: Precision, device: Device
    ) throws(PFrameError) -> any ClipCodec { DifferenceCodec(options, device) }
}

/// Differences of frames, of which video is a running sum of whole numbers, clamped only at the end.
struct DifferenceCodec: ClipCodec {
    private let arrays: ClipArrays

    init(_ options: DiffusionOptions<DVDM>, _ device: Device) { arrays = ClipArrays(options, device) }

    func clean(_ batch: Batch) throws(PFrameError) -> Tensor {
        try arrays.folded(batch, "difference.npy", channels: 3).to(.float32) * (1 / 255)
    }

    func first(_ batch: Batch) throws(PFrameError) -> Tensor { try arrays.first(batch) }

    func rebuild(_ x: Tensor, first: [RGBImage]) throws(PFrameError) -> [Clip] {
        let (frames, size) = (arrays.changes, Size(width: first[0].width, height: first[0].height))
        let count = size.width * size.height * 3
        let values = try x.to(.cpu).to(.float32).affine(255, 0).rounded().clamped(-255, 255).contiguous().floats()
        return first.enumerated().map { clip, image in
            var sums = image.pixels.map(Int.init)
            var made = Clip(frames: [image])
            for frame in 0..<frames {
                let start = (clip * frames + frame) * count
                for index in 0..<count { sums[index] += Int(values[start + index]) }
                let pixels = sums.map { UInt8(clamping: $0) }
                made.frames.append(RGBImage(width: size.width, height: size.height, pixels: pixels))
            }
            return made
        }
    }
}
