public import ArgumentParser
import Codec
public import Dataset
import MotionVectors
import Shards
import Storage
import SystemPackage
import ToolOptions

extension InputLayout: ExpressibleByArgument {}

/// `pframe build`.
struct BuildCommand: StoppableCommand {
    static let remedy = "run the same command again to resume"

    static let configuration = CommandConfiguration(
        commandName: "build",
        abstract: "Build a data set of clips from videos and captions.",
        discussion: """
            Cuts every video into shots and clips, resizes the clips, computes motion, residual and scores, and writes \
            WebDataset shards with an index. The same input and options give the same bytes at any --jobs and after \
            any number of kills. The same command again resumes an interrupted build.

            EXAMPLES:
              pframe build videos/ --captions captions.csv --output shards
              pframe build videos/ --no-captions --output shards --size 256 --fps 12
              pframe build list.jsonl --output shards --represent frames,difference
              pframe build clips.csv --output shards             columns video,start,end,caption
              pframe build UTD-MHAD/ --layout mhad --output shards
              pframe build videos/ --no-captions --output shards --part 3/64
              pframe index shards                             after the last part

            INPUT is a video, a folder, or a CSV, TSV or JSONL list. Captions come from a CSV, TSV or JSONL file with \
            video,caption and more columns, or from a .txt file beside each video. With the columns start and end, a \
            row names a span of its video. rejects.jsonl lists every video \
            without a clip with the reason. Such a video makes the exit code 1; the data set is complete all the same. \
            Under srun, mpirun or torchrun each process builds its part.
            """)

    @Argument(
        help: ArgumentHelp("Videos, folders of videos, or a CSV, TSV or JSONL list of videos.", valueName: "input"),
        completion: .file())
    var inputs: [FilePath]

    @Option(name: .shortAndLong, help: "Folder for the data set.", completion: .directory)
    var output: FilePath

    @Option(help: "CSV, TSV or JSONL file with the columns video, caption, and others to keep.", completion: .file())
    var captions: FilePath?

    @Flag(help: "Build without captions.")
    var noCaptions = false

    @Flag(help: "Make rejects of rows with a mistake in lists and captions, instead of stopping.")
    var skipBadRows = false

    @Option(help: "Read label, subject and other columns from the file names of a known data set.")
    var layout: InputLayout?

    @OptionGroup var clip: ClipArguments

    @Option(help: "Arrays of a record, separated by commas: frames, difference, motion-residual.")
    var represent = "frames,motion-residual"

    @Option(help: "h264 (ED-VDM's re-encoding) or search (block search).")
    var motionSource = MotionSource.h264

    @Option(help: "Largest motion, in pixels.")
    var radius = 15

    @Option(help: "Input videos per shard.")
    var videosPerShard = 32

    @OptionGroup var parts: PartOptions

    @OptionGroup var running: RunOptions

    @OptionGroup var report: ReportOptions

    func validate() throws {
        do throws(PFrameError) { try options().validate() } catch { throw ValidationError(error.message) }
        if noCaptions, captions != nil { throw ValidationError("--captions and --no-captions exclude each other") }
    }

    private func options() throws(PFrameError) -> BuildOptions {
        var options = BuildOptions()
        options.clips = clip.options
        options.samples.representations = []
        for name in represent.split(separator: ",").map({ $0.filter { $0 != " " } }) {
            guard let representation = Representation(rawValue: name) else {
                let known = Representation.allCases.map(\.rawValue).joined(separator: ", ")
                throw PFrameError(.usage, "--represent knows no \"\(name)\": \(known)")
            }
            options.samples.representations.insert(representation)
        }
        options.samples.motionSource = motionSource
        options.samples.radius = radius
        options.videosPerShard = videosPerShard
        options.tool = Program.name
        options.part = parts.part
        return options
    }

    func run() throws {
        var inputs = InputOptions()
        inputs.inputs = self.inputs
        inputs.captions = captions
        inputs.requiresCaptions = !noCaptions
        inputs.layout = layout
        inputs.skipsBadRows = skipBadRows
        do {
            let list = try InputList(inputs)
            var options = try options()
            if options.part.index == 0 { for reject in list.rejects { Console.error(Self.line(reject)) } }
            options.jobs = running.jobs(for: list.videos.count)
            if options.part.count > 1 {
                Console.error("part \(options.part.index) of \(options.part.count), by \(options.part.origin)")
            }
            let progress = Progress(weights: list.videos.map(\.bytes), unit: "video", counted: "clips")
            var observer = DatasetBuild.Observer()
            observer.progress = { progress.update($0, count: $1, share: $2) }
            observer.finished = { video, reject in
                progress.finish(
                    video, message: reject.map(Self.line), isRejected: reject.map { $0.clips == 0 } ?? false)
            }
            observer.isCancelled = { Interruption.isRequested }
            let build = try DatasetBuild(list: list, options: options, folder: output, observer: observer)
            try conclude(build.run(), list, options.part, seconds: progress.elapsed)
        } catch let error as PFrameError {
            throw DataProblem(message: "error: \(error)")
        }
    }

