import ArgumentParser
import ToolOptions
import Train

/// Starts `pframe-train`.
@main enum Main {
    static func main() { Program.run(PFrameTool.self) }
}

struct PFrameTool: ParsableCommand {
    static let configuration = CommandConfiguration(commandName: "pframe-train", abstract: "")
}
