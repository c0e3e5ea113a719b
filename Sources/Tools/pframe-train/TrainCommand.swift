import ArgumentParser
import EngineOptions
import SystemPackage
import ToolOptions
import Train

/// `pframe train`: a subcommand for each family of models.
struct TrainCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "train",
        abstract: "Train the residual autoencoder or a video diffusion model.",
        usage: """
            pframe train <model> <dataset> --output <output> [<options>]
                   pframe train --output <output> [<options>]
            """,
        discussion: """
            `pframe train --output RUN` resumes a run that was stopped or killed. The run supplies the model, the data \
            set and omitted options; --steps may grow. RUN holds config.json, checkpoint.safetensors, metrics.jsonl, \
            TensorBoard events, samples/ and report.html.

            EXAMPLES:
            \(examples)
              pframe train --output run --steps 8000    3,000 more
              mpirun -n 4 pframe-train train --output run --steps 8000
            """,
        subcommands: ModelRegistry.families.map { command(of: $0) } + [UnnamedCommand.self],
        defaultSubcommand: UnnamedCommand.self)

    /// Command lines of the families.
    static var examples: String {
        ModelRegistry.families.flatMap { family in family.examples.map { "  pframe train \(family.name) \($0)" } }
            .joined(separator: "\n")
    }

    /// The subcommand of a family.
    private static func command<Family: ModelFamily>(of family: Family.Type) -> any ParsableCommand.Type {
        FamilyCommand<Family>.self
    }

    /// All names as `a, b or c`, each as `shown`.
    static func names(_ shown: (String) -> String = { $0 }) -> String {
        let names = ModelRegistry.families.map { shown($0.name) }
        return names.dropLast().joined(separator: ", ") + " or " + (names.last ?? "")
    }
}

/// `pframe train` without a model, in a folder whose run does not say it either: tells what is missing.
struct UnnamedCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "resume", usage: TrainCommand.configuration.usage, shouldDisplay: false)

    @Option(name: .shortAndLong, help: "The folder of the run.", completion: .directory)
    var output: FilePath?

    @Flag(help: "Print what training needs, and stop.")
    var plan = false

    @Argument(parsing: .allUnrecognized, help: .private)
    var words: [String] = []

    func validate() throws {
        if let word = words.first, !word.hasPrefix("-") {
            throw ValidationError(
                "The value '\(word)' is invalid for '<model>'. Please provide one of "
                    + TrainCommand.names { "'\($0)'" } + ".")
        }
        let names = TrainCommand.names()
        if plan { throw ValidationError("--plan needs a model: \(names)") }
        guard let output else { throw ValidationError("give a folder for the run with --output RUN") }
        guard RunFolder.hasCheckpoint(output) else {
            throw ValidationError(
                "which model: \(names)? Only a run with a checkpoint knows it, and \(output) holds none")
        }
    }

    func run() throws {
        guard let output else { return }
        do throws(TrainError) { _ = try RunFolder(output).family(of: ModelRegistry.families) } catch {
            throw DataProblem(message: "error: \(error)")
        }
    }
}
