import ArgumentParser
import Codec
import Dataset
import EngineOptions
import Shards
import Storage
import SystemPackage
import ToolOptions
import Train

/// `pframe sample`.
struct SampleCommand: StoppableCommand {
    static let remedy = "run the same command again"

    static let configuration = CommandConfiguration(
        commandName: "sample",
        abstract: "Make videos of first frames and captions, or images of texts, with a trained model.",
        discussion: """
            Writes per clip NNN.mp4, NNN.png (all frames side by side), NNN.first.png and a row of samples.jsonl. \
            Models of motion also write NNN.motion.npy, int16 (T−1, H/16, W/16, 2) in quarter pixels, and \
            NNN.residual.npy, int16 (T−1, H, W, 3). The same seed gives the same clip, whatever other clips are made. \
            Existing clips with the same options are skipped.

            A folder in diffusers' layout (model_index.json; Stable Diffusion 1 and 2) makes images of --prompt: NNN.png \
            and a row of samples.jsonl per image. Existing images are replaced. Guidance is 7.5 there, a batch is one \
            image, and the folder names the sampler.

            EXAMPLES:
              pframe sample run --image clip.mp4 --fit crop --prompt "a cross" --output out
              pframe sample run --image a.png --image b.png --prompt wave --output out
              pframe sample run --dataset clips --first 64 --output out
              pframe sample stable-diffusion --prompt "a red ball" --count 4 --output out
              pframe reconstruct out/000 --output again.mp4    of motion and residual
            """)

    @Argument(
        help: ArgumentHelp("The run of `pframe train`, or a folder in diffusers' layout.", valueName: "run"),
        completion: .directory)
    var folder: FilePath

    @Option(help: ArgumentHelp("A first frame: a picture (PNG, JPEG, …) or a video.", valueName: "file"))
    var image: [FilePath] = []

    @Option(help: "How to fit images of another size: crop (fill the frame), pad (black bars) or stretch.")
    var fit: ClipOptions.Fit?

    @Option(help: "The caption; or a label if the model was trained on labels.")
    var prompt: String?

    @Option(help: "What images of texts do not show.")
    var negativePrompt: String?

    @Option(help: "The size of images of texts, as 768x512 or 512. Default: that of the model.")
    var size: Size?

    @Option(help: "Clips per image, or images of a text.")
    var count = 1

    @Option(help: "Take first frames and captions from a data set; clips are named by their keys.")
    var dataset: String?

    @Option(help: "Take only this many first records of the data set; default: all.")
    var first: Int?

    @Option(name: .shortAndLong, help: "Folder for the clips.", completion: .directory)
    var output: FilePath

    @Option(help: "Frames per second of the videos. Default: 8.")
    var fps: Double?

    @OptionGroup(title: "Sampling") var sampling: SampleOptions
    @OptionGroup(title: "Engine") var engine: EngineOptions
    @OptionGroup(title: "Reporting") var report: ReportOptions

    func validate() throws {
        if count < 1 { throw ValidationError("--count takes 1 or more") }
        if DiffusersFolder.isOne(folder) {
            if prompt == nil { throw ValidationError("give a text with --prompt: the model makes images of texts") }
            if !image.isEmpty || fit != nil || dataset != nil || first != nil || fps != nil {
                throw ValidationError(
                    "the model makes images of texts: it takes no --image, --fit, --dataset, --first and --fps")
            }
            if sampling.temperature != nil || sampling.residualSteps != nil {
                throw ValidationError("--temperature and --residual-steps are for ed-vdm with motion first")
            }
            return
        }
        if negativePrompt != nil || size != nil {
            throw ValidationError("--negative-prompt and --size are for a folder in diffusers' layout")
        }
        if dataset == nil, image.isEmpty {
            throw ValidationError("give a first frame with --image FILE, or --dataset SET")
        }
        if dataset != nil, !image.isEmpty || fit != nil || prompt != nil || count != 1 {
            throw ValidationError(
                "--dataset brings frames and captions: it excludes --image, --fit, --prompt and --count")
        }
        if dataset == nil, first != nil { throw ValidationError("--first is for --dataset") }
        if let first, first < 1 { throw ValidationError("--first takes 1 or more") }
        if let fps, !ClipFile.rates.contains(fps) { throw ValidationError("--fps takes 0.1 to 1000") }
    }

    func run() throws {
        do {
            let device = try engine.open()
            if DiffusersFolder.isOne(folder) { return try makeImages(device) }
            let trained = try TrainedModel(run: folder, precision: engine.precision, device: device)
            let sampler = try sampling.sampler(trained)
            let requests = try requests(trained)
            try sampler.check(requests)
            warn(requests, trained)
            var session = SamplingSession(
                sampler: sampler,
                folder: try SampleFolder(output, of: sampler, framesPerSecond: fps ?? 8),
                reportsJSON: report.json)
            try session.run(requests)
        } catch let error as PFrameError {
            throw DataProblem(message: "error: \(error)")
        }
    }

    private func makeImages(_ device: Device) throws {
        let model = try TextToImage(DiffusersFolder(folder), precision: engine.precision, device: device)
        let size = self.size ?? model.size
        guard size.width.isMultiple(of: model.factor), size.height.isMultiple(of: model.factor) else {
            throw ValidationError("--size takes multiples of \(model.factor), not \(size)")
        }
        let session = ImageSession(
            model: model, size: size, options: sampling.options(of: model.schedule),
            guidance: sampling.guidance ?? 7.5, batchSize: sampling.batch ?? 1, output: output,
            reportsJSON: report.json)
        let digits = max(3, String(count - 1).count)
        try session.run(
            (0..<count).map { index in
                ImageRequest(
                    name: index.zeroPadded(digits), prompt: prompt ?? "", negativePrompt: negativePrompt ?? "",
                    seed: sampling.seed &+ UInt64(index))
            })
    }

    private func requests(_ trained: TrainedModel) throws -> [SampleRequest] {
        if let dataset {
            let source = try ShardSource(argument: dataset)
            return try FirstFrames.requests(source, for: trained.generator, limit: first, seed: sampling.seed)
        }
        if trained.generator.captions == nil, prompt != nil {
            throw ValidationError("this model was trained without text: it takes no --prompt")
        }
        if trained.generator.captions != nil, prompt == nil {
            throw ValidationError("give a caption with --prompt: this model was trained with captions")
        }
        let sizes = trained.generator.sizes
        return try SampleRequest.requests(
            image, count: count, caption: prompt ?? "", seed: sampling.seed, fitting: fit.map { (sizes, $0) })
    }

    private func warn(_ requests: [SampleRequest], _ trained: TrainedModel) {
        guard let captions = trained.generator.captions else { return }
        var words: [String] = []
        for caption in Set(requests.map(\.caption)).sorted() {
            for word in captions.unknownWords(in: caption) where !words.contains(word) { words.append(word) }
        }
        guard !words.isEmpty else { return }
        let listed = words.prefix(8).map { "\"\($0)\"" }.joined(separator: ", ") + (words.count > 8 ? ", …" : "")
        Console.error("warning: the model was trained without the \(words.count == 1 ? "word" : "words") \(listed)")
    }
}
