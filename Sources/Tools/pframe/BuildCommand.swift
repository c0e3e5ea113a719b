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
              pframe build videos/ --no-captions --output shards --fps source/3
              pframe build videos/ --no-captions --output shards --buckets 320x192,192x320
              pframe build list.jsonl --output shards --represent frames,difference
              pframe build clips.csv --output shards          video,start,end,caption
              pframe build UTD-MHAD/ --layout mhad --output shards
              pframe build videos/ --no-captions --output shards --part 3/64
              pframe index shards                             after the last part

            INPUT is a video, a folder, or a CSV, TSV or JSONL list. Captions come from a CSV, TSV or JSONL file with \
            video,caption and more columns, or from a .txt file beside each video. Videos, lists and captions may be \
            http, https and s3 addresses. With the columns start and end, a row names a span of its video. \
            rejects.jsonl lists every video \
            without a clip with the reason. Such a video makes the exit code 1; the data set is complete all the same. \
            Under srun, mpirun or torchrun each process builds its part.
            """)

    @Argument(
        help: ArgumentHelp(
            "Videos, folders of videos, or a CSV, TSV or JSONL list of videos; paths or addresses.", valueName: "input"),
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

    @Option(help: "Arrays of a record, separated by commas: frames, difference, motion-residual, bits.")
    var represent = "frames,motion-residual"

    @Flag(help: "Add the scores bits_motion, bits_residual, qp_mean and qp_spread of H.264 videos.")
    var bits = false

    @Option(
        help: ArgumentHelp(
            """
            h264 (ED-VDM's re-encoding), search (block search) or stream (the video's own vectors, traced); default: h264.
            """, valueName: "source"), transform: sourceOfClips)
    var motionSource = MotionSource.h264

    @Option(help: "Largest motion, in pixels.")
    var radius = 15

    @Option(help: "Input videos per shard.")
    var videosPerShard = 32

    @Flag(help: "Reject videos that servers do not give, instead of leaving their shards to the next run.")
    var rejectUnreachable = false

    @OptionGroup var parts: PartOptions

    @OptionGroup var running: RunOptions

    @OptionGroup var report: ReportOptions

    func validate() throws {
        try (inputs + [captions].compactMap { $0 }).forEach { try $0.checkAddress() }
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
        options.samples.scoresCoding = bits
        options.videosPerShard = videosPerShard
        options.rejectsUnreachable = rejectUnreachable
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
            let list = try Self.list(inputs)
            var options = try options()
            if options.part.index == 0 { for reject in list.rejects { Console.error(Self.line(reject)) } }
            options.jobs = running.jobs(for: list.videos.count)
            if options.part.count > 1 {
                Console.error(
                    "part \(options.part.index) of \(options.part.count), by \(options.part.origin ?? "--part")")
            }
            // The size of a video on a server is unknown before it is read: the video counts as the mean of the others.
            let sizes = list.videos.map(\.bytes).filter { $0 > 0 }
            let typical = sizes.isEmpty ? 1 : sizes.reduce(0, +) / sizes.count
            let weights = list.videos.map { $0.bytes > 0 ? $0.bytes : typical }
            let progress = Progress(weights: weights, unit: "video", counted: "clips")
            let remarks = SamplingRemarks(options.clips)
            var observer = DatasetBuild.Observer()
            observer.progress = { progress.update($0, count: $1, share: $2) }
            observer.finished = { [clips = options.clips] video, outcome in
                let lines = [
                    outcome.reject.map { reject in
                        let isShort = reject.kind == .noClip
                        let shots = outcome.totals["shots", default: 0]
                        return Self.line(reject) + (isShort ? ClipArguments.remedy(for: clips, shots: shots) : "")
                    },
                    remarks.remark(on: list.videos[video].name, outcome),
                ].compactMap { $0 }
                progress.finish(
                    video, message: lines.isEmpty ? nil : lines.joined(separator: "\n"),
                    isRejected: outcome.reject.map { $0.clips == 0 } ?? false)
            }
            observer.isCancelled = { Interruption.isRequested }
            let build = try DatasetBuild(list: list, options: options, folder: output, observer: observer)
            try conclude(build.run(), list, options, remarks, seconds: progress.elapsed)
        } catch let error as PFrameError {
            let remedy = error.code == .unreachable ? ", or with --reject-unreachable to leave out such videos" : ""
            throw DataProblem(message: "error: \(error)\(remedy)")
        }
    }

    /// Reads the videos and their captions; where captions are missing, the error also names the options for them.
    private static func list(_ inputs: InputOptions) throws(PFrameError) -> InputList {
        do throws(PFrameError) { return try InputList(inputs) } catch {
            throw error.code == .usage ? error.saying(error.message + " (--captions, --no-captions)") : error
        }
    }

    /// The line of a video that gave no clip, or fewer than it could.
    private static func line(_ reject: Reject) -> String {
        let kept = reject.clips > 0 ? " (\(Format.quantity(reject.clips, "clip")) taken)" : ""
        let remedy =
            switch reject.kind {
            case .noCaption: " (--captions, --no-captions)"
            case .tooSmall: " (--enlarge, --buckets)"
            default: ""
            }
        return "\(reject.clips > 0 ? "warning" : "error"): \(reject.video): \(reject.reason)\(kept)\(remedy)"
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
        let unevenVideos: Int
        let passedOver: Int
        let picturesPassedOver: Int
        let unusedCaptions: Int
        let bytes: Int?
        let seconds: Double
        let totals: [String: Int]
        let buckets: [BucketResult]?
    }

    /// What lies in a bucket, as JSON.
    private struct BucketResult: Encodable {
        let bucket: String
        let clips: Int
        let enlarged: Int
        let reduced: Int
        let meanScale: Double
        let meanCrop: Double
    }

    /// What lies in each bucket, as lines.
    private static func table(_ buckets: [BucketTable.Row]) -> String {
        Format.table(
            [["bucket", "clips", "enlarged", "reduced", "mean scale", "cropped"]]
                + buckets.map { row in
                    [row.bucket.description]
                        + [row.clips, row.enlarged, row.reduced].map(Format.count)
                        + [Format.fixed(row.meanScale, 2), Format.fixed(100 * row.meanCrop, 1) + " %"]
                })
    }

    /// Prints the summary, and ends with exit code 1 where a video gave no clip.
    private func conclude(
        _ summary: DatasetBuild.Summary, _ list: InputList, _ options: BuildOptions, _ remarks: SamplingRemarks,
        seconds: Double
    ) throws {
        let part = options.part
        let whole = summary.description
        let totals = summary.totals
        let rejected = totals["rejected_videos", default: 0] + totals["listed_rejects", default: 0]
        var buckets: [BucketTable.Row] = []
        if let whole, !whole.buckets.isEmpty {
            buckets = try BucketTable(DatasetIndex(DatasetFolder(output)), whole).rows
        }
        if report.json {
            try Console.json(
                Result(
                    dataset: output.string, part: part.count > 1 ? "\(part.index)/\(part.count)" : nil,
                    shards: summary.shards, shardsFinishedBefore: summary.finishedBefore, clips: whole?.samples,
                    videos: list.videos.count, rejected: rejected, unevenVideos: remarks.videos,
                    passedOver: list.passedOver,
                    picturesPassedOver: list.pictures.pictures,
                    unusedCaptions: list.unused, bytes: whole?.bytes, seconds: seconds, totals: totals,
                    buckets: buckets.isEmpty
                        ? nil
                        : buckets.map {
                            BucketResult(
                                bucket: $0.bucket.description, clips: $0.clips, enlarged: $0.enlarged,
                                reduced: $0.reduced, meanScale: $0.meanScale, meanCrop: $0.meanCrop)
                        }))
        } else if let whole {
            let isCut = list.videos.contains { $0.span != nil }
            let videos = isCut ? Set(list.videos.map(\.name)).count : list.videos.count
            let unit = isCut ? "span" : "video"
            let parts = isCut ? "\(Format.quantity(list.videos.count, unit)) of " : ""
            var lines = [
                "\(output): \(Format.quantity(whole.samples, "clip")) of \(parts)\(Format.quantity(videos, "video")) in "
                    + "\(Format.quantity(whole.shards.count, "shard")), \(Format.bytes(whole.bytes)), "
                    + "\(Format.fixed(seconds, 1)) s"
            ]
            lines.append(
                "\(Format.quantity(totals["shots", default: 0], "shot")): "
                    + "\(Format.count(totals["short_shots", default: 0])) too short for a clip, "
                    + "\(Format.count(totals["tails", default: 0])) with a tail")
            if let cuts = options.clips.cuts, totals["short_shots", default: 0] > 0,
                totals["shots", default: 0] > totals["videos", default: 0]
            {
                lines[lines.count - 1] += "; \(CutArguments.remedy(for: cuts))"
            }
            if let small = totals["small_shots"], small > 0 {
                lines.append("\(Format.quantity(small, "shot")) smaller than the buckets of their aspect (--enlarge)")
            }
            if remarks.videos > 0 {
                lines.append("\(Format.quantity(remarks.videos, unit)) with frames that lie unevenly in time")
            }
            if let blocks = totals["blocks"], let searched = totals["searched_blocks"], searched > 0 {
                let share = 100 * Double(searched) / Double(blocks)
                lines.append("block search filled the \(Format.fixed(share, 1)) % of blocks without a vector")
            }
            if rejected > 0 { lines.append("\(Format.quantity(rejected, unit)) without a clip: see rejects.jsonl") }
            if list.unused > 0 { lines.append("\(Format.quantity(list.unused, "caption")) without a video") }
            if list.passedOver > 0 { lines.append("\(Format.quantity(list.passedOver, "other file")) skipped") }
            if let remark = list.pictures.remark { lines.append("the skipped files include \(remark)") }
            if summary.finishedBefore > 0 {
                lines.append("\(Format.quantity(summary.finishedBefore, "shard")) finished before")
            }
            if !buckets.isEmpty { lines.append(Self.table(buckets)) }
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

private func sourceOfClips(_ text: String) throws -> MotionSource {
    guard let source = MotionSource(rawValue: text), source != .bitstream else {
        throw ValidationError("takes h264, search or stream")
    }
    return source
}
