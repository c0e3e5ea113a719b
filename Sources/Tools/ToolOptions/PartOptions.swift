import ArgumentParser
package import Dataset

/// Which part of a data set a process makes.
package struct PartOptions: ParsableArguments {
    @Option(
        name: .customLong("part"),
        help: ArgumentHelp(
            "Make part I of N, I from 0; default: as the launcher says, else everything.", valueName: "i/n"))
    var text: String?

    package init() {}

    package mutating func validate() throws {
        if let text, BuildPart(text) == nil { throw ValidationError("--part takes I/N with I from 0, such as 3/64") }
    }

    /// The part.
    package var part: BuildPart { text.flatMap { BuildPart($0) } ?? BuildPart.ofLauncher ?? .whole }
}
