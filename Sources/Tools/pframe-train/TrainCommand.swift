public import ArgumentParser
import Dataset
import EngineOptions
import SystemPackage
import ToolOptions
public import Train

extension ModelKind: ExpressibleByArgument {}
extension Preset: ExpressibleByArgument {}
extension TextKind: ExpressibleByArgument {}
extension ScheduleShape: ExpressibleByArgument {}
extension PredictionTarget: ExpressibleByArgument {}
extension LearningRate.Course: ExpressibleByArgument {}

/// `pframe train`.
struct TrainCommand: StoppableCommand {
    static let remedy = "the same command goes on from the last checkpoint"

    static let configuration = CommandConfiguration(
        commandName: "train",
        abstract: "Train the residual autoencoder or a video diffusion model.",
        discussion: """
            vae     the residual autoencoder, on sets built with --represent motion-residual
            ed-vdm  diffusion of motion and residual latents, on sets that `pframe encode` made
            d-vdm   diffusion of frame differences, on sets built with --represent difference
            vdm     diffusion of RGB frames, on sets built with --represent frames

            A run that was stopped or killed goes on where it was when the same command is given again. RUN holds \
            config.json, checkpoint.safetensors, metrics.jsonl, TensorBoard events, samples/ and report.html.

            EXAMPLES:
              pframe train vae clips --output vae --steps 2000
              pframe train ed-vdm latents --output run --steps 5000 --batch 16
              pframe train ed-vdm --preset paper --plan
              mpirun -n 4 pframe-train train ed-vdm latents --output run
            """)

    @Argument(help: "vae, ed-vdm, d-vdm or vdm.")
    var model: ModelKind

    @Argument(help: "The data set: a folder, an http address, or pipe:COMMAND. Not needed with --plan.")
    var dataset: String?

    @Option(name: .shortAndLong, help: "The folder of the run.", completion: .directory)
    var output: FilePath?

    @Option(
        name: .customLong("vae"), help: "Run of the vae that made the latents; default: where the data set says.",
        completion: .directory)
    var autoencoder: FilePath?

    @Flag(help: "Say what training would take, and stop.")
    var plan = false

    @OptionGroup(title: "Model") var shape: ModelOptions
    @OptionGroup(title: "Training") var training: TrainingArguments
    @OptionGroup(title: "Engine") var engine: EngineOptions
    @OptionGroup(title: "Reporting") var report: ReportOptions

    func validate() throws {
        try shape.check(model)
        do throws(TrainError) { try training.options.validate() } catch { throw ValidationError(error.message) }
        if autoencoder != nil, model != .edVDM { throw ValidationError("--vae is for ed-vdm, which has latents") }
        guard !plan else { return }
        if shape.text == .clip, shape.clipFiles.clip == nil {
            throw ValidationError("--text clip wants --clip MODEL and --clip-vocabulary FILE")
        }
        if dataset == nil { throw ValidationError("which data set? (or --plan)") }
        if output == nil { throw ValidationError("--output RUN says where the run goes") }
    }

    func run() throws {
        do throws(TrainError) {
            try engine.open()
            if plan { return try showPlan() }
            guard let dataset, let output else { return }
            try TrainingSession(command: self, dataset: dataset, output: output).run()
        } catch {
            throw DataProblem(message: "error: \(error)")
        }
    }

    private struct PlanResult: Encodable {
        let model: String
        let preset: String
        let parameters: Int
        let gflopPerClip: Double
        let gflopPerStep: Double
        let gflopPerEvaluation: Double
        let memoryBytes: Int
    }

    private func showPlan() throws(TrainError) {
        let plan =
            model == .autoencoder
            ? try ModelPlan(shape.autoencoder(size: shape.size), precision: engine.precision)
            : try ModelPlan(shape.diffusion(model, size: shape.size, frames: shape.frames), precision: engine.precision)
        let clips = Double(training.batch * training.accumulation)
        let result = PlanResult(
            model: model.rawValue, preset: shape.preset.rawValue, parameters: plan.parameters,
            gflopPerClip: plan.trainingGFLOP, gflopPerStep: plan.trainingGFLOP * clips,
            gflopPerEvaluation: plan.forwardGFLOP, memoryBytes: plan.memoryBytes(batch: training.batch))
        if report.json {
            do { try Console.json(result) } catch { throw TrainError("cannot write the plan: \(error)") }
            return
        }
        Console.output(
            """
            \(model.rawValue), \(shape.preset.rawValue): \(Format.count(plan.parameters)) parameters
            a clip in training   \(Format.fixed(plan.trainingGFLOP, 1)) GFLOP
            a step of \(Format.quantity(Int(clips), "clip"))    \(Format.fixed(result.gflopPerStep, 1)) GFLOP
            one evaluation       \(Format.fixed(plan.forwardGFLOP, 1)) GFLOP a clip
            memory               \(Format.bytes(result.memoryBytes)), of which \(Format.bytes(plan.stateBytes)) weights, \
            gradients and optimiser
            """)
    }
}
