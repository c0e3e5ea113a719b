import ArgumentParser
import EngineOptions
import Storage
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
            TensorBoard events, samples/ and report.html. `pframe train <model> --help` lists all options.

            EXAMPLES:
            \(examples)
              pframe train --output run --steps 8000    3,000 more
              mpirun -n 4 pframe-train train --output run --steps 8000
            """,
        subcommands: ModelRegistry.families.map { command(of: $0) })

    /// What is to be said where no model can be found: ``TrainWords`` puts it there.
    @Option(help: .private) var missing: String?

    /// The folder of a run that does not say its model.
    @Option(help: .private) var unreadable: FilePath?

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

    func validate() throws {
        if let missing { throw ValidationError(missing) }
    }

    func run() throws {
        guard let unreadable else { throw CleanExit.helpRequest(self) }
        do throws(PFrameError) { _ = try RunFolder(unreadable).family(of: ModelRegistry.families) } catch {
            throw DataProblem(message: "error: \(error)")
        }
    }
}
