import Testing
import Train

/// Schedules against the papers' formulas in numpy, which agree with those of diffusers.
@Suite struct NoiseScheduleTests {
    @Test(arguments: try DiffusionInputs.expected().schedules) func equalsTheFormulas(
        _ wanted: DiffusionInputs.Schedule
    ) throws {
        let schedule = try wanted.made()
        let places = try DiffusionInputs.expected().places
        #expect(schedule.steps == 1000 && schedule.sigmas.count == 1000)
        for (index, place) in places.enumerated() {
            #expect(abs(schedule.alphas[place] - wanted.alphas[index]) <= 1e-12)
            #expect(abs(schedule.sigmas[place] - wanted.sigmas[index]) <= 1e-12)
        }
    }

    @Test(arguments: ScheduleShape.allCases, [1, 2, 10, 1000]) func losesSignalWithEveryStep(
        _ shape: ScheduleShape, _ steps: Int
    ) {
        for zero in [false, true] {
            let schedule = NoiseSchedule(shape, steps: steps, zeroTerminalSNR: zero)
            #expect(schedule.alphas.count == steps)
            #expect(zip(schedule.alphas, schedule.alphas.dropFirst()).allSatisfy(>))
            for (alpha, sigma) in zip(schedule.alphas, schedule.sigmas) {
                #expect(abs(alpha * alpha + sigma * sigma - 1) < 1e-14)
            }
            #expect((schedule.alphas[steps - 1] == 0) == zero && schedule.sigmas.allSatisfy { $0 > 0 })
            #expect((schedule.signalToNoise(steps - 1) == 0) == zero)
        }
    }

    @Test func signalToNoiseIsOfPowers() {
        var bar = 1.0
        for step in 0...499 {
            let beta = 1e-4 + 0.0199 * Double(step) / 999
            bar *= 1 - beta
        }
        #expect(isClose(NoiseSchedule(.linear).signalToNoise(499), bar / (1 - bar), 1e-12))
    }
}
