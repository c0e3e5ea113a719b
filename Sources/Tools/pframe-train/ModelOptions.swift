import ArgumentParser
import Dataset
import SystemPackage
import ToolOptions
import Train

/// What is trained.
struct ModelOptions: ParsableArguments {
    @Option(help: "compact (minutes on two cores), paper, or paper-64.")
    var preset = Preset.compact

    @Option(help: "Pixels of a frame, N or WxH; default: the data set's (for --plan the preset's).")
    var size: FrameSize?

    @Option(help: "Frames of a clip; default: the data set's (for --plan 16).")
    var frames: Int?

    @Option(help: "Channels of the U-Net's first level.")
    var width: Int?

    @Option(help: "Channels of each level in multiples of the first: 1,2,4,8.", transform: ModelOptions.numbers)
    var multiples: [Int]?

    @Option(help: "How captions are read: vocabulary (their words, learned), labels, clip (CLIP's text tower) or none.")
    var text = TextKind.vocabulary

    @Option(help: "ViT-B-32.pt or model.safetensors of CLIP, for --text clip.", completion: .file())
    var clip: FilePath?

    @Option(help: "The merges of CLIP's tokenizer: merges.txt or bpe_simple_vocab_16e6.txt.", completion: .file())
    var clipVocabulary: FilePath?

    @Option(help: "Share of captions left out in training, for guidance.")
    var captionDrop = 0.1

    @Option(help: "Noise schedule: cosine, linear or ldm-linear.")
    var schedule = ScheduleShape.cosine

    @Option(help: "What the network predicts: eps, v or x0; default: v for compact, eps for the paper's.")
    var target: PredictionTarget?

    @Flag(help: "Let the last step hold no signal at all (Lin et al. 2024).")
    var zeroTerminalSNR = false

    @Option(name: .customLong("min-snr"), help: "Weigh losses by min(SNR, γ) (Hang et al. 2023).")
    var minSNR: Double?

    @Option(help: "Share of ed-vdm's loss that falls to motion; default: 0.5 for compact, else all channels alike.")
    var motionShare: Double?

    mutating func validate() throws {
        if let frames, frames < 2 { throw ValidationError("--frames takes 2 or more") }
        if !(0...1).contains(captionDrop) { throw ValidationError("--caption-drop takes 0 to 1") }
        if let minSNR, minSNR <= 0 { throw ValidationError("--min-snr takes a number above 0") }
        if let motionShare, !(motionShare > 0 && motionShare < 1) {
            throw ValidationError("--motion-share takes a number between 0 and 1")
        }
        if (clip == nil) != (clipVocabulary == nil) || clip != nil && text != .clip {
            throw ValidationError("--text clip, --clip MODEL and --clip-vocabulary FILE belong together")
        }
    }

    private static func numbers(_ text: String) throws -> [Int] {
        let parts = text.split(separator: ",").map { Int($0) }
        let numbers = parts.compactMap(\.self)
        guard !numbers.isEmpty, numbers.count == parts.count, numbers.allSatisfy({ $0 > 0 }) else {
            throw ValidationError("--multiples takes whole numbers such as 1,2,4")
        }
        return numbers
    }

    /// The autoencoder.
    func autoencoder(size: FrameSize?) throws(TrainError) -> AutoencoderOptions {
        try AutoencoderOptions(preset: preset, height: size?.height, width: size?.width)
    }

    /// What reads captions; nil for a model without text.
    ///
    /// - Parameter rows: of all samples of the data set.
    func captions(_ rows: () throws(TrainError) -> [ShardRow]) throws(TrainError) -> CaptionReader? {
        guard text == .clip else { return text == .none ? nil : try CaptionReader(text, rows: rows()) }
        guard let clip, let clipVocabulary else {
            throw TrainError("--text clip wants --clip MODEL and --clip-vocabulary FILE")
        }
        return CaptionReader(
            try CLIPCaptions(WorkingFolder.absolute(clip), merges: WorkingFolder.absolute(clipVocabulary)))
    }

    /// A diffusion model.
    func diffusion(_ kind: ModelKind, size: FrameSize?, frames: Int?) throws(TrainError) -> DiffusionOptions {
        var options = try DiffusionOptions(
            kind: kind, preset: preset, frames: frames ?? 16, height: size?.height, width: size?.width,
            unetWidth: width, multiples: multiples)
        (options.text, options.captionDrop, options.schedule) = (text, captionDrop, schedule)
        if let target { options.target = target }
        (options.zeroTerminalSNR, options.minSNR) = (zeroTerminalSNR, minSNR)
        if let motionShare {
            guard kind == .edVDM else { throw TrainError("--motion-share is for ed-vdm, which has motion") }
            options.motionShare = motionShare
        }
        try options.validate()
        return options
    }
}

/// Pixels of a frame: `128` or `256x128`.
struct FrameSize: ExpressibleByArgument, Equatable {
    let width: Int
    let height: Int

    init(width: Int, height: Int) { (self.width, self.height) = (width, height) }

    init?(argument: String) {
        let parts = argument.split(separator: "x", omittingEmptySubsequences: false).map { Int($0) }
        guard (1...2).contains(parts.count), let width = parts[0], let height = parts[parts.count - 1], width > 0,
            height > 0
        else { return nil }
        self.init(width: width, height: height)
    }
}
