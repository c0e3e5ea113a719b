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
            vae     residual autoencoder, of sets with --represent motion-residual
            ed-vdm  diffusion of motion and latents, of what `pframe encode` writes
            d-vdm   diffusion of differences, of sets with --represent difference
            vdm     diffusion of RGB frames, of sets with --represent frames

            A run that was stopped or killed resumes: `pframe train --output RUN`. Model, data set and options that are \
            left out are the run's; --steps may grow. RUN holds config.json, checkpoint.safetensors, \
            metrics.jsonl, TensorBoard events, samples/ and report.html.

            EXAMPLES:
              pframe train vae clips --output vae --steps 2000
              pframe train ed-vdm latents --output run --steps 5000 --batch 16
              pframe train --output run --steps 8000    3,000 more
              pframe train ed-vdm --preset paper --plan
              mpirun -n 4 pframe-train train ed-vdm latents --output run
            """)

    @Argument(help: "vae, ed-vdm, d-vdm or vdm; default: the run's.")
    var model: ModelKind?

    @Argument(help: "The data set: a folder, an http address, or pipe:COMMAND; default: the run's.")
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
    @OptionGroup var otherNames: OtherNames

    func validate() throws {
        if let model {
            try shape.check(model)
            if autoencoder != nil, model != .edVDM { throw ValidationError("--vae is for ed-vdm, which has latents") }
        }
        guard !plan else {
            if model == nil { throw ValidationError("--plan wants a model: vae, ed-vdm, d-vdm or vdm") }
            return
        }
        guard let output else { throw ValidationError("--output RUN says where the run goes") }
        guard !RunFolder.hasCheckpoint(output) else { return }
        if model == nil {
            throw ValidationError(
                "which model: vae, ed-vdm, d-vdm or vdm? Only a run with a checkpoint knows it, and \(output) holds none"
            )
        }
        if dataset == nil { throw ValidationError("which data set? (or --plan)") }
        if shape.text == .clip, shape.clipFiles.clip == nil {
            throw ValidationError("--text clip wants --clip MODEL and --clip-vocabulary FILE")
        }
    }

    func run() throws {
        do throws(TrainError) {
            if plan {
                try engine.open()
                return try showPlan()
            }
            guard let output else { return }
            try TrainingSession(command: self, output: output).run()
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
        /// In the precision that the command names.
        let memoryBytes: Int
        let memoryBytesByPrecision: [String: Int]
    }

    private func plan(_ model: ModelKind, _ precision: Precision) throws(TrainError) -> ModelPlan {
        model == .autoencoder
            ? try ModelPlan(shape.autoencoder(size: shape.size), precision: precision)
            : try ModelPlan(shape.diffusion(model, size: shape.size, frames: shape.frames), precision: precision)
    }

    private func showPlan() throws(TrainError) {
        guard let model else { return }
        let options = training.options()
        let plan = try plan(model, engine.precision)
        var memory: [(precision: Precision, bytes: Int, state: Int)] = []
        for precision in Precision.allCases {
            let plan = try self.plan(model, precision)
            memory.append((precision, plan.memoryBytes(batch: options.batchSize), plan.stateBytes))
        }
        let clips = Double(options.batchSize * options.accumulation)
        let result = PlanResult(
            model: model.rawValue, preset: (shape.preset ?? .compact).rawValue, parameters: plan.parameters,
            gflopPerClip: plan.trainingGFLOP, gflopPerStep: plan.trainingGFLOP * clips,
            gflopPerEvaluation: plan.forwardGFLOP, memoryBytes: plan.memoryBytes(batch: options.batchSize),
            memoryBytesByPrecision: Dictionary(uniqueKeysWithValues: memory.map { ($0.precision.rawValue, $0.bytes) }))
        if report.json {
            do { try Console.json(result) } catch { throw TrainError("cannot write the plan: \(error)") }
            return
        }
        Console.output(
            """
            \(model.rawValue), \(result.preset): \(Format.count(plan.parameters)) parameters
            a clip in training   \(Format.fixed(plan.trainingGFLOP, 1)) GFLOP
            a step of \(Format.quantity(Int(clips), "clip"))    \(Format.fixed(result.gflopPerStep, 1)) GFLOP
            one evaluation       \(Format.fixed(plan.forwardGFLOP, 1)) GFLOP a clip
            """)
        for (precision, bytes, state) in memory {
            let name = "memory, \(precision.rawValue)"
            Console.output(
                name + String(repeating: " ", count: 21 - name.count) + "\(Format.bytes(bytes)), of which "
                    + "\(Format.bytes(state)) weights, gradients and optimiser")
        }
    }
}
