import ArgumentParser
import ToolOptions

/// Starts `pframe`.
@main enum Main {
    static func main() {
        ModelCommands.startIfNamed()
        Program.run(PFrame.self)
    }
}

/// `pframe`: the root of the command line.
struct PFrame: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "pframe",
        abstract: "Motion vectors and residuals of video, exactly and fast.",
        discussion: """
            EXAMPLES:
              pframe info clip.mp4                              what is in it
              pframe extract clip.mp4 --output out --residual   motion and residual
              pframe reconstruct out/clip --output clip.y4m     the video again
              pframe view clip.mp4 --output figure.png          a picture of it
              pframe synth --output videos --videos 200         videos to try it on
              pframe build videos --captions videos/captions.csv --output clips
              pframe filter clips --motion 1...20 --output kept
              pframe report kept                                what is in it
              pframe check kept                                 whether it is whole
              pframe train vae kept --output vae                a model of it: vae, encode, ed-vdm, sample

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
            CommandGroup(name: "Models", subcommands: ModelCommands.all),
        ])
}
