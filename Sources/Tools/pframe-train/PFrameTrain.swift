import ArgumentParser
import ToolOptions
import Train

/// Starts `pframe-train`.
@main enum Main {
    static func main() {
        ThreadWaiting.restartShortened()
        Program.run(PFrameTrain.self, complete: TrainWords.completed)
    }
}

/// The commands that train; `pframe train …` and `pframe encode …` start them.
struct PFrameTrain: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "pframe",
        abstract: "Train models of motion and residual.",
        discussion: """
            EXAMPLES:
            \(TrainCommand.examples)
              pframe encode clips \(LatentCoderArguments.example) --output latents
            """,
        subcommands: [TrainCommand.self, EncodeCommand.self, CheckRunCommand.self])
}
