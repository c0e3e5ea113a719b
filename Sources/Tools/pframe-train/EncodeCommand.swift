public import ArgumentParser
import Dataset
import EngineOptions
import Storage
import SystemPackage
import ToolOptions
public import Train

extension CodingLoop: ExpressibleByArgument {}
extension CodingMotion: ExpressibleByArgument {}

/// `pframe encode`.
struct EncodeCommand: StoppableCommand {
    static let remedy = "run the same command again to resume"

    static let configuration = CommandConfiguration(
        commandName: "encode",
        abstract: "Turn the residuals of a data set into latents.",
        usage: "pframe encode <dataset> \(LatentCoderArguments.usage) --output <output> [<options>]",
        discussion: """
            Writes a data set with latent.npy, float16 (T−1, H/16, W/16, 16), and mv.npy instead of residual.npy. In \
            the closed loop, motion is searched in the rebuilt frames, or kept (--motion keep). The scores psnr_coding and ssim_coding compare \
            each rebuilt clip with the original; no model trained on the latents can exceed them.

            EXAMPLES:
              pframe encode clips \(LatentCoderArguments.example) --output latents
              pframe encode clips \(LatentCoderArguments.example) --output latents --part 3/16
              mpirun -n 4 pframe-train encode clips \(LatentCoderArguments.example) --output latents

            The same command again resumes a stopped run. Under srun, mpirun or torchrun each process encodes its part.
            """)

    @Argument(help: "The folder of the data set.", completion: .directory)
    var dataset: FilePath

    @OptionGroup var coder: LatentCoderArguments

    @Option(name: .shortAndLong, help: "The folder of the latents.", completion: .directory)
    var output: FilePath

    @Option(help: "closed: predict from rebuilt frames; open: take the data set's motion and residuals.")
    var loop = CodingLoop.closed

    @Option(
        help: """
            keep: the data set's own motion; search: motion searched in the frames predicted from. Default: search in \
            the closed loop, keep in the open loop.
            """)
    var motion: CodingMotion?

    @OptionGroup var parts: PartOptions

    @OptionGroup(title: "Engine") var engine: EngineOptions
    @OptionGroup(title: "Reporting") var report: ReportOptions

    private struct Result: Encodable {
        let dataset: String
        let loop: String
        let motion: String
        let clips: Int
        let total: Int?
        let psnr: Double
        let ssim: Double
        let seconds: Double
    }

    func run() throws {
        do throws(PFrameError) {
            let device = try engine.open()
            let set = try LatentDataset(
                source: dataset, output: output, coder: coder.run.absolutePath, loop: loop, motion: motion,
                tool: Program.name, part: parts.part, precision: engine.precision, device: device)
            let pending = set.pending
            let progress = Progress(weights: Array(repeating: 1, count: pending), unit: "clip", counted: "clips")
            let summary = try set.run(shouldStop: { Interruption.isRequested }) { done in
                progress.advance(to: Double(done))
            }
            guard let summary else { throw PFrameError(.interrupted, "interrupted; \(Self.remedy)") }
            try show(summary, set, seconds: progress.elapsed)
        } catch {
            throw DataProblem(message: "error: \(error)")
        }
    }

    private func show(_ summary: LatentDataset.Summary, _ set: LatentDataset, seconds: Double) throws(PFrameError) {
        guard report.json else {
            Console.output("motion: \(words(set))")
            if summary.clips > 0 {
                Console.output(
                    "\(output): \(Format.quantity(summary.clips, "clip")) in \(Format.duration(seconds)), \(loop.rawValue) "
                        + "loop: PSNR \(Format.fixed(summary.psnr, 2)) dB, SSIM \(Format.fixed(summary.ssim, 4))")
            }
            Console.output(
                summary.total.map { "\(output): complete, \(Format.quantity($0, "clip"))" }
                    ?? "\(output): this part is complete, other parts are missing")
            return
        }
        let result = Result(
            dataset: output.string, loop: loop.rawValue, motion: set.motion.rawValue, clips: summary.clips,
            total: summary.total, psnr: summary.psnr, ssim: summary.ssim, seconds: seconds)
        do { try Console.json(result) } catch { throw PFrameError("cannot write the result: \(error)") }
    }

    /// Where the motion of the latents comes from, in words.
    private func words(_ set: LatentDataset) -> String {
        switch set.motion {
        case .keep: "the data set's own vectors" + (set.motionSource.map { " (\($0))" } ?? "")
        case .search: "searched anew in the \(loop == .closed ? "rebuilt" : "source") frames"
        }
    }
}
