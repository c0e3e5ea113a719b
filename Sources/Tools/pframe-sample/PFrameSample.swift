import ArgumentParser
import ToolOptions
import Train

/// Starts `pframe-sample`.
@main enum Main {
    static func main() {
        ThreadWaiting.restartShortened()
        Program.run(PFrameSample.self)
    }
}

/// The commands that use what was trained; `pframe sample …` and so on start them.
struct PFrameSample: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "pframe",
        abstract: "Make videos with trained models, and measure them.",
        discussion: """
            EXAMPLES:
              pframe sample run --image clip.mp4 --fit crop --prompt "a cross" --output out
              pframe evaluate run clips
              pframe evaluate --reconstruction \(LatentCoderArguments.example) clips
            """,
        subcommands: [SampleCommand.self, EvaluateCommand.self, ScoreCommand.self])
}
