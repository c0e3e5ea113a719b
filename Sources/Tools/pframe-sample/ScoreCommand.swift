import ArgumentParser
import Dataset
import EngineOptions
import Shards
import Storage
import SystemPackage
import ToolOptions
import Train

/// `pframe score` with `--clip`.
struct ScoreCommand: StoppableCommand {
    static let remedy = "nothing was written"

    static let configuration = CommandConfiguration(
        commandName: "score",
        abstract: "Score how well captions fit their clips, with CLIP.",
        usage: "pframe score <dataset> --clip <clip> --clip-vocabulary <merges>",
        discussion: """
            Writes the column caption_clip: the cosine of CLIP's features of a caption and the mean of CLIP's features \
            of --frames frames of the clip. The scores go into NAME.caption_clip.jsonl beside the shards and into \
            index.sqlite; shards do not change.

            EXAMPLES:
              pframe score clips --clip ViT-B-32.pt --clip-vocabulary merges.txt
            """)

    @Argument(help: "The folder of the data set.", completion: .directory)
    var dataset: FilePath

    @OptionGroup var files: CLIPArguments

    @Option(help: "Frames per clip for CLIP, spread from the first to the last.")
    var frames = 4

    @OptionGroup(title: "Engine") var engine: EngineOptions
    @OptionGroup(title: "Reporting") var report: ReportOptions

    private struct Result: Encodable {
        let dataset: String
        let column: String
        let scored: Int
        let undefined: Int
    }

    func validate() throws {
        if files.clip == nil { throw ValidationError("give --clip MODEL and --clip-vocabulary FILE") }
        if frames < 1 { throw ValidationError("--frames takes 1 or more") }
    }

    func run() throws {
        guard let clip = files.clip?.path, let vocabulary = files.clipVocabulary?.path else { return }
        let summary: CLIPCaptionScores.Summary
        do throws(PFrameError) {
            let model = try CLIPModel(clip, merges: vocabulary, device: engine.open())
            let scores = try CLIPCaptionScores(DatasetFolder(dataset), model: model, frames: frames)
            let progress = Progress(weights: Array(repeating: 1, count: scores.count), unit: "clip", counted: "clips")
            let result = try scores.run(shouldStop: { Interruption.isRequested }) { progress.advance(to: Double($0)) }
            guard let result else { throw PFrameError(.interrupted, "interrupted; \(Self.remedy)") }
            summary = result
        } catch {
            throw DataProblem(message: "error: \(error)")
        }
        if summary.undefined > 0 {
            Console.error("warning: \(Format.quantity(summary.undefined, "clip")) without a caption get no score")
        }
        if report.json {
            try Console.json(
                Result(
                    dataset: dataset.string, column: CaptionScores.column, scored: summary.scored,
                    undefined: summary.undefined))
        } else {
            Console.output("\(dataset): \(Format.count(summary.scored)) clips scored, column \(CaptionScores.column)")
        }
    }
}
