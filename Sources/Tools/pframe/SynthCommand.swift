import ArgumentParser
import Codec
import Dataset
import Storage
import SystemPackage
import ToolOptions

/// `pframe synth`.
struct SynthCommand: StoppableCommand {
    static let remedy = "run the same command again"

    static let configuration = CommandConfiguration(
        commandName: "synth",
        abstract: "Make a data set of moving shapes, with captions.",
        discussion: """
            Textured shapes move at constant speed over textured ground; some clips stand still, some have a cut. \
            Speeds differ between videos, and neither first frame nor caption tells the speed; --speed gives all \
            videos one speed. Writes H.264 with B-frames, and captions.csv (video,caption,label,subject). The same \
            seed gives the same frames.

            To test a pipeline, plant repeated videos and wrong captions, and write embeddings as CLIP would give them \
            into embeddings/: text.npy and image.npy, float32 (videos, 64), and videos.txt with one name per row. \
            truth.csv (video,static,cut_frame,duplicate_of,wrong_caption,content) lists what was planted where.

            EXAMPLES:
              pframe synth --output shapes --videos 200
              pframe synth --output shapes --videos 64 --size 256 --seconds 2 --seed 7
              pframe synth --output shapes --videos 600 --fps 8 --seconds 2.2 --speed 4
              pframe synth --output shapes --duplicates 0.1 --embeddings
            """)

    @Option(name: .shortAndLong, help: "Folder for the videos and captions.csv.", completion: .directory)
    var output: FilePath

    @Option(help: "How many videos.")
    var videos = 64

    @Option(help: "Width and height in pixels, even.")
    var size = 128

    @Option(help: "Length of each video in seconds.")
    var seconds = 4.0

    @Option(help: "Frames per second.")
    var fps = 25

    @Option(help: "Speed of every shape in pixels per frame; default: a random speed per video.")
    var speed: Double?

    @Option(help: "The seed of everything random.")
    var seed: UInt64 = 0

    @Option(help: "Share of videos that repeat an earlier video in another encoding, 0...1.")
    var duplicates = 0.0

    @Option(help: "Share of videos with a wrong caption, 0...1.")
    var wrongCaptions = 0.0

    @Flag(help: "Also write embeddings of captions and videos.")
    var embeddings = false

    @Flag(help: "Also write truth.csv (implied by --duplicates, --wrong-captions and --embeddings).")
    var truth = false

    @OptionGroup var running: RunOptions

    @OptionGroup var report: ReportOptions

    private struct Result: Encodable {
        let folder: String
        let captions: String
        let videos: Int
        let framesPerVideo: Int
    }

    private func dataset() throws -> SyntheticDataset {
        var options = SyntheticOptions()
        options.videos = videos
        options.size = size
        options.seconds = seconds
        options.framesPerSecond = fps
        options.speed = speed
        options.seed = seed
        options.duplicateShare = duplicates
        options.wrongCaptionShare = wrongCaptions
        do { return try SyntheticDataset(options: options) } catch { throw ValidationError(error.description) }
    }

    private var plantsTruth: Bool { truth || embeddings || duplicates > 0 || wrongCaptions > 0 }

    func validate() throws { _ = try dataset() }

    func run() throws {
        let dataset = try dataset()
        let writer = SyntheticDatasetWriter(dataset: dataset, folder: output)
        let progress = Progress(weights: Array(repeating: 1, count: videos), unit: "video")
        let isWhole: Bool
        do throws(PFrameError) {
            isWhole = try writer.write(
                jobs: running.jobs(for: videos), embeddings: embeddings, truth: plantsTruth,
                shouldStop: { Interruption.isRequested },
                finished: { index in
                    progress.update(index, count: dataset.options.frameCount, share: 1)
                    progress.finish(index, message: nil)
                })
        } catch {
            throw DataProblem(message: "error: \(error)")
        }
        guard isWhole else { throw DataProblem.interrupted(Self.remedy) }
        let result = Result(
            folder: output.string, captions: output.appending("captions.csv").string, videos: videos,
            framesPerVideo: dataset.options.frameCount)
        if report.json {
            try Console.json(result)
        } else {
            let others = (plantsTruth ? ", truth.csv" : "") + (embeddings ? ", embeddings/" : "")
            Console.output(
                "\(result.folder): \(videos) videos of \(result.framesPerVideo) frames\(others), and captions.csv")
        }
    }
}
