public import ArgumentParser
import Codec
import Dataset
public import MotionVectors
import Storage
import SystemPackage
import ToolOptions

extension MotionFormat: ExpressibleByArgument {}

extension ReferenceSource: ExpressibleByArgument {}

/// What `--residual` stores.
enum StoredResidual: String, CaseIterable, ExpressibleByArgument {
    /// The closure residual, in the two formats.
    case mkv, npy
    /// The coded residual.
    case coded

    /// The format of the closure residual; nil for none.
    var format: ResidualFormat? { ResidualFormat(rawValue: rawValue) }
}

/// `pframe extract`.
struct ExtractCommand: StoppableCommand {
    static let remedy = "run the same command again to resume"

    static let configuration = CommandConfiguration(
        commandName: "extract",
        abstract: "Extract motion vectors, and residuals, of videos.",
        discussion: """
            Writes one folder DIR/<stem>/ per video: motion.npy (one row per vector), frames.csv (one row per frame), \
            stream.json, and the files that the options add. Files appear when they are complete. An extraction with \
            the same options is skipped; an extraction with other options is replaced.

            EXAMPLES:
              pframe extract clip.mp4 --output out
              pframe extract videos/ --output out --jobs 8
              pframe extract clip.mp4 --output out --residual      residual.mkv, exact
              pframe extract clip.mp4 --output out --residual npy  as int16 arrays
              pframe extract clip.mp4 --output out --field 16      a dense field
              pframe extract https://host/clip.mp4 --output out
              ffmpeg -i IN -f matroska - | pframe extract - --output out
              pframe extract hevc.mkv --output out --motion-source search
              pframe extract film.mp4 --output out --start 1:30 --end 1:35
              pframe extract clip.mp4 --output out --motion-source bitstream
              pframe extract clip.mp4 --output out --residual coded

            A vector points from a block to the prediction of the block: source = destination + motion / motion_scale, \
            +x right, +y down. The column reference of motion.npy is -2 if the reference is unknown, and -1 if the \
            vector takes no part in the prediction. With --residual, --references or --accumulate, blocks, references \
            and weights of H.264 come from the bitstream where pframe reads it (see pframe info). Damaged videos are \
            extracted as far as they decode and are flagged; the exit code is 1.
            """)

    @OptionGroup var inputs: VideoInputs

    @Option(
        name: .shortAndLong, help: "Folder for the results, with one folder per video.", completion: .directory)
    var output: FilePath?

    @Option(
        defaultAsFlag: .mkv,
        help: """
            Also store the residual: mkv (lossless FFV1, the default) or npy (int16 planes), the frame minus the \
            prediction; or coded, what H.264 adds to the prediction before the loop filter.
            """)
    var residual: StoredResidual?

    @Option(help: "wide (int32 rows of 48 bytes) or compact (a structured array, 20 bytes per vector), for motion.npy.")
    var motionFormat = MotionFormat.wide

    @Option(help: "Also write a dense field of B×B cells: 4, 8 or 16.")
    var field: Int?

    @Option(
        defaultAsFlag: .exact,
        help: """
            Tell which frame every vector predicts from (implied by --residual and --accumulate): exact (as the \
            bitstream says where pframe reads it, the default) or inferred (by the least difference of pixels).
            """)
    var references: ReferenceSource?

    @Flag(help: "Also trace motion back to the last I-frame, pixel by pixel (CoViAR): accumulated.npy.")
    var accumulate = false

    @OptionGroup var motion: MotionOptions

    @Flag(help: "Do all the work except encoding and writing, for timing.")
    var discard = false

    @Flag(help: "Extract again even if an extraction is up to date.")
    var force = false

    @OptionGroup var running: RunOptions

    @OptionGroup var report: ReportOptions

    func validate() throws {
        if discard == (output != nil) { throw ValidationError("give --output DIR, or --discard to write no files") }
        if let field, ![4, 8, 16].contains(field) { throw ValidationError("--field takes 4, 8 or 16") }
        if motion.motionSource == .bitstream || residual == .coded, references == .inferred {
            throw ValidationError("--motion-source bitstream and --residual coded take no --references inferred")
        }
        if residual == .coded, motion.motionSource == .h264 || motion.motionSource == .search {
            throw ValidationError("--residual coded takes --motion-source stream or bitstream")
        }
        try check("--residual", StoredResidual.self)
        try check("--references", ReferenceSource.self)
    }

    /// A word after an option that may stand alone, and that is not one of its values, counts as a video. If no such video
    /// exists, the word was meant as a value.
    private func check<Value: RawRepresentable & CaseIterable>(
        _ option: String, _: Value.Type
    ) throws where Value.RawValue == String {
        let words = RawArguments.escaped().prefix { $0 != "--" }
        for (name, word) in zip(words, words.dropFirst())
        where name == option && !word.hasPrefix("-") && Value(rawValue: word) == nil {
            guard case .missing = FileFacts(RawArguments.path(word)) else { continue }
            let values = Value.allCases.map(\.rawValue)
            let list = values.dropLast().joined(separator: ", ") + " or " + (values.last ?? "")
            throw ValidationError("\(option) takes \(list): \"\(word)\" is neither a value nor a video")
        }
    }

