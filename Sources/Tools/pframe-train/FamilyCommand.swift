import ArgumentParser
import Dataset
import EngineOptions
import Storage
import SystemPackage
import ToolOptions
import Train

/// `pframe train FAMILY`.
struct FamilyCommand<Family: ModelFamily>: StoppableCommand {
    static var remedy: String { "the same command resumes at the last checkpoint" }

    static var configuration: CommandConfiguration {
        let examples = Family.examples.map { "\n  pframe train \(Family.name) \($0)" }.joined()
        return CommandConfiguration(
            commandName: Family.name, abstract: Family.abstract,
            discussion: examples.isEmpty ? "" : "EXAMPLES:\(examples)")
    }

    @Argument(help: "The data set: a folder, an http or s3 address, or pipe:COMMAND; default: the run's.")
    var dataset: String?

    @Option(name: .shortAndLong, help: "The folder of the run.", completion: .directory)
    var output: FilePath?

    @Option(
        name: .customLong("from"), help: "Start a new run with the weights of this run of the same model.",
        completion: .directory)
    var origin: FilePath?

    @Flag(help: "Print what training needs, and stop.")
    var plan = false

    @OptionGroup(title: "Model") var shape: Family.Arguments
    @OptionGroup(title: "Training") var training: TrainingArguments
    @OptionGroup(title: "Engine") var engine: EngineOptions
    @OptionGroup(title: "Reporting") var report: ReportOptions
    @OptionGroup var otherNames: OtherNames

    func validate() throws {
        guard !plan else { return }
        guard let output else { throw ValidationError("give a folder for the run with --output RUN") }
        guard !RunFolder.hasCheckpoint(output) else { return }
        if dataset == nil { throw ValidationError("give a data set, or --plan") }
        try shape.validateNew()
    }

    func run() throws {
        do throws(PFrameError) {
            if plan { return try showPlan() }
            guard let output else { return }
            try TrainingSession(command: self, output: output).run()
        } catch {
            throw DataProblem(message: "error: \(error)")
        }
    }

    private func showPlan() throws(PFrameError) {
        let training = training.options()
        let shape = try shape.options(size: nil, frames: nil)
        let plan = try Family.plan(shape, precision: engine.precision)
        var plans: [(precision: Precision, plan: ModelPlan)] = []
        for precision in Precision.allCases { plans.append((precision, try Family.plan(shape, precision: precision))) }
        let memory = plans.map { ($0.precision.rawValue, $0.plan.memoryBytes(batch: training.batchSize)) }
        let fits = try memories().map { size in
            PlanResult.Fit(
                memoryBytes: size,
                largestBatch: Dictionary(
                    uniqueKeysWithValues: plans.map { ($0.precision.rawValue, $0.plan.largestBatch(memory: size)) }))
        }
        let recorded = try JSONValue(encoding: shape)
        let clips = Double(training.batchSize * training.accumulation)
        let result = PlanResult(
            model: Family.name, preset: recorded["preset"]?.string, parameters: plan.parameters,
            gflopPerClip: plan.trainingGFLOP, gflopPerStep: plan.trainingGFLOP * clips,
            gflopPerEvaluation: plan.forwardGFLOP, memoryBytes: plan.memoryBytes(batch: training.batchSize),
            memoryBytesByPrecision: Dictionary(uniqueKeysWithValues: memory), gpus: fits.isEmpty ? nil : fits)
        if report.json {
            do { try Console.json(result) } catch { throw PFrameError("cannot write the plan: \(error)") }
            return
        }
        Console.output(
            """
            \(result.model)\(result.preset.map { ", \($0)" } ?? ""): \(Format.count(plan.parameters)) parameters
            training, per clip   \(Format.fixed(plan.trainingGFLOP, 1)) GFLOP
            a step of \(Format.quantity(Int(clips), "clip"))    \(Format.fixed(result.gflopPerStep, 1)) GFLOP
            one evaluation       \(Format.fixed(plan.forwardGFLOP, 1)) GFLOP per clip
            """)
        for (precision, plan) in plans {
            let bytes = plan.memoryBytes(batch: training.batchSize)
            Console.output(
                Self.column("memory, \(precision.rawValue)")
                    + "\(Format.bytes(bytes)), of which \(Format.bytes(plan.stateBytes)) weights, gradients and optimiser"
            )
        }
        for fit in fits {
            let batches = plans.map { precision, plan in
                let largest = plan.largestBatch(memory: fit.memoryBytes)
                return largest > 0
                    ? "--batch \(largest) in \(precision.rawValue)" : "no batch in \(precision.rawValue)"
            }
            let size = Self.column("a GPU of \(Format.bytes(fit.memoryBytes))")
            Console.output("\(size)fits \(batches.joined(separator: ", "))")
        }
    }

    private static func column(_ name: String) -> String {
        name + String(repeating: " ", count: max(1, 21 - name.count))
    }

    /// Bytes of memory of the GPU to plan for; of common sizes where there is none here; nothing without `--device cuda`.
    private func memories() throws(PFrameError) -> [Int] {
        guard engine.choice.kind == .cuda else { return [] }
        do throws(PFrameError) {
            if let memory = try engine.open().facts?.memory { return [memory] }
        } catch {
            Console.error("\(error); planning for common sizes of GPUs")
        }
        return [24, 40, 80].map { $0 * 1_000_000_000 }
    }
}

private struct PlanResult: Encodable {
    let model: String
    let preset: String?
    let parameters: Int
    let gflopPerClip: Double
    let gflopPerStep: Double
    let gflopPerEvaluation: Double
    /// In the precision that the command names.
    let memoryBytes: Int
    let memoryBytesByPrecision: [String: Int]
    /// What fits into a GPU; nil for the processor.
    let gpus: [Fit]?

    struct Fit: Encodable {
        let memoryBytes: Int
        let largestBatch: [String: Int]
    }
}