    private static func line(_ reject: Reject) -> String {
        let kept = reject.clips > 0 ? " (\(Format.quantity(reject.clips, "clip")) taken)" : ""
        return "\(reject.clips > 0 ? "warning" : "error"): \(reject.video): \(reject.reason)\(kept)"
    }

    /// What the run came to, as JSON.
    private struct Result: Encodable {
        let dataset: String
        let part: String?
        let shards: Int
        let shardsFinishedBefore: Int
        let clips: Int?
        let videos: Int
        let rejected: Int
        let passedOver: Int
        let picturesPassedOver: Int
        let unusedCaptions: Int
        let bytes: Int?
        let seconds: Double
        let totals: [String: Int]
    }

    /// Prints the summary, and ends with exit code 1 where a video gave no clip.
    private func conclude(
        _ summary: DatasetBuild.Summary, _ list: InputList, _ part: BuildPart, seconds: Double
    ) throws {
        let whole = summary.description
        let totals = summary.totals
        let rejected = totals["rejected_videos", default: 0] + totals["listed_rejects", default: 0]
        if report.json {
            try Console.json(
                Result(
                    dataset: output.string, part: part.count > 1 ? "\(part.index)/\(part.count)" : nil,
                    shards: summary.shards, shardsFinishedBefore: summary.finishedBefore, clips: whole?.samples,
                    videos: list.videos.count, rejected: rejected, passedOver: list.passedOver,
                    picturesPassedOver: list.pictures.pictures,
                    unusedCaptions: list.unused, bytes: whole?.bytes, seconds: seconds, totals: totals))
        } else if let whole {
            let isCut = list.videos.contains { $0.span != nil }
            let videos = isCut ? Set(list.videos.map(\.name)).count : list.videos.count
            let parts = isCut ? "\(Format.quantity(list.videos.count, "span")) of " : ""
            var lines = [
                "\(output): \(Format.quantity(whole.samples, "clip")) of \(parts)\(Format.quantity(videos, "video")) in "
                    + "\(Format.quantity(whole.shards.count, "shard")), \(Format.bytes(whole.bytes)), "
                    + "\(Format.fixed(seconds, 1)) s"
            ]
            lines.append(
                "\(Format.quantity(totals["shots", default: 0], "shot")): "
                    + "\(Format.count(totals["short_shots", default: 0])) too short for a clip, "
                    + "\(Format.count(totals["tails", default: 0])) with a tail")
            if rejected > 0 { lines.append("\(Format.quantity(rejected, "video")) without a clip: see rejects.jsonl") }
            if list.unused > 0 { lines.append("\(Format.quantity(list.unused, "caption")) without a video") }
            if list.passedOver > 0 { lines.append("\(Format.quantity(list.passedOver, "other file")) skipped") }
            if let remark = list.pictures.remark { lines.append("the skipped files include \(remark)") }
            if summary.finishedBefore > 0 {
                lines.append("\(Format.quantity(summary.finishedBefore, "shard")) finished before")
            }
            Console.output(lines.joined(separator: "\n"))
        } else {
            Console.output(
                "\(output): part \(part.index) of \(part.count) is complete, \(Format.quantity(summary.shards, "shard")); "
                    + "when all parts are: pframe index \(output)")
        }
        // A launcher takes the exit code of a part for that of the whole job: a complete part is a success.
        if rejected > 0, part.count == 1 { throw DataProblem() }
    }
}

/// How videos are cut into clips.
struct ClipArguments: ParsableArguments {
    @Option(help: "Frames per clip.")
    var frames = 16

    @Option(help: "Frames per second; each instant takes the nearest frame.")
    var fps = 8.0

    @Option(help: "Take every Nth frame instead, whatever its time.")
    var stride: Int?

    @Option(help: "Frames from the start of one clip to the start of the next; default: --frames.")
    var hop: Int?

    @Option(help: "Take at most this many clips per video or span, the first ones.")
    var clipsPerVideo: Int?

    @Flag(help: "Let clips run across cuts.")
    var noCuts = false

    @Option(help: "Size of the clips in pixels: 128, or WxH such as 320x256.")
    var size = Size(width: 128, height: 128)

    @Option(help: "crop (fill the frame), pad (black bars) or stretch.")
    var fit = ClipOptions.Fit.crop

    var options: ClipOptions {
        var options = ClipOptions()
        (options.frames, options.framesPerSecond, options.stride, options.hop) = (frames, fps, stride, hop)
        (options.clipsPerVideo, options.fit) = (clipsPerVideo, fit)
        if noCuts { options.cutThreshold = nil }
        (options.width, options.height) = (size.width, size.height)
        return options
    }
}
