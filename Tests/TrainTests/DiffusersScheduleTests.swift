import Storage
import SystemPackage
import TestSupport
import Testing
import Train

/// Trajectories of schedulers of Stable Diffusion's configurations against diffusers', step by step.
@Suite struct DiffusersScheduleTests {
    private static let numbers = [
        "ddim leading 1", "ddim leading 7", "ddim leading 30", "ddim to one 7", "ddim epsilon 7", "ddim trailing 8",
        "ddim trailing 20", "ddim zero snr 8", "dpm linspace 1", "dpm linspace 7", "dpm linspace 25", "dpm leading 7",
        "dpm leading 20", "dpm trailing 7", "dpm epsilon 7",
    ]

    @Test(arguments: numbers) func equalsDiffusers(_ name: String) throws {
        let expected = try ExpectedValues("diffusers/trajectories")
        #expect(expected.cases == Set(Self.numbers))
        let isZero = name.contains("zero snr")
        let process = try DiffusionProcess(
            NoiseSchedule(.ldmLinear, zeroTerminalSNR: isZero), target: name.contains("epsilon") ? .noise : .velocity)
        let count = try #require(name.split(separator: " ").last.flatMap { Int($0) })
        var options = SamplerOptions(kind: name.hasPrefix("dpm") ? .dpm : .ddim, steps: count)
        options.spacing =
            if name.contains("trailing") || isZero {
                .trailing
            } else if name.contains("linspace") || name.contains("dpm epsilon") {
                .even
            } else {
                .leading(offset: name.contains("to one") ? 0 : 1)
            }
        options.endsAtFirstStep = !name.contains("to one")
        let sampler = try Sampler(process, options)
        #expect(try sampler.times.map(Float.init) == expected.values("\(name)/times"))
        var path: [Tensor] = []
        let last = try sampler.sample(noise: made("\(name)/noise", [2, 2, 3, 4]), seeds: [RandomSeed(0)]) {
            x, time throws(PFrameError) in
            path.append(x)
            return try x.tanh().affine(0.6, 0.001 * Double(time - 500))
        }
        let steps = try (path.dropFirst() + [last]).map { try $0.reshaped([1, 2, 2, 3, 4]) }
        try expected.expect("\(name)/steps", .concatenated(steps, along: 0))
    }

    @Test(arguments: [
        (SamplerKind.ddim, TimestepSpacing.leading(offset: 1), 1000), (.ddim, .leading(offset: -1), 10),
        (.dpm, .leading(offset: 0), 1000), (.dpm, .even, 1000),
    ]) func refusesMoreStepsThanThereAre(_ kind: SamplerKind, _ spacing: TimestepSpacing, _ steps: Int) throws {
        var options = SamplerOptions(kind: kind, steps: steps)
        options.spacing = spacing
        let error = #expect(throws: PFrameError.self) { try Sampler(DiffusionProcess(), options) }
        #expect(error?.message.contains("take fewer") == true)
    }
}
