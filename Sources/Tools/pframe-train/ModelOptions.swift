import ArgumentParser
import Codec
import Dataset
import EngineOptions
import SystemPackage
import ToolOptions
import Train

/// What is trained.
struct ModelOptions: ParsableArguments {
    @Option(help: "compact (minutes on two cores; default), paper, or paper-64.")
    var preset: Preset?

    @Option(help: "Pixels of a frame, N or WxH; default: the data set's (for --plan the preset's).")
    var size: Size?

    @Option(help: "Frames of a clip; default: the data set's (for --plan 16).")
    var frames: Int?

    @Option(help: "Channels of the U-Net's first level.")
    var width: Int?

    @Option(help: "Channels of each level in multiples of the first: 1,2,4,8.", transform: ModelOptions.numbers)
    var multiples: [Int]?

    @Option(
        help: """
            How captions are read: vocabulary (their words, learned; default), labels, clip (CLIP's text tower) or none.
            """)
    var text: TextKind?

    @OptionGroup var clipFiles: CLIPOptions

    @Option(help: "Share of captions left out in training, for guidance; default: 0.1.")
    var captionDrop: Double?

    @Option(help: "Noise schedule: cosine (default), linear or ldm-linear.")
    var schedule: ScheduleShape?

    @Option(help: "What the network predicts: eps, v or x0; default: v for compact, eps for the paper's.")
    var target: PredictionTarget?

    @Flag(help: "Let the last step hold no signal at all (Lin et al. 2024).")
    var zeroTerminalSNR = false

    @Option(name: .customLong("min-snr"), help: "Weigh losses by min(SNR, γ) (Hang et al. 2023).")
    var minSNR: Double?

    @Option(help: "Share of ed-vdm's loss that falls to motion; default: 0.5 for compact, else all channels alike.")
    var motionShare: Double?

    mutating func validate() throws {
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
        if let motionShare, !(motionShare > 0 && motionShare < 1) {
            throw ValidationError("--motion-share takes a number between 0 and 1, not \(motionShare)")
        }
        if clipFiles.clip != nil, let text, text != .clip {
            throw ValidationError("--clip MODEL is for --text clip, not --text \(text.rawValue)")
        }
    }

    private static func numbers(_ text: String) throws -> [Int] {
        let parts = text.split(separator: ",").map { Int($0) }
        let numbers = parts.compactMap(\.self)
        guard !numbers.isEmpty, numbers.count == parts.count, numbers.allSatisfy({ $0 > 0 }) else {
            throw ValidationError("--multiples takes whole numbers such as 1,2,4, not \(text)")
        }
        return numbers
    }

    /// The autoencoder.
    func autoencoder(size: Size?) throws(TrainError) -> AutoencoderOptions {
        try AutoencoderOptions(preset: preset ?? .compact, height: size?.height, width: size?.width)
    }

    /// CLIP's text tower, where it is to read captions.
    func clipCaptions() throws(TrainError) -> CaptionReader? {
        guard let clip = clipFiles.clip, let vocabulary = clipFiles.clipVocabulary else { return nil }
        return CaptionReader(
            try CLIPCaptions(WorkingFolder.absolute(clip), merges: WorkingFolder.absolute(vocabulary)))
    }

    /// Refuses options that the model does not read.
    func check(_ kind: ModelKind) throws {
        if motionShare != nil, kind != .edVDM {
            throw ValidationError("--motion-share is for ed-vdm, which has motion")
        }
        guard kind == .autoencoder else { return }
        let given: [(String, Bool)] = [
            ("--frames", frames != nil), ("--width", width != nil), ("--multiples", multiples != nil),
            ("--clip", clipFiles.clip != nil), ("--schedule", schedule != nil), ("--target", target != nil),
            ("--zero-terminal-snr", zeroTerminalSNR),
            ("--text", text != nil), ("--caption-drop", captionDrop != nil), ("--min-snr", minSNR != nil),
        ]
        guard let name = given.first(where: \.1)?.0 else { return }
        throw ValidationError("\(name) is for diffusion models: a vae does not read it")
    }

    /// A diffusion model.
    func diffusion(_ kind: ModelKind, size: Size?, frames: Int?) throws(TrainError) -> DiffusionOptions {
        var options = try DiffusionOptions(
            kind: kind, preset: preset ?? .compact, frames: frames ?? 16, height: size?.height, width: size?.width,
            unetWidth: width, multiples: multiples)
        // The files of CLIP say it, too.
        options.text = text ?? (clipFiles.clip == nil ? options.text : .clip)
        if let captionDrop { options.captionDrop = captionDrop }
        if let schedule { options.schedule = schedule }
        if let target { options.target = target }
        (options.zeroTerminalSNR, options.minSNR) = (zeroTerminalSNR, minSNR)
        if let motionShare { options.motionShare = motionShare }
        try options.validate()
        return options
    }

    /// Options that a run of an autoencoder keeps to its end.
    func fixed(of run: AutoencoderOptions) -> [FixedOption] {
        [
            FixedOption("--preset", preset?.rawValue, run.preset.rawValue),
            FixedOption("--size", size, Size(width: run.width, height: run.height)),
        ]
    }

    /// Options that a run of a diffusion model keeps to its end.
    func fixed(of run: DiffusionOptions) -> [FixedOption] {
        func list(_ numbers: [Int]) -> String { numbers.map(String.init).joined(separator: ",") }
        func value(_ number: Double?) -> String { number.map { "\($0)" } ?? "none" }
        return [
            FixedOption("--preset", preset?.rawValue, run.preset.rawValue),
            FixedOption("--size", size, Size(width: run.width, height: run.height)),
            FixedOption("--frames", frames, run.frames), FixedOption("--width", width, run.unetWidth),
            FixedOption("--multiples", multiples.map(list), list(run.multiples)),
            FixedOption("--text", text?.rawValue, run.text.rawValue),
            FixedOption("--caption-drop", captionDrop, run.captionDrop),
            FixedOption("--schedule", schedule?.rawValue, run.schedule.rawValue),
            FixedOption("--target", target?.rawValue, run.target.rawValue),
            FixedOption("--zero-terminal-snr", zeroTerminalSNR ? "on" : nil, run.zeroTerminalSNR ? "on" : "off"),
            FixedOption("--min-snr", minSNR.map { "\($0)" }, value(run.minSNR)),
            FixedOption("--motion-share", motionShare.map { "\($0)" }, value(run.motionShare)),
        ]
    }
}
