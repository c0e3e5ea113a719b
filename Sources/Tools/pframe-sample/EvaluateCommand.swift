import ArgumentParser
import Dataset
import EngineOptions
import Shards
import Storage
import SystemPackage
import ToolOptions
import Train

/// `pframe evaluate`.
struct EvaluateCommand: StoppableCommand {
    static let remedy = "the samples so far are lost"

    static let configuration = CommandConfiguration(
        commandName: "evaluate",
        abstract: "Compare a model's samples, or an autoencoder's rebuilt clips, with the real clips of a data set.",
        discussion: """
            Samples one clip per clip of DATASET, from its first frame and caption. Prints PSNR, SSIM, the end-point \
            error of motion and the Fréchet distance of motion statistics, beside the values of repeating the first \
            frame. With the networks of the metrics also prints FVD, LPIPS, FID, IS and CLIP score. DATASET comes from \
            `pframe build`; for a model of latents it is the data set that `pframe encode` read.

            motion        Fréchet distance of statistics of the motion; not an FVD
            cFVD, sFVD    FVD within each value of --label-column or --subject-column, mean over the values
            EPE own       the model's own vectors against the vectors of the data set

            With --reconstruction, compares clips that are rebuilt with no residual (motion), 16 DCT coefficients, 16 \
            principal components (pca), and the autoencoder, in the open and the closed loop.

            EXAMPLES:
              pframe evaluate run clips --clips 256 --json
              pframe evaluate run clips --i3d i3d_torchscript.pt --label-column label
              pframe evaluate --reconstruction \(LatentCoderArguments.example) clips
            """)

    @Argument(
        help: ArgumentHelp(
            "The run of a diffusion model and a data set; with --reconstruction only a data set.",
            valueName: "RUN DATASET"), completion: .directory)
    var places: [String]

    @Flag(help: "Evaluate the coding of residuals.")
    var reconstruction = false

    @OptionGroup var coder: ReconstructionArguments

    @Option(help: "Largest number of clips; drawn by the seed from a larger data set.")
    var clips = 2048

    @Option(help: "Metadata column with the class label, for distances within classes.")
    var labelColumn: String?

    @Option(help: "Metadata column with the subject, for distances within subjects.")
    var subjectColumn: String?

    @OptionGroup(title: "Sampling") var sampling: SampleOptions
    @OptionGroup(title: "Networks") var networks: NetworkOptions
    @OptionGroup(title: "Engine") var engine: EngineOptions
    @OptionGroup(title: "Reporting") var report: ReportOptions

    mutating func validate() throws {
        if reconstruction {
            if places.count != 1 { throw ValidationError("--reconstruction takes one data set") }
            if networks.lpips != nil || networks.inception != nil || networks.clipFiles.clip != nil {
                throw ValidationError("--reconstruction takes no network except --i3d")
            }
            if labelColumn != nil || subjectColumn != nil {
                throw ValidationError("--reconstruction takes no --label-column and no --subject-column")
            }
            if sampling.isGiven {
                throw ValidationError(
                    "--reconstruction samples nothing: it takes no --steps, --guidance, --sampler, --eta, --temperature, "
                        + "--residual-steps")
            }
        } else {
            if places.count != 2 { throw ValidationError("give a run and a data set: evaluate RUN DATASET") }
        }
        try coder.check(isReconstruction: reconstruction)
        if clips < 2 { throw ValidationError("--clips takes 2 or more") }
    }

    func run() throws {
        do {
            let device = try engine.open()
            let networks = try networks.open(device)
            show(try reconstruction ? rebuild(networks, device) : sample(networks, device))
        } catch let error as PFrameError {
            throw DataProblem(message: "error: \(error)")
        }
    }

    private var source: ShardSource {
        get throws(PFrameError) {
            try ShardSource(argument: places[places.count - 1])
        }
    }

    private func sample(_ networks: EvaluationNetworks, _ device: Device) throws -> EvaluationReport {
        let model = try TrainedModel(run: RawArguments.path(places[0]), precision: engine.precision, device: device)
        var options = GenerationEvaluation.Options()
        (options.clips, options.seed) = (clips, sampling.seed)
        (options.labelColumn, options.subjectColumn) = (labelColumn, subjectColumn)
        let evaluation = try GenerationEvaluation(
            sampling.sampler(model), source, options: options, networks: networks)
        return try follow(evaluation.count) { progress throws(PFrameError) in
            try evaluation.run(shouldStop: { Interruption.isRequested }, progress: progress)
        }
    }

    private func rebuild(
        _ networks: EvaluationNetworks, _ device: Device
    ) throws(PFrameError) -> EvaluationReport {
        guard let run = coder.run?.path else { throw PFrameError("--reconstruction wants a run") }
        var options = ReconstructionEvaluation.Options()
        (options.clips, options.batch, options.seed) = (clips, sampling.batch ?? 8, sampling.seed)
        let evaluation = try ReconstructionEvaluation(
            run: run, source, options: options, networks: networks, precision: engine.precision, device: device)
        return try follow(evaluation.count) { progress throws(PFrameError) in
            try evaluation.run(shouldStop: { Interruption.isRequested }, progress: progress)
        }
    }

    /// Runs with a line of progress.
    private func follow(
        _ count: Int, _ body: ((Double) -> Void) throws(PFrameError) -> EvaluationReport?
    ) throws(PFrameError) -> EvaluationReport {
        let progress = Progress(weights: Array(repeating: 1, count: count), unit: "clip", counted: "clips")
        let result = try body(progress.advance)
        guard let result else { throw PFrameError(.interrupted, "interrupted; \(Self.remedy)") }
        return result
    }

    private func show(_ evaluation: EvaluationReport) {
        if report.json { return Console.output(evaluation.json.json()) }
        Console.output(Format.table(reconstruction ? byLoop(evaluation) : byMethod(evaluation)))
        Console.output("")
        for (name, value) in evaluation.facts {
            let text = value.array.map { $0.map { $0.string ?? $0.json() }.joined(separator: "; ") }
            Console.output("\(name): \(text ?? value.string ?? value.json())")
        }
        for note in evaluation.notes { Console.output("note: \(note)") }
    }

    private func text(_ value: Double?, _ metric: EvaluationMetric) -> String {
        value.map { Format.fixed($0, metric.decimals) } ?? "-"
    }

    private func byMethod(_ evaluation: EvaluationReport) -> [[String]] {
        let metrics = evaluation.metrics
        return [[""] + metrics.map(\.title)]
            + evaluation.rows.map { row in [row.name] + metrics.map { text(row.values[$0], $0) } }
    }

    private func byLoop(_ evaluation: EvaluationReport) -> [[String]] {
        let columns = evaluation.metrics.flatMap { metric in CodingLoop.allCases.reversed().map { (metric, $0) } }
        var names: [String] = []
        for row in evaluation.rows where !names.contains(row.name) { names.append(row.name) }
        return [[""] + columns.map { "\($0.title) \($1.rawValue)" }]
            + names.map { name in
                // What knows no loop is the same in both.
                [name] + columns.map { text((evaluation[name, $1] ?? evaluation[name])?.values[$0], $0) }
            }
    }
}
