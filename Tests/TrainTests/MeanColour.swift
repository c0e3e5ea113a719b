import ArgumentParser
import Codec
import Dataset
import MotionVectors
import Shards
import Storage
import SystemPackage
import Train

/// A family of one file, outside the library: a colour that becomes the mean of all pixels.
///
/// With more than one column the colour is the sum of its columns.
enum MeanColour: ModelFamily {
    static let name = "mean-colour"
    static let abstract = "The mean colour."
    static let members = ["frames.npy"]

    struct Options: ModelOptions {
        var height: Int
        var width: Int
        var frames: Int
        var columns = 1

        func validate() throws(PFrameError) {
            guard columns > 0 else { throw PFrameError("a colour has 1 column or more, not \(columns)") }
        }
    }

    struct Arguments: ModelArguments {
        @Option var columns = 1

        func options(size: Size?, frames: Int?) throws(PFrameError) -> Options {
            Options(height: size?.height ?? 16, width: size?.width ?? 16, frames: frames ?? 3, columns: columns)
        }

        func files(_ path: (PathArgument) -> FilePath) -> NoFiles { NoFiles() }
    }

    static func prepare(
        _ options: Options, _ files: NoFiles, _ setup: TrainingSetup
    ) throws(PFrameError) -> PreparedModel { PreparedModel(try Model(options), recorded: ["pixels": .text("all")]) }

    static func plan(_ options: Options, precision: Precision) throws(PFrameError) -> ModelPlan {
        let model = try Model(options, device: .meta)
        return try ModelPlan(model.store) { () throws(PFrameError) in _ = try model.colour() }
    }

    static func parameters(of run: RunFolder) throws(PFrameError) -> ParameterStore {
        try Model(options(of: run), device: .meta).store
    }

    static func generator(
        of run: RunFolder, _ checkpoint: Checkpoint, precision: Precision, device: Device
    ) throws(PFrameError) -> (any Generator)? {
        let model = try Model(options(of: run))
        try checkpoint.restoreAverage(model.store)
        return model
    }

    private final class Model: TrainingTask, Generator {
        let options: Options
        let store: ParameterStore
        let metrics = ["red"]
        let captions: CaptionReader? = nil
        private let weight: Tensor

        init(_ options: Options, device: Device = .cpu) throws(PFrameError) {
            self.options = options
            store = ParameterStore(device: device)
            weight = try store.root.parameter("colour", [3, options.columns], .constant(0.5))
        }

        var size: Size { Size(width: options.width, height: options.height) }
        var frames: Int { options.frames }

        /// `(1, 3)`, 0…1.
        func colour() throws(PFrameError) -> Tensor {
            try Tensor.full([1, options.columns], 1, device: store.device).linear(weight, nil)
        }

        func inputs(_ batch: Batch, seeds: [RandomSeed]) throws(PFrameError) -> [Tensor] {
            [
                try batch.withArray("frames.npy") { (bytes, _, shape) throws(PFrameError) in
                    try Tensor(bytes: bytes, type: .uint8, shape: shape)
                }
            ]
        }

        func loss(_ inputs: [Tensor]) throws(PFrameError) -> BatchLoss {
            let colour = try colour()
            let error = try inputs[0].to(.float32).affine(1 / 255, 0) - colour
            return BatchLoss(try error.squared().mean(), metrics: [try colour.sliced(0..<1, along: 1).sum()])
        }

        func picture(_ batch: Batch, seed: RandomSeed) throws(PFrameError) -> RGBImage { try image() }

        private func image() throws(PFrameError) -> RGBImage {
            let colour = try colour().floats().map { UInt8(clamping: Int(($0 * 255).rounded())) }
            let pixels = (0..<(options.width * options.height)).flatMap { _ in colour }
            return RGBImage(width: options.width, height: options.height, pixels: pixels)
        }

        func check(_ options: SamplerOptions) throws(PFrameError) {}

        func generate(
            _ requests: [SampleRequest], options: SamplerOptions, guidance: Double,
            progress: (Int) throws(PFrameError) -> Void
        ) throws(PFrameError) -> [Clip] {
            let image = try image()
            return requests.map { request in
                Clip(frames: [request.first] + Array(repeating: image, count: self.options.frames - 1))
            }
        }
    }
}
