public import ArgumentParser
import Codec
import Dataset
public import Figures
import MotionVectors
import Shards
import Storage
import SystemPackage
import ToolOptions

extension MotionFigure.Arrangement: ExpressibleByArgument {
    /// `auto`, `row` or `column`.
    public init?(argument: String) {
        switch argument {
        case "auto": self = .automatic
        case "row": self = .row
        case "column": self = .column
        default: return nil
        }
    }

    /// As it is given.
    public var defaultValueDescription: String { self == .automatic ? "auto" : "\(self)" }
}

/// `pframe view`.
struct ViewCommand: StoppableCommand {
    static let remedy = "nothing was written"

    static let configuration = CommandConfiguration(
        commandName: "view",
        abstract: "Draw motion vectors, residual and motion magnitude of a video or a clip, or what its stream says.",
        discussion: """
            A .png or .jpg shows one frame, a .mp4 or .mkv shows all frames. Arrows show where content moves. The \
            residual is grey, with its range on a bar. Blocks without a vector are hatched. For a sample of ed-vdm, a \
            clip of a data set, or a folder that `pframe extract --residual` wrote, `view` draws the stored motion and \
            residual. With --motion-source bitstream, `view` draws what an H.264 stream says: blocks, macroblock types, bits \
            per macroblock and QP.

            EXAMPLES:
              pframe view clip.mp4 --output figure.png       the liveliest frame
              pframe view clip.mp4 --output figure.png --frame 42
              pframe view clip.mp4 --output film.mp4 --start 1:30 --end 1:35
              pframe view clip.mp4 --output film.mp4 --frames 250
              pframe view clip.mp4 --output figure.png --magnitude-range 20
              pframe view clip.mp4 --output figure.png --motion-source bitstream
              pframe view out/clip --output figure.png       what extract wrote
              pframe view samples/000 --output film.mp4      what a model made
              pframe view clips/000000_0000003 --output film.mp4
            """)

    @Argument(
        help: ArgumentHelp(
            "The video, its address, or - for standard input; or a folder that extract wrote, DIR/NNN of a sample, or DATASET/KEY."
        ), completion: .file())
    var video: FilePath

    @Option(name: .shortAndLong, help: "The picture (.png, .jpg) or film (.mp4, .mkv) to write.", completion: .file())
    var output: FilePath

    @Option(help: "The frame to draw, from 0 in display order, with --start from there (pictures only).")
    var frame: Int?

    @OptionGroup var motion: MotionOptions

    @Option(help: "Arrangement of the panels: auto, row or column.")
    var panels = MotionFigure.Arrangement.automatic

    @Option(help: "Heading; default: the file's name.")
    var title: String?

    @Option(help: "Residual shown as white, in grey levels; default: fitted.")
    var residualRange: Int?

    @Option(help: "Motion shown brightest, in pixels; default: fitted.")
    var magnitudeRange: Float?

    @OptionGroup var report: ReportOptions

    private struct Result: Encodable {
        let video: String
        let output: String
        let frames: Int
    }

    private var isPicture: Bool { ["png", "jpg", "jpeg"].contains(output.extension?.lowercased()) }

    func validate() throws {
        guard isPicture || ["mp4", "mkv"].contains(output.extension?.lowercased()) else {
            throw ValidationError("\(output): the output must end in .png, .jpg, .mp4 or .mkv")
        }
        try video.checkAddress()
        if let frame, frame < 0 { throw ValidationError("--frame counts from 0") }
        if motion.frames != nil, isPicture { throw ValidationError("--frames is for films; pictures take --frame") }
        if frame != nil, !isPicture { throw ValidationError("--frame is for pictures; films take --frames") }
        if motion.isGiven, isExtraction || StoredClip(video) != nil {
            throw ValidationError(
                "--stream, --start, --end, --motion-source, --radius and --frames are for videos: \(video) is "
                    + (isExtraction ? "an extraction" : "a clip"))
        }
        if motion.motionSource == .bitstream, residualRange != nil || magnitudeRange != nil {
            throw ValidationError(
                "--residual-range and --magnitude-range are for residual and motion: leave them out with "
                    + "--motion-source bitstream")
        }
        if let residualRange, !(1...255).contains(residualRange) {
            throw ValidationError("--residual-range takes 1 to 255")
        }
        if let magnitudeRange, !(0.01...10_000).contains(magnitudeRange) {
            throw ValidationError("--magnitude-range takes 0.01 to 10000")
        }
    }

