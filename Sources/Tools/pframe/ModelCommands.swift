import ArgumentParser
import Dataset
import Glibc
import Storage
import SystemPackage
import ToolOptions

/// The commands on models. They are of programs of their own, which link libtorch; these here only list them.
enum ModelCommands {
    static let all: [any ParsableCommand.Type] = [
        TrainEntry.self, EncodeEntry.self, SampleEntry.self, EvaluateEntry.self,
    ]

    private struct TrainEntry: ParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "train", abstract: "Train the residual autoencoder or a video diffusion model.")
    }

    private struct EncodeEntry: ParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "encode", abstract: "Turn the residuals of a data set into latents.")
    }

    private struct SampleEntry: ParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "sample", abstract: "Make videos of first frames and captions with a trained model.")
    }

    private struct EvaluateEntry: ParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "evaluate", abstract: "Measure how good the videos of a model are.")
    }

    /// Becomes the program of the command in the arguments, also for `pframe help COMMAND`; returns if the arguments
    /// name no such command.
    ///
    /// The program lies beside this one, as those of git do, and gets the arguments byte for byte; its exit code is
    /// that of `pframe`.
    static func startIfNamed() {
        let arguments = (0..<Int(CommandLine.argc)).compactMap { CommandLine.unsafeArgv[$0] }
        let words = arguments.dropFirst().prefix(2).map { String(cString: $0) }
        let asksForHelp = words.first == "help"
        guard let command = asksForHelp ? words.last : words.first, let program = program(of: command, arguments) else {
            return
        }
        ThreadWaiting.shorten()
        let path = folder.appending(program)
        path.withPlatformString { name in
            "--help".withCString { help in
                var list = [UnsafeMutablePointer(mutating: name)] + arguments.dropFirst(asksForHelp ? 2 : 1)
                if asksForHelp { list.append(UnsafeMutablePointer(mutating: help)) }
                _ = execv(name, list + [nil])
            }
        }
        let code = errno
        Console.error(
            code == ENOENT
                ? "error: \(program) is not installed beside pframe (\(path)): build it with `swift build -c release`; "
                    + "LIBTORCH=none leaves it out"
                : "error: cannot start \(path): \(Errno(rawValue: code))")
        exit(2)
    }

    /// The programs, and the commands that are only theirs.
    static let programs = [("pframe-train", ["train", "encode"]), ("pframe-sample", ["sample", "evaluate"])]

    private static func program(of command: String, _ arguments: [UnsafeMutablePointer<CChar>]) -> String? {
        // Scores from a file of embeddings need no network, those by CLIP do.
        if command == "score" {
            let words = arguments.map { String(cString: $0) }
            return words.contains { $0 == "--clip" || $0.hasPrefix("--clip=") } ? "pframe-sample" : nil
        }
        if command == "check" { return arguments.dropFirst(2).contains(where: isRun) ? "pframe-train" : nil }
        return programs.first { $0.1.contains(command) }?.0
    }

    /// Whether an argument is the folder of a run: it has a configuration, and is not a data set.
    private static func isRun(_ argument: UnsafeMutablePointer<CChar>) -> Bool {
        let folder = FilePath(platformString: argument)
        return fileSize(folder.appending("config.json")) != nil && fileSize(folder.appending("dataset.json")) == nil
    }

    /// The folder of this program, links followed.
    static var folder: FilePath {
        guard let path = realpath("/proc/self/exe", nil) else { return "." }
        defer { free(path) }
        return FilePath(platformString: path).removingLastComponent()
    }
}
