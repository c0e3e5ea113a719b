import ArgumentParser
import ToolOptions
import Train

/// Starts `pframe-sample`.
@main enum Main {
    static func main() { Program.run(PFrameTool.self) }
}

struct PFrameTool: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "pframe-sample", abstract: "", subcommands: [EvaluateCommand.self, ScoreCommand.self])
}
