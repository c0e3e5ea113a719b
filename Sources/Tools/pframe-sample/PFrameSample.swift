import ArgumentParser
import ToolOptions

/// Starts `pframe-sample`.
@main enum Main {
    static func main() { Program.run(PFrameSample.self) }
}

/// The commands that use what was trained; `pframe sample …` starts them.
struct PFrameSample: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "pframe",
        abstract: "Make videos with trained models.",
        discussion: """
            EXAMPLES:
              pframe sample run --image first.png --prompt "a red circle moves left" --output out
            """,
        subcommands: [SampleCommand.self])
}
