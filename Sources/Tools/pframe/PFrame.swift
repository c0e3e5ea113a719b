import ArgumentParser
import Glibc

/// `pframe`: the root of the command line.
struct PFrame: ParsableCommand {
    static let version = "0.1.0"
    static let configuration = CommandConfiguration(
        commandName: "pframe",
        abstract: "Motion vectors and residuals of video, exactly and fast.",
        discussion: """
            EXAMPLES:
              pframe info clip.mp4                              what is in it
              pframe extract clip.mp4 --output out              motion vectors
              pframe extract clip.mp4 --output out --residual   and the residual
              pframe reconstruct out/clip --output clip.y4m     the video again
              pframe view clip.mp4 --output figure.png          a picture of it
              pframe synth --output shapes --videos 20          clips to try it on

            Exit codes: 0 done, 1 problems with data (the rest is done), 2 wrong use of the command.
            """,
        version: version,
        subcommands: [
            ExtractCommand.self, ReconstructCommand.self, InfoCommand.self, ViewCommand.self, SynthCommand.self,
        ])
}

/// Starts `pframe` and turns whatever ends it into a message and an exit code.
@main
enum Main {
    static func main() {
        Interruption.install()
        do {
            var command = try PFrame.parseAsRoot(RawArguments.escaped())
            try command.run()
        } catch let failure as DataProblem {
            if !failure.message.isEmpty { Console.error(failure.message) }
            exit(1)
        } catch {
            let message = PFrame.fullMessage(for: error)
            if PFrame.exitCode(for: error) == .success {
                print(message)
                exit(0)
            }
            Console.error(message)
            exit(2)
        }
    }
}

/// Ends a command with exit code 1: the data has problems, which were printed or are in `message`.
struct DataProblem: Error {
    var message = ""
}
