import Storage
import Testing
import Train

/// Samplers against diffusers, step by step, and against what is known of Gaussian data.
@Suite struct SamplerTests {
    @Test(arguments: try DiffusionInputs.expected().samplers) func equalsDiffusers(
        _ wanted: DiffusionInputs.Sampling
    ) throws {
        let inputs = try DiffusionInputs.expected()
        let target = try #require(PredictionTarget(rawValue: wanted.target))
        let process = try DiffusionProcess(DiffusionInputs.schedule(wanted.schedule, wanted.zero), target: target)
        let options = SamplerOptions(
            kind: try #require(SamplerKind(rawValue: wanted.sampler)), steps: wanted.steps, eta: wanted.eta,
            clipping: wanted.clipping)
        var (path, times, done): ([Tensor], [Int], [Int]) = ([], [], [])
        let result = try Sampler(process, options).sample(
            noise: inputs.clip(), seeds: [RandomSeed(inputs.seed)], progress: { done.append($0) }
        ) { x, step throws(PFrameError) in
            path.append(x)
            times.append(step)
            return try x.affine(0.8, 0.1 - 0.6 * Double(step) / 1000).tanh()
        }
        path.append(result)
        #expect(done == Array(1...wanted.steps))
        if wanted.times.isEmpty {
            path = [path[0], path[wanted.steps / 2], path[wanted.steps]]
        } else {
            #expect(times == wanted.times)
        }
        #expect(path.count == wanted.path.count)
        for (found, wanted) in zip(path, wanted.path) { #expect(try DiffusionInputs.distance(found, wanted) < 1e-4) }
    }

    @Test(arguments: try DiffusionInputs.expected().spacings) func timesEqualThoseOfDiffusers(
        _ wanted: DiffusionInputs.Spacing
    ) throws {
        for kind in SamplerKind.allCases {
            let times = try Sampler(DiffusionProcess(), SamplerOptions(kind: kind, steps: wanted.steps)).times
            #expect(times.count == wanted.steps && times.first == 999)
            #expect(Array(times.prefix(8)) == wanted.first && Array(times.suffix(8)) == wanted.last)
            #expect(times.reduce(0, +) == wanted.sum)
        }
    }

    /// Without added noise every element follows the probability flow, which for Gaussian data is known.
    @Test(
        arguments: [SamplerKind.ddim, .dpm],
        [("cosine", PredictionTarget.noise), ("cosine", .velocity), ("linear", .noise), ("ldm-linear", .clean)])
    func followsTheFlowOfGaussianData(_ kind: SamplerKind, _ trained: (schedule: String, target: PredictionTarget))
        throws
    {
        for zero in [false, true] where !(zero && trained.target == .noise) {
            let gaussian = Gaussian(
                process: try DiffusionProcess(DiffusionInputs.schedule(trained.schedule, zero), target: trained.target),
                deviation: 2)
            #expect(try gaussian.error(kind, steps: kind == .dpm ? 50 : 1000) < 0.01)
        }
    }

    /// Half the steps, twice the error of a method of first order and four times that of one of second order.
    @Test func errorsFallWithTheOrderOfTheMethod() throws {
        let process = try DiffusionProcess(NoiseSchedule(.linear), target: .velocity)
        let gaussian = Gaussian(process: process, deviation: 2)
        let ddim = try gaussian.error(.ddim, steps: 100) / gaussian.error(.ddim, steps: 200)
        let dpm = try gaussian.error(.dpm, steps: 100) / gaussian.error(.dpm, steps: 200)
        #expect((1.8..<2.2).contains(ddim) && (3.5..<4.5).contains(dpm), "\(ddim) and \(dpm)")
    }

    @Test(arguments: [(SamplerKind.ddpm, 0.0), (.ddim, 1), (.ddim, 0.4)], PredictionTarget.allCases)
    func drawsGaussianData(_ method: (kind: SamplerKind, eta: Double), _ target: PredictionTarget) throws {
        let gaussian = Gaussian(process: try DiffusionProcess(NoiseSchedule(.cosine), target: target))
        let options = SamplerOptions(kind: method.kind, steps: 500, eta: method.eta)
        let samples = try gaussian.samples(options, noise: Tensor.normal([4, 64, 64, 1], seed: 11)).floats()
        let numbers = samples.map(Double.init)
        let mean = numbers.reduce(0, +) / Double(numbers.count)
        let squares = numbers.map { ($0 - mean) * ($0 - mean) }
        let deviation = (squares.reduce(0, +) / Double(numbers.count)).squareRoot()
        // Four standard errors of 16,384 samples, 2.2 % of the deviation, and 1 % for 500 steps.
        #expect(abs(mean - gaussian.mean) < 4 * gaussian.deviation / 128)
        #expect(abs(deviation / gaussian.deviation - 1) < 0.032)
    }

    @Test(arguments: [(SamplerKind.ddpm, 0.0), (.ddim, 0), (.ddim, 0.5), (.dpm, 0)])
    func theSeedAloneDecides(_ kind: SamplerKind, _ eta: Double) throws {
        let gaussian = Gaussian(process: try DiffusionProcess())
        let noise = try Tensor.normal([2, 4, 4, 3], seed: 12)
        let options = SamplerOptions(kind: kind, steps: 5, eta: eta)
        let before = try noise.bytes()
        let first = try gaussian.samples(options, noise: noise, seed: 1).bytes()
        #expect(try first == gaussian.samples(options, noise: noise, seed: 1).bytes() && noise.bytes() == before)
        let draws = kind == .ddpm || eta > 0
        #expect(try (first != gaussian.samples(options, noise: noise, seed: 2).bytes()) == draws)
    }

    /// A clip has its own noise: it comes out the same alone and beside others.
    @Test(arguments: [(SamplerKind.ddpm, 0.0), (.ddim, 0.5)])
    func clipsDoNotDependOnThoseBesideThem(_ kind: SamplerKind, _ eta: Double) throws {
        let sampler = try Sampler(DiffusionProcess(), SamplerOptions(kind: kind, steps: 5, eta: eta))
        let noise = try Tensor.normal([6, 4, 4, 3], seed: 15)
        let seeds = [7, 8, 9].map { RandomSeed($0) }
        let together = try sampler.sample(noise: noise, seeds: seeds) { x, _ throws(PFrameError) in try x * 0.5 }
        for clip in seeds.indices {
            let frames = 2 * clip..<2 * clip + 2
            let alone = try sampler.sample(noise: noise.sliced(frames, along: 0), seeds: [seeds[clip]]) {
                x, _ throws(PFrameError) in try x * 0.5
            }
            #expect(try alone.floats() == together.sliced(frames, along: 0).contiguous().floats())
        }
    }

    @Test(arguments: SamplerKind.allCases) func oneStepGivesTheCleanClip(_ kind: SamplerKind) throws {
        let process = try DiffusionProcess(NoiseSchedule(.cosine, zeroTerminalSNR: true), target: .velocity)
        let noise = try Tensor.normal([2, 2, 2, 3], seed: 13)
        let velocity = try Tensor.normal([2, 2, 2, 3], seed: 14).to(.bfloat16)
        let result = try Sampler(process, SamplerOptions(kind: kind, steps: 1)).sample(
            noise: noise, seeds: [RandomSeed(0)]
        ) { _, step throws(PFrameError) in
            #expect(step == 999)
            return velocity
        }
        #expect(try result.type == .float32 && result.floats() == velocity.floats().map { -$0 })
    }

    @Test(arguments: [
        SamplerOptions(steps: 0), SamplerOptions(steps: 1001), SamplerOptions(kind: .ddim, eta: 1.5),
        SamplerOptions(kind: .ddim, eta: .nan), SamplerOptions(kind: .dpm, eta: 0.5), SamplerOptions(clipping: 0),
        SamplerOptions(clipping: .nan),
    ]) func refusesOptions(_ options: SamplerOptions) throws {
        let process = try DiffusionProcess()
        #expect(throws: PFrameError.self) { try Sampler(process, options) }
    }

    @Test func saysAtWhichStepTheModelFails() throws {
        let sampler = try Sampler(DiffusionProcess(), SamplerOptions(steps: 10))
        for bad in [Double.nan, .infinity] {
            let error = #expect(throws: PFrameError.self) {
                try sampler.sample(noise: Tensor.zeros([2, 1, 1, 1]), seeds: [RandomSeed(0)]) {
                    x, step throws(PFrameError) in
                    try Tensor.full(x.shape, step == 699 ? bad : 0)
                }
            }
            #expect(error?.description.contains("NaN at step 699: weights are damaged") == true)
        }
        #expect(throws: PFrameError.self) {
            try sampler.sample(noise: Tensor.zeros([2, 1, 1, 1]), seeds: [RandomSeed(0)]) { _, _ throws(PFrameError) in
                try Tensor.zeros([1, 1, 1, 1])
            }
        }
    }

    @Test func guidanceGoesBeyondTheCondition() throws {
        let conditional = try Tensor([1, 2, 0.3] as [Float])
        let unconditional = try Tensor([0.5, 4, 0.3] as [Float])
        let results = try [0, 1, 3].map {
            try guided(conditional: conditional, unconditional: unconditional, scale: $0)
        }
        #expect(try results[0].floats() == [0.5, 4, 0.3] && results[1].floats() == [1, 2, 0.3])
        #expect(try DiffusionInputs.distance(results[2], [2, -2, 0.3]) < 1e-6)
        #expect(throws: PFrameError.self) {
            try guided(conditional: conditional, unconditional: Tensor.zeros([1]), scale: 2)
        }
    }
}

