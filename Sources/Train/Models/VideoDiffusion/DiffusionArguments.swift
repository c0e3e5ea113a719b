public import ArgumentParser
public import Codec
public import Storage
public import SystemPackage

extension TextKind: ExpressibleByArgument {}
extension ScheduleShape: ExpressibleByArgument {}
extension PredictionTarget: ExpressibleByArgument {}

/// The options of `pframe train` that all video diffusion models read.
public struct DiffusionArguments<Family: VideoDiffusionFamily>: ModelArguments, Sendable {
    @Option(help: "compact (minutes on two cores; default), paper, or paper-64.")
    var preset: Preset?

    @Option(help: "Size of a frame in pixels, N or WxH; default: the data set's (for --plan the preset's).")
    var size: SizeArgument?

    @Option(help: "Frames per clip; default: the data set's (for --plan 16).")
    var frames: Int?

    @Option(help: "Channels of the U-Net's first level.")
    var width: Int?

    @Option(help: "Channels of each level as multiples of the width: 1,2,4,8.", transform: wholeNumbers)
    var multiples: [Int]?

    @Option(
        help: """
            How the model reads captions: vocabulary (learned words; default), labels, clip (CLIP's text tower) or none.
            """)
    var text: TextKind?

    @OptionGroup var clipFiles: CLIPArguments

    @Option(help: "Share of captions dropped in training, for guidance; default: 0.1.")
    var captionDrop: Double?

    @Option(help: "Noise schedule: cosine (default), linear or ldm-linear.")
    var schedule: ScheduleShape?

    @Option(help: "What the network predicts: eps, v or x0; default: v for compact, eps for paper.")
    var target: PredictionTarget?

    @Flag(help: "Let the last noise level hold no signal (Lin et al. 2024).")
    var zeroTerminalSNR = false

    @Option(name: .customLong("min-snr"), help: "Weigh losses by min(SNR, γ) (Hang et al. 2023).")
    var minSNR: Double?

    /// For the argument parser.
    public init() {}

    /// Refuses values that no model can have.
    public mutating func validate() throws {
        if let frames, frames < 2 { throw ValidationError("--frames takes 2 or more, not \(frames)") }
        if let width, width < 8 || width % 8 != 0 {
            throw ValidationError("--width takes a multiple of 8, not \(width)")
        }
        if let captionDrop, !(0...1).contains(captionDrop) {
            throw ValidationError("--caption-drop takes 0 to 1, not \(captionDrop)")
        }
        if let minSNR, !(minSNR > 0 && minSNR.isFinite) {
            throw ValidationError("--min-snr takes a number above 0, not \(minSNR)")
        }
        if clipFiles.clip != nil, let text, text != .clip {
            throw ValidationError("--clip MODEL is for --text clip, not --text \(text.rawValue)")
        }
    }

    /// Refuses `--text clip` without the files of CLIP.
    public func validateNew() throws {
        guard text == .clip, clipFiles.clip == nil else { return }
        throw ValidationError("--text clip needs --clip MODEL and --clip-vocabulary FILE")
    }

    /// The preset with the given options in place of its own.
    public func options(size: Size?, frames: Int?) throws(PFrameError) -> DiffusionOptions<Family> {
        let size = self.size?.size ?? size
        var options = try DiffusionOptions<Family>(
            preset: preset ?? .compact, frames: self.frames ?? frames ?? 16, height: size?.height, width: size?.width,
            unetWidth: width, multiples: multiples)
        // The files of CLIP say it, too.
        options.text = text ?? (clipFiles.clip == nil ? options.text : .clip)
        if let captionDrop { options.captionDrop = captionDrop }
        if let schedule { options.schedule = schedule }
        if let target { options.target = target }
        (options.zeroTerminalSNR, options.minSNR) = (zeroTerminalSNR, minSNR)
        try options.validate()
        return options
    }

    /// The files of CLIP.
    public func files(_ path: (PathArgument) -> FilePath) -> DiffusionFiles {
        var files = DiffusionFiles()
        if let clip = clipFiles.clip, let merges = clipFiles.clipVocabulary {
            files.clip = (path(clip), path(merges))
        }
        return files
    }

    /// All options except the files of CLIP, which may have moved.
    public func fixed(of run: DiffusionOptions<Family>) -> [FixedOption] {
        func list(_ numbers: [Int]) -> String { numbers.map(String.init).joined(separator: ",") }
        return [
            FixedOption("--preset", preset?.rawValue, run.preset.rawValue),
            FixedOption("--size", size?.size, Size(width: run.width, height: run.height)),
            FixedOption("--frames", frames, run.frames), FixedOption("--width", width, run.unetWidth),
            FixedOption("--multiples", multiples.map(list), list(run.multiples)),
            FixedOption("--text", text?.rawValue, run.text.rawValue),
            FixedOption("--caption-drop", captionDrop, run.captionDrop),
            FixedOption("--schedule", schedule?.rawValue, run.schedule.rawValue),
            FixedOption("--target", target?.rawValue, run.target.rawValue),
            FixedOption("--zero-terminal-snr", zeroTerminalSNR ? "on" : nil, run.zeroTerminalSNR ? "on" : "off"),
            FixedOption("--min-snr", minSNR, number: run.minSNR),
        ]
    }
}

/// The files of CLIP, which users bring.
public struct CLIPArguments: ParsableArguments, Sendable {
    /// The weights.
    @Option(help: "ViT-B-32.pt or model.safetensors of CLIP.", completion: .file())
    public var clip: PathArgument?

    /// The merges of the tokenizer.
    @Option(help: "The merges of CLIP's tokenizer: merges.txt or bpe_simple_vocab_16e6.txt.", completion: .file())
    public var clipVocabulary: PathArgument?

    /// For the argument parser.
    public init() {}

    /// Refuses one without the other.
    public mutating func validate() throws {
        if (clip == nil) != (clipVocabulary == nil) {
            throw ValidationError("--clip MODEL and --clip-vocabulary FILE go together")
        }
    }
}

private func wholeNumbers(_ text: String) throws -> [Int] {
    let parts = text.split(separator: ",").map { Int($0) }
    let numbers = parts.compactMap(\.self)
    guard !numbers.isEmpty, numbers.count == parts.count, numbers.allSatisfy({ $0 > 0 }) else {
        throw ValidationError("--multiples takes whole numbers such as 1,2,4, not \(text)")
    }
    return numbers
}
