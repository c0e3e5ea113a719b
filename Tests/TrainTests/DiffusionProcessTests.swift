import Storage
import Testing
import Train

/// Noising, targets and losses against diffusers and against plain loops.
@Suite struct DiffusionProcessTests {
    private static func levels(_ process: DiffusionProcess, _ steps: [Int]) throws -> ClipLevels {
        try ScheduleTable(process)(Tensor(steps.map(Int64.init)))
    }

    @Test(arguments: try DiffusionInputs.expected().schedules) func equalsDiffusers(
        _ wanted: DiffusionInputs.Schedule
    ) throws {
        let inputs = try DiffusionInputs.expected()
        let process = try DiffusionProcess(wanted.made(), target: .velocity)
        let (x0, noise) = (try inputs.clip(), try inputs.clipOfNoise())
        let levels = try Self.levels(process, wanted.steps)
        let noised = try process.noised(x0, noise: noise, at: levels, frames: inputs.frames)
        let target = try process.target(x0, noise: noise, at: levels, frames: inputs.frames)
        #expect(try noised.shape == inputs.shape && DiffusionInputs.distance(noised, wanted.noised) < 1e-6)
        #expect(try target.shape == inputs.shape && DiffusionInputs.distance(target, wanted.velocity) < 1e-6)
    }

    @Test(arguments: try DiffusionInputs.expected().schedules, PredictionTarget.allCases) func weighsAsMinSNRDoes(
        _ wanted: DiffusionInputs.Schedule, _ target: PredictionTarget
    ) throws {
        if wanted.zero, target == .noise {
            #expect(throws: PFrameError.self) { try DiffusionProcess(wanted.made(), target: target, minSNR: 5) }
            return
        }
        let places = try DiffusionInputs.expected().places.dropLast()
        let process = try DiffusionProcess(wanted.made(), target: target, minSNR: 5)
        let weights = process.lossWeights(Array(places))
        let expected = try #require(wanted.weights[target.rawValue])
        #expect(weights.count == expected.count)
        for (found, wanted) in zip(weights, expected) { #expect(isClose(found, wanted, 1e-9)) }
        #expect(try Self.levels(process, Array(places)).weights.floats() == weights.map(Float.init))
        #expect(try DiffusionProcess(wanted.made(), target: target).lossWeights([0, 3]) == [1, 1])
    }

    /// What the network should give stands for the data and the noise that it was made of.
    @Test(arguments: PredictionTarget.allCases, [ElementType.float32, .bfloat16]) func predictionsTurnBack(
        _ target: PredictionTarget, _ type: ElementType
    ) throws {
        let process = try DiffusionProcess(NoiseSchedule(.cosine), target: target)
        let steps = [20, 400, 800]
        let x0 = try Tensor.normal([6, 2, 3, 4], seed: 1).to(type)
        let noise = try Tensor.normal([6, 2, 3, 4], seed: 2).to(type)
        let levels = try Self.levels(process, steps)
        let x = try process.noised(x0, noise: noise, at: levels, frames: 2)
        let right = try process.target(x0, noise: noise, at: levels, frames: 2)
        #expect(x.type == .float32 && right.type == .float32)
        let (data, drawn) = (try x0.floats().map(Double.init), try noise.floats().map(Double.init))
        for (index, step) in steps.enumerated() {
            let clip = 2 * index..<2 * index + 2
            let (x, right) = (try x.sliced(clip, along: 0), try right.sliced(clip, along: 0))
            let elements = 48 * index..<48 * index + 48
            #expect(try DiffusionInputs.distance(process.clean(right, x: x, step: step), Array(data[elements])) < 1e-5)
            #expect(try DiffusionInputs.distance(process.noise(right, x: x, step: step), Array(drawn[elements])) < 1e-5)
        }
    }

    @Test func stepsAreUniformAndOfTheSeed() throws {
        let process = try DiffusionProcess(NoiseSchedule(.linear, steps: 10), target: .noise)
        let steps = (0..<20_000).map { process.step(RandomSeed(5).mixed("step").mixed($0)) }
        let counts = (0..<10).map { step in steps.count { $0 == step } }
        // Five standard deviations of a count are 212.
        #expect(counts.reduce(0, +) == 20_000 && counts.allSatisfy { abs($0 - 2000) < 212 })
        #expect(steps == (0..<20_000).map { process.step(RandomSeed(5).mixed("step").mixed($0)) })
    }

    @Test(arguments: [ElementType.float32, .bfloat16]) func lossAndItsGradientEqualAPlainLoop(_ type: ElementType)
        throws
    {
        let prediction = try Tensor.normal([6, 2, 3, 4], seed: 3).to(type)
        let target = try Tensor.normal([6, 2, 3, 4], seed: 4)
        try prediction.requireGradient()
        let weights = [0.5, 2, 0.125]
        let loss = try DiffusionLoss(
            prediction, target: target, weights: Tensor(weights.map(Float.init)), frames: 2)
        try loss.mean.backward()

        let (p, t) = (try prediction.detached().floats(), try target.floats())
        var (clips, gradient) = ([0.0, 0, 0], [Double]())
        for index in p.indices {
            let difference = Double(p[index]) - Double(t[index])
            clips[index / 48] += difference * difference / 48
            gradient.append(2 * weights[index / 48] * difference / 144)
        }
        let mean = zip(clips, weights).reduce(0) { $0 + $1.0 * $1.1 } / 3
        #expect(loss.mean.type == .float32 && loss.mean.shape == [])
        #expect(try abs(loss.mean.detached().item() - mean) < 1e-6)
        #expect(try DiffusionInputs.distance(loss.clips, clips) < 1e-6 && !loss.clips.requiresGradient)
        let found = try #require(try prediction.gradient())
        #expect(try found.type == type && DiffusionInputs.distance(found, gradient) < (type == .float32 ? 1e-7 : 5e-4))
    }

    @Test func refusesWhatHasNoMeaning() throws {
        let zero = NoiseSchedule(.cosine, zeroTerminalSNR: true)
        let error = #expect(throws: PFrameError.self) { try DiffusionProcess(zero, target: .noise) }
        #expect(error?.description == "zero terminal SNR wants the target v or x0")
        for minSNR in [0, -1, Double.nan, .infinity] {
            #expect(throws: PFrameError.self) { try DiffusionProcess(zero, target: .velocity, minSNR: minSNR) }
        }
    }

    @Test(arguments: [([6, 2, 2, 1], [6, 2, 2, 1], 3), ([6, 2, 2, 1], [6, 1, 2, 1], 2)]) func refusesOtherShapes(
        _ clips: [Int], _ noise: [Int], _ frames: Int
    ) throws {
        let process = try DiffusionProcess()
        let (x0, noise) = (try Tensor.zeros(clips), try Tensor.zeros(noise))
        #expect(throws: PFrameError.self) {
            try process.noised(x0, noise: noise, at: Self.levels(process, [1, 2, 3]), frames: frames)
        }
        #expect(throws: PFrameError.self) {
            try DiffusionLoss(x0, target: noise, weights: Tensor([1, 1, 1] as [Float]), frames: frames)
        }
    }
}
