import ArgumentParser
import Dataset
import Shards
import Storage
import Synchronization
import SystemPackage
import ToolOptions

/// `pframe score`.
struct ScoreCommand: StoppableCommand {
    static let remedy = "nothing was written"

    static let configuration = CommandConfiguration(
        commandName: "score",
        abstract: "Score how well captions fit their clips, from embeddings that you bring.",
        usage: "pframe score <dataset> --text <text> --image <image> --keys <keys>",
        discussion: """
            Writes the column caption_clip: the cosine of the embeddings of a caption and its frames, matched by key. \
            Arrays are .npy of float16, float32 or float64, read in blocks: captions (N, D), frames (N, D) or (N, F, \
            D). With F frames per clip, the mean of the normalised embeddings counts. keys.txt has the key of each \
            row, in any order. The scores go into NAME.caption_clip.jsonl beside the shards and into index.sqlite; \
            shards do not change. Clips that are not in the list get no score and a warning; keys that the data set \
            lacks are an error.

            EXAMPLES:
              pframe score clips --text t.npy --image i.npy --keys keys.txt
              pframe filter clips --list | head -3       what keys look like
            """)

    @Argument(help: "The folder of the data set.", completion: .directory)
    var dataset: FilePath

    @Option(help: "Embeddings of the captions, .npy (N, D).", completion: .file())
    var text: FilePath?

    @Option(help: "Embeddings of the frames, .npy (N, D) or (N, F, D).", completion: .file())
    var image: FilePath?

    @Option(help: "The key of each row, one per line.", completion: .file())
    var keys: FilePath?

    @Option(
        help: "Embed with this ViT-B-32.pt or model.safetensors of CLIP instead: `pframe score --clip FILE --help`.",
        completion: .file())
    // Only listed here: with it pframe-sample runs.
    var clip: FilePath?

    @OptionGroup var running: RunOptions

    @OptionGroup var report: ReportOptions

    private struct Result: Encodable {
        let dataset: String
        let column: String
        let scored: Int
        let undefined: Int
        let missing: Int
    }

    func validate() throws {
        try dataset.checkIsNoAddress()
        if text == nil || image == nil || keys == nil { throw ValidationError("give --text, --image and --keys") }
    }

    func run() throws {
        guard let text, let image, let keys else { return }
        let result: CaptionScores.Report
        do throws(PFrameError) {
            let scores = try CaptionScores(folder: DatasetFolder(dataset), text: text, images: image, keys: keys)
            let progress = Progress(weights: [1], unit: "data set", counted: "rows")
            let done = Mutex(0)
            result = try scores.run(jobs: running.count) { rows throws(PFrameError) in
                done.withLock { done in
                    done += rows
                    progress.update(0, count: done, share: Double(done) / Double(max(1, scores.count)))
                }
                if Interruption.isRequested { throw PFrameError(.interrupted, "interrupted; \(Self.remedy)") }
            }
        } catch {
            throw DataProblem(message: "error: \(error)")
        }
        if result.missing > 0 {
            let names = result.firstMissing.joined(separator: ", ") + (result.missing > 5 ? ", …" : "")
            Console.error("warning: \(Format.count(result.missing)) clips have no embedding and get no score: \(names)")
        }
        if result.undefined > 0 {
            Console.error(
                "warning: \(Format.count(result.undefined)) clips have embeddings of zeros or NaN and get no score")
        }
        if report.json {
            try Console.json(
                Result(
                    dataset: dataset.string, column: CaptionScores.column, scored: result.scored,
                    undefined: result.undefined, missing: result.missing))
        } else {
            Console.output("\(dataset): \(Format.count(result.scored)) clips scored, column \(CaptionScores.column)")
        }
    }
}
