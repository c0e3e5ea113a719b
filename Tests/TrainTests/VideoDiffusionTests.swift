import Testing
import Train

@Suite struct VideoDiffusionTests {
    /// Each channel's mean squared error counts by its share: the loss is a line in the share of motion, and all channels
    /// count alike where motion has two of eighteen.
    @Test func lossIsShared() throws {
        func loss(_ share: Double?) throws -> Double {
            var options = try DiffusionOptions<EDVDM>(
                preset: .compact, frames: 4, height: 32, width: 32, unetWidth: 16, multiples: [1, 2])
            (options.text, options.motionShare) = (.none, share)
            let model = try VideoDiffusion(options, textEntries: 0)
            let clean = try Tensor.normal([6, 2, 2, 18], seed: 3)
            let first = try Tensor.zeros([2, 32, 32, 3]).to(.uint8)
            let result = try model.loss(
                clean: clean, first: first, captions: nil, seeds: [RandomSeed(5), RandomSeed(6)])
            return Double(try result.contiguous().floats()[0])
        }
        let (alike, third, half, most) = (try loss(nil), try loss(2.0 / 18), try loss(0.5), try loss(0.9))
        #expect(abs(alike - third) < 1e-5)
        let slope = (half - third) / (0.5 - 2.0 / 18)
        #expect(abs(slope) > 1e-3, "motion and latents err alike: this shows nothing")
        #expect(abs(third + slope * (0.9 - 2.0 / 18) - most) < 1e-4)
    }
}
