public import ArgumentParser
public import Train

extension SamplerKind: ExpressibleByArgument {}

/// How clips are drawn from a model.
struct SampleOptions: ParsableArguments {
    @Option(help: "Evaluations of the network per sample.")
    var steps = 50

    @Option(help: "How closely samples follow the caption; 1 is no guidance. Default: 2, without text 1.")
    var guidance: Double?

    @Option(help: "dpm-solver++, ddim or ddpm. Default: dpm-solver++.")
    var sampler: SamplerKind?

    @Option(help: "Share of DDPM's noise that ddim adds, 0 to 1.")
    var eta = 0.0

    @Option(help: "Temperature of motion that ed-vdm draws as tokens: less favours likely vectors. Default: 0.5.")
    var temperature: Double?

    @Option(
        help: """
            Evaluations for residuals of ed-vdm with motion first: 1 gives their mean, more draw them. Default: 1.
            """)
    var residualSteps: Int?

    @Option(help: "The seed of the noise; each further sample of an image or a text has the next seed.")
    var seed: UInt64 = 0

    @Option(help: "Samples per batch; larger batches are faster and take more memory. Default: 8.")
    var batch: Int?

    mutating func validate() throws {
        if !(1...1000).contains(steps) { throw ValidationError("--steps takes 1 to 1000") }
        if let guidance, !(guidance >= 0 && guidance.isFinite) { throw ValidationError("--guidance takes 0 or more") }
        if !(0...1).contains(eta) { throw ValidationError("--eta takes 0 to 1") }
        if eta > 0, sampler != .ddim { throw ValidationError("--eta is for --sampler ddim") }
        if let temperature, !(temperature > 0 && temperature.isFinite) {
            throw ValidationError("--temperature takes a number above 0")
        }
        if let residualSteps, !(1...1000).contains(residualSteps) {
            throw ValidationError("--residual-steps takes 1 to 1000")
        }
        if let batch, batch < 1 { throw ValidationError("--batch takes 1 or more") }
    }

    /// Whether any that says how clips are drawn differs from its default.
    var isGiven: Bool {
        steps != 50 || guidance != nil || sampler != nil || eta != 0 || temperature != nil
            || residualSteps != nil
    }

    /// A sampler of a model.
    ///
    /// - Throws: `ValidationError` for guidance of a model without text.
    func sampler(_ trained: TrainedModel) throws -> VideoSampler {
        if let guidance, guidance != 1, trained.generator.captions == nil {
            throw ValidationError("this model was trained without text: it takes no --guidance")
        }
        let options = SamplerOptions(
            kind: sampler ?? .dpm, steps: steps, eta: eta, temperature: temperature, residualSteps: residualSteps)
        return try VideoSampler(trained, options: options, guidance: guidance, batchSize: batch ?? 8)
    }

    /// How images are drawn.
    func options(of schedule: DiffusersSchedule) -> SamplerOptions {
        schedule.options(sampler, steps: steps, eta: eta)
    }
}