    func run() throws {
        let options = motion.extraction
        let figure = MotionFigure(
            title: title ?? video.fileName ?? "",
            ranges: MotionFigure.Ranges(residual: residualRange, magnitude: magnitudeRange), arrangement: panels)
        do {
            let count: Int
            if let clip = StoredClip(video) {
                let drawing = try ClipFigure(
                    clip.clip(), from: video, framesPerSecond: clip.framesPerSecond(), figure: figure)
                count = try draw(still: drawing.still, film: drawing.film)
            } else if options.source == .bitstream {
                let drawing = try BitstreamFigure(
                    path: file(), streamIndex: options.streamIndex, title: figure.title, arrangement: panels,
                    frameLimit: options.frameLimit, span: options.span)
                count = try draw(still: drawing.still) { output throws(PFrameError) in
                    try drawing.film(to: output, progress: watch(output))
                }
            } else {
                let drawing =
                    isExtraction
                    ? try VideoFigure(extraction: video, figure: figure)
                    : try VideoFigure(path: file(), options: options, figure: figure)
                count = try draw(still: drawing.still) { output throws(PFrameError) in
                    try drawing.film(to: output, progress: watch(output))
                }
            }
            try show(Result(video: video.shown, output: output.string, frames: count))
        } catch {
            throw DataProblem(message: "error: \(error)")
        }
    }

    /// Whether the argument names a folder that `pframe extract` wrote.
    private var isExtraction: Bool {
        if case .file = FileFacts(video.appending(StreamDescription.fileName)) { true } else { false }
    }

    /// The argument, where it is not a folder: else says which of the things in it can be drawn.
    private func file() throws(PFrameError) -> FilePath {
        guard FileFacts(video) == .folder else { return video }
        if case .file = FileFacts(video.appending(DatasetDescription.fileName)) {
            throw PFrameError(
                .usage, path: video,
                "is a data set: name a clip of it, DATASET/KEY (`pframe filter \(video) --list` prints the keys)")
        }
        var extraction: FilePath?
        VideoFiles.search(video) { item in
            guard extraction == nil, case .other(let path) = item else { return }
            if path.lastComponent?.string == StreamDescription.fileName { extraction = path.removingLastComponent() }
        }
        throw PFrameError(
            .usage, path: video,
            extraction.map { "is a folder of extractions: name one, such as \(video.pushing($0))" }
                ?? "is a folder: name a video, a folder that `pframe extract` wrote, DIR/NNN of a sample or DATASET/KEY"
        )
    }

    /// Shows how far a film has come, and stops where the user asks for it.
    private func watch(_ output: FilePath) -> (Int, Double) throws(PFrameError) -> Void {
        let progress = Progress(weights: [1], unit: "film")
        return { frames, share throws(PFrameError) in
            progress.update(0, count: frames, share: share)
            if Interruption.isRequested {
                throw PFrameError(.interrupted, path: output, "interrupted; \(Self.remedy)")
            }
        }
    }

    /// Writes the picture or the film; returns how many frames it has.
    private func draw(
        still: (Int?) throws(PFrameError) -> RGBImage, film: (FilePath) throws(PFrameError) -> Int
    ) throws(PFrameError) -> Int {
        guard isPicture else { return try film(output) }
        try still(frame).write(to: output)
        return 1
    }

    private func show(_ result: Result) throws {
        guard report.json else {
            Console.output("\(result.output): \(Format.quantity(result.frames, "frame")) drawn")
            return
        }
        try Console.json(result)
    }
}
