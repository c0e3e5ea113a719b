public import Storage
import SystemPackage

/// What the configuration of a scheduler says: the diffusion process, and how it is sampled.
public struct DiffusersSchedule: Sendable {
    /// Schedulers that are read. The numbers of `PNDMScheduler` (Stable Diffusion 1) are those of a process that DDIM and
    /// DPM-Solver++ sample as well: its own multistep method is not here.
    static let classes = ["DDIMScheduler", "PNDMScheduler", "DPMSolverMultistepScheduler"]

    /// The process that the U-Net was trained for.
    public let process: DiffusionProcess
    /// The sampler that the folder names; for PNDM it is DDIM.
    public let kind: SamplerKind
    /// The spacing that the file names; nil where it names none, and that of the sampler counts.
    private let spacing: String?
    private let offset: Int
    private let endsAtFirstStep: Bool

    init(_ file: DiffusersConfiguration, named name: String) throws(PFrameError) {
        var file = file
        kind = name == "DPMSolverMultistepScheduler" ? .dpm : .ddim
        let steps = try file.integer("num_train_timesteps", default: 1000, most: 100_000)
        let shape = try Self.shape(&file)
        let isRescaled = try file.bool("rescale_betas_zero_snr", default: false)
        let targets = ["epsilon": PredictionTarget.noise, "v_prediction": .velocity, "sample": .clean]
        let prediction = try file.name("prediction_type", default: "epsilon", of: targets.keys.sorted())
        let schedule = NoiseSchedule(shape, steps: steps, zeroTerminalSNR: isRescaled)
        guard !isRescaled || prediction != "epsilon" else {
            throw file.unsupported("rescale_betas_zero_snr", "with epsilon the first step has nothing to go by")
        }
        process = try DiffusionProcess(schedule, target: targets[prediction] ?? .noise)
        let spacings = ["leading", "trailing"] + (kind == .dpm ? ["linspace"] : [])
        spacing =
            file.has("timestep_spacing")
            ? try file.name("timestep_spacing", default: nil, of: spacings) : nil
        offset = try file.integer("steps_offset", default: 0, least: 0)
        endsAtFirstStep = try !file.bool("set_alpha_to_one", default: name != "PNDMScheduler")
        if name == "DDIMScheduler", !file.has("clip_sample") {
            throw file.unsupported("clip_sample", "without the key DDIM clamps samples; it has false")
        }
        try Self.expectPlain(&file, isPNDM: name == "PNDMScheduler")
        try file.finish()
    }

    /// How to sample in `steps` steps.
    ///
    /// - Parameters:
    ///   - kind: nil for the sampler that the folder names.
    ///   - steps: calls of the network.
    ///   - eta: η of DDIM.
    public func options(_ kind: SamplerKind? = nil, steps: Int, eta: Double = 0) -> SamplerOptions {
        var options = SamplerOptions(kind: kind ?? self.kind, steps: steps, eta: eta)
        options.spacing =
            switch spacing ?? (options.kind == .dpm ? "linspace" : "leading") {
            case "trailing": .trailing
            case "linspace": .even
            default: .leading(offset: offset)
            }
        options.endsAtFirstStep = endsAtFirstStep
        return options
    }

    /// β by step: those that Stable Diffusion and its relatives were trained with.
    private static func shape(_ file: inout DiffusersConfiguration) throws(PFrameError) -> ScheduleShape {
        let schedules = ["linear", "scaled_linear", "squaredcos_cap_v2"]
        let name = try file.name("beta_schedule", default: "linear", of: schedules)
        let first = try file.number("beta_start", default: 1e-4)
        let last = try file.number("beta_end", default: 0.02)
        try file.expectNothing("trained_betas")
        let (shape, range): (ScheduleShape, ClosedRange<Double>) =
            switch name {
            case "scaled_linear": (.ldmLinear, 0.00085...0.012)
            case "linear": (.linear, 1e-4...0.02)
            default: (.cosine, first...max(first, last))
            }
        guard first == range.lowerBound, last == range.upperBound else {
            throw file.unsupported(
                first == range.lowerBound ? "beta_end" : "beta_start",
                "with \(name) it has \(range.lowerBound) to \(range.upperBound)")
        }
        return shape
    }

    /// Refuses what changes samples and is not here.
    private static func expectPlain(_ file: inout DiffusersConfiguration, isPNDM: Bool) throws(PFrameError) {
        try file.expect("clip_sample", .bool(false))
        try file.expect("thresholding", .bool(false))
        if isPNDM { try file.expect("skip_prk_steps", .bool(true)) } else { file.ignore("skip_prk_steps") }
        try file.expect("solver_order", .integer(2))
        try file.expect("algorithm_type", .text("dpmsolver++"))
        try file.expect("solver_type", .text("midpoint"))
        try file.expect("final_sigmas_type", .text("zero"))
        let spacings = ["karras_sigmas", "exponential_sigmas", "beta_sigmas", "flow_sigmas", "lu_lambdas"]
        for key in (spacings + ["dynamic_shifting"]).map({ "use_" + $0 }) {
            try file.expect(key, .bool(false), .null)
        }
        try file.expectNothing("lambda_min_clipped", "variance_type")
        // Of thresholds, clamping and flows, which are refused above, and of the last step, which ends at x₀ in any order.
        file.ignore(
            "dynamic_thresholding_ratio", "sample_max_value", "clip_sample_range", "flow_shift", "time_shift_type",
            "lower_order_final", "euler_at_final")
    }
}

extension DiffusersFolder {
    /// The diffusion process, and how it is sampled.
    ///
    /// - Throws: `PFrameError` for a key or a value that PFrame does not have.
    public func schedule() throws(PFrameError) -> DiffusersSchedule {
        var index = try DiffusersConfiguration(path.appending(Self.indexName))
        let name = index.value("scheduler")?.array?.last?.string ?? ""
        return try DiffusersSchedule(configuration("scheduler", "scheduler_config.json"), named: name)
    }
}