    func run() throws {
        let found = inputs.resolve()
        let items = found.items
        let names = ResultFolders.names(items.map(\.name))
        if output != nil, let (one, other) = names.clash {
            throw ValidationError(
                "\(items[one].path.shown) and \(items[other].path.shown) would both write \(names.folders[other]); extract them into two folders"
            )
        }
        let jobs = running.jobs(for: items.count)
        let command = Settings(self, threads: max(1, Parallel.processors / jobs))
        try VideoResult.each(of: found, running: running, report: report, remedy: Self.remedy) {
            index, item, progress in
            command.extract(item, into: names.folders[index]) {
                progress.update(index, count: $0, share: $1)
            }
        }
    }

    /// What the workers need of the command.
    private struct Settings: Sendable {
        let options: ExtractionOptions
        let output: FilePath?
        let residual: StoredResidual?
        let motionFormat: MotionFormat
        let field: Int?
        let force: Bool
        let threads: Int

        init(_ command: ExtractCommand, threads: Int) {
            var options = command.motion.extraction
            options.references = command.references
            options.accumulate = command.accumulate
            self.options = options
            output = command.output
            residual = command.residual
            motionFormat = command.motionFormat
            field = command.field
            force = command.force
            self.threads = threads
        }

        func extract(
            _ item: VideoInputs.Item, into folder: FilePath, _ progress: (Int, Double) -> Void
        ) -> VideoResult? {
            var result = VideoResult(video: item.path.shown)
            var target = ExtractionOutput(folder: output?.pushing(folder))
            target.residual = residual?.format
            target.codedResidual = residual == .coded
            target.motionFormat = motionFormat
            target.fieldCellSize = field
            target.threads = threads
            target.tool = Program.name
            result.folder = target.folder?.string
            let writer = ExtractionWriter(path: item.path, options: options, output: target)
            if !force, let finished = writer.finished() {
                result.fill(finished)
                // Problems of an extraction that was already done are still problems.
                if !result.hasProblems { result.status = .upToDate }
                return result
            }
            do throws(PFrameError) {
                let summary = try writer.run(announce: { announce($0, of: item) }) {
                    frames, share throws(PFrameError) in
                    progress(frames, share)
                    if Interruption.isRequested { throw PFrameError(.interrupted, path: item.path, "interrupted") }
                }
                result.fill(summary)
            } catch {
                guard !Interruption.isRequested else { return nil }
                (result.status, result.error) = (.failed, error.description)
            }
            return result
        }

        /// Says before a long write how much there is to write, and what makes it less.
        private func announce(_ estimate: ExtractionEstimate, of item: VideoInputs.Item) {
            let long = 1_000_000_000
            guard estimate.bytes > long else { return }
            var text = "\(item.path.shown): about \(Format.bytes(estimate.bytes)) to write"
            if residual == .mkv { text += " and residual.mkv" }
            if residual == .coded { text += " and coded_residual.mkv" }
            let (wide, compact) = (MotionFormat.wide.bytesPerVector, MotionFormat.compact.bytesPerVector)
            if motionFormat == .wide, estimate.vectors * wide > long {
                text +=
                    "; motion.npy about \(Format.bytes(estimate.vectors * wide)), with --motion-format compact about "
                    + Format.bytes(estimate.vectors * compact)
            }
            Console.error(text)
        }
    }
}

/// What `pframe extract` made of a video.
struct VideoResult: VideoOutcome {
    let video: String
    var folder: String?
    var status = VideoStatus.done
    var error: String?
    var frames: Int?
    var vectors: Int?
    var damaged: Int?
    var interlaced: Int?
    var truncation: String?
    var meanLength: Double?
    var meanResidual: Double?
    var intraShare: Double?
    /// How players turn the pictures, in words.
    var shown: String?
    var bytes: Int?

    init(video: String) { self.video = video }

    init(video: String, error: String) {
        self.init(video: video)
        (self.error, status) = (error, .failed)
    }

    mutating func fill(_ summary: ExtractionSummary) {
        status = summary.damaged > 0 || summary.truncation != nil ? .damaged : .done
        (frames, vectors, damaged, interlaced) = (summary.frames, summary.vectors, summary.damaged, summary.interlaced)
        (truncation, meanLength, meanResidual) = (summary.truncation, summary.meanLength, summary.meanResidual)
        (intraShare, shown, bytes) = (summary.intraShare, summary.orientation.words, summary.bytes)
    }

    var remarks: [String] {
        var parts: [String] = []
        if let damaged, damaged > 0 {
            parts.append("\(Format.quantity(damaged, "damaged frame")), flagged in frames.csv")
        }
        if let truncation { parts.append("cut off: \(truncation)") }
        if let interlaced, interlaced > 0 {
            parts.append(
                "\(Format.quantity(interlaced, "interlaced frame")), whose vectors are exported but not trusted")
        }
        return parts
    }

    static func note(on outcomes: [VideoResult]) -> String? {
        let turned = outcomes.filter { $0.shown != nil }
        guard let first = turned.first, let words = first.shown else { return nil }
        let others = turned.count > 1 ? ", as are \(turned.count - 1) more," : ""
        return
            "\(first.video) is shown \(words)\(others) but vectors, residuals and fields are of the pictures as they are "
            + "stored"
    }

    static let columns = ["video", "frames", "vectors", "mean px", "residual", "intra", "size"]

    var row: [String] {
        [
            video, frames.map(Format.count) ?? "-", vectors.map(Format.count) ?? "-", Format.fixed(meanLength, 2),
            Format.fixed(meanResidual, 2), intraShare.map { Format.fixed(100 * $0, 1) + " %" } ?? "-",
            bytes.map { $0 > 0 ? Format.bytes($0) : "-" } ?? "-",
        ]
    }
}
