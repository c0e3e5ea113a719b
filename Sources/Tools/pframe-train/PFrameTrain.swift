import ArgumentParser
import ToolOptions

/// Starts `pframe-train`.
@main enum Main {
    static func main() {
        ThreadWaiting.restartShortened()
        Program.run(PFrameTrain.self)
    }
}

/// The commands that train; `pframe train …` and `pframe encode …` start them.
struct PFrameTrain: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "pframe",
        abstract: "Train models of motion and residual.",
        discussion: """
            EXAMPLES:
              pframe train vae clips --output vae                the residual autoencoder
              pframe encode clips --vae vae --output latents     residuals to latents
              pframe train ed-vdm latents --output run           the diffusion model
              mpirun -n 4 pframe-train train ed-vdm latents --output run
            """,
        subcommands: [TrainCommand.self, EncodeCommand.self, CheckRunCommand.self])
}