/// Data N(μ, s²) in every element, whose best possible network is known.
private struct Gaussian {
    let process: DiffusionProcess
    let mean = 0.3
    var deviation = 0.5

    /// Samples with the network that gives E[x₀ | x_t] = μ + α s² / (α² s² + σ²) (x_t − α μ) as its target wants it.
    func samples(_ options: SamplerOptions, noise: Tensor, seed: UInt64 = 0) throws -> Tensor {
        let process = process
        let (mean, variance) = (mean, deviation * deviation)
        return try Sampler(process, options).sample(noise: noise, seeds: [RandomSeed(seed)]) {
            x, step throws(PFrameError) in
            let (alpha, sigma) = (process.schedule.alphas[step], process.schedule.sigmas[step])
            let gain = alpha * variance / (alpha * alpha * variance + sigma * sigma)
            let clean = try x.affine(gain, mean - gain * alpha * mean)
            if process.target == .clean { return clean }
            // ε is (x − α x₀) / σ.
            let noise = try x.affine((1 - alpha * gain) / sigma, -alpha * (mean - gain * alpha * mean) / sigma)
            return process.target == .noise ? noise : try noise * alpha + clean * -sigma
        }
    }

    /// The largest distance from the solution of the probability flow: x keeps its place in units of its deviation.
    func error(_ kind: SamplerKind, steps: Int) throws -> Double {
        let noise = (-8...8).map { Float($0) / 4 }
        let (alpha, sigma) = (process.schedule.alphas[999], process.schedule.sigmas[999])
        let spread = (alpha * alpha * deviation * deviation + sigma * sigma).squareRoot()
        let solution = noise.map { mean + deviation * (Double($0) - alpha * mean) / spread }
        let found = try samples(
            SamplerOptions(kind: kind, steps: steps), noise: Tensor(noise, shape: [noise.count, 1, 1, 1]))
        return try DiffusionInputs.distance(found, solution)
    }
}
