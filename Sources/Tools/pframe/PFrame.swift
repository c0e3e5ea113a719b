import ArgumentParser
import Glibc
import ToolOptions

/// Starts `pframe`.
@main enum Main {
    static func main() {
        Console.reserve()
        ModelCommands.startIfNamed()
        CompletionScript.printIfAsked()
        if let mistake = PFrame.unknownCommand() {
            Console.error(mistake)
            exit(2)
        }
        Program.run(PFrame.self)
    }
}

/// `pframe`: the root of the command line.
struct PFrame: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "pframe",
        abstract: "Motion vectors and residuals of video, exactly and fast.",
        discussion: """
            THE PATH
              a video     extract → view, reconstruct        motion, residual, video again
              videos      build → filter → report, check     clips in shards, as a page
              data set    train vae → encode → train ed-vdm  a model of motion, residual
              model       sample → reconstruct, evaluate     new videos, how good they are

            EXAMPLES:
              pframe info clip.mp4                              what it holds
              pframe extract clip.mp4 --output out --residual   motion and residual
              pframe reconstruct out/clip --output clip.y4m     the video again
              pframe view clip.mp4 --output figure.png          a picture of it
              pframe synth --output videos --videos 200         videos to try it on
              pframe build videos --captions videos/captions.csv --output clips
              pframe filter clips --motion 1...20 --output kept
              pframe report kept                                a page about it
              pframe check kept                                 whether it is whole
              pframe train vae kept --output vae                the first of two models
              pframe train vae --help                           the options of a model

            Each step works alone. The same command again resumes a long step that was stopped. For completion of \
            commands and options: pframe --generate-completion-script bash (or zsh, fish).

            Exit codes: 0 done, 1 problems with data (the rest is done), 2 wrong use of the command.
            """,
        version: Program.version,
        groupedSubcommands: [
            CommandGroup(
                name: "Videos",
                subcommands: [
                    InfoCommand.self, ExtractCommand.self, ReconstructCommand.self, ViewCommand.self,
                    MotionCommand.self,
                    SynthCommand.self,
                ]),
            CommandGroup(
                name: "Data sets",
                subcommands: [
                    BuildCommand.self, IndexCommand.self, CheckCommand.self, ScoreCommand.self, FilterCommand.self,
                    ReportCommand.self, BenchLoaderCommand.self,
                ]),
            CommandGroup(
                name: "Models", subcommands: ModelCommands.all + [CompareCommand.self, VotesCommand.self]),
        ])

    /// What to say where the first word, after `help` if there, is not a command; nil if it is one.
    fileprivate static func unknownCommand() -> String? {
        let words = CommandLine.arguments.dropFirst()
        guard let word = words.first == "help" ? words.dropFirst().first : words.first, !word.hasPrefix("-") else {
            return nil
        }
        let names = configuration.subcommands.compactMap { $0.configuration.commandName }
        guard !names.contains(word), word != "help" else { return nil }
        let nearest = names.map { ($0, distance(word, $0)) }.min { $0.1 < $1.1 }
        let guess = nearest.map { $0.1 <= 2 ? "did you mean `pframe \($0.0)`? " : "" } ?? ""
        return "error: no command \"\(word)\": \(guess)`pframe --help` lists all"
    }

    /// Levenshtein's distance, an exchange of neighbours counting as one (Damerau 1964).
    private static func distance(_ first: String, _ second: String) -> Int {
        let (a, b) = (Array(first), Array(second))
        var rows = [Array(0...b.count)]
        for i in 1...max(1, a.count) where !a.isEmpty {
            var row = [i]
            for j in 1...max(1, b.count) where !b.isEmpty {
                var least = min(rows[i - 1][j] + 1, row[j - 1] + 1, rows[i - 1][j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1))
                if i > 1, j > 1, a[i - 1] == b[j - 2], a[i - 2] == b[j - 1] {
                    least = min(least, rows[i - 2][j - 2] + 1)
                }
                row.append(least)
            }
            rows.append(row)
        }
        return rows[a.count][b.count]
    }
}
