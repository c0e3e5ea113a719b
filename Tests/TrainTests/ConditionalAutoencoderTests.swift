import Storage
import Testing
import Train

/// Conditional coding against PyTorch's (`Python/pframe`), and what training does to it.
@Suite struct ConditionalAutoencoderTests {
    private static func options(width: Int) throws -> AutoencoderOptions {
        try AutoencoderOptions(preset: .compact, coding: .conditional, height: 32, width: width)
    }

    @Test func equalsPyTorch() throws {
        let expected = try ExpectedValues("conditional")
        let model = try ConditionalAutoencoder(Self.options(width: 48))
        try fill(model.store, for: "conditional")
        let prediction = try made("conditional/prediction", [2, 32, 48, 3], 20)
        let residual = try made("conditional/residual", [2, 32, 48, 3], 100)
        try expected.expect("conditional/latents", model.encode(residual, beside: prediction))
        let latents = try made("conditional/z", [2, 2, 3, 16], 0.5)
        try expected.expect("conditional/decoded", model.decode(latents, beside: prediction).detached())
        let loss = try model.loss(prediction + residual, predictions: prediction).loss
        try expected.expect("conditional/loss", loss.detached())
        // Gradients of numbers far above the tolerance.
        try (loss * 1e4).backward()
        for parameter in model.store.parameters where parameter.name != "scale" {
            let gradient = try #require(try parameter.tensor.gradient())
            try expected.expect("conditional/gradient.\(parameter.name)", gradient)
        }
        #expect(expected.names(of: "conditional").count == 5)
    }

    /// Predictions that are frames moved by half a pixel: no picture of a block can say it, and a filter can.
    @Test func trainingLowersTheLoss() throws {
        let model = try ConditionalAutoencoder(Self.options(width: 32))
        let wide = try made("pixels", [4, 32, 33, 3], 100, 128)
        let (left, right) = (try wide.sliced(0..<32, along: 2), try wide.sliced(1..<33, along: 2))
        let prediction = try (left + right) * 0.5
        var fit = PrincipalComponents.Fit()
        for values in [left, right] {
            let residual = try (values - prediction).floats().map { Int16($0) }
            residual.withUnsafeBufferPointer { fit.add($0, width: 32, height: 4 * 32) }
        }
        let components = try #require(try fit.components())
        try model.begin(with: components)
        let optimiser = try AdamW(model.store)
        var losses: [Double] = []
        for _ in 0..<40 {
            let loss = try model.loss(left, predictions: prediction).loss
            losses.append(try loss.detached().item())
            try loss.backward()
            _ = try optimiser.step(optimiser.gradients(), rate: 5e-3, loss: loss)
        }
        // The squared error falls by a third at least.
        #expect(losses[39] < losses[0] - 0.4, "\(losses)")
    }

    /// Runs that were made before there was a choice do not name their coding.
    @Test func olderRunsCodeResiduals() throws {
        for coding in ResidualCoding.allCases {
            let options = try AutoencoderOptions(preset: .compact, coding: coding)
            var members = try #require(try JSONValue(encoding: options).members)
            #expect(try JSONValue.object(members).decoded(as: AutoencoderOptions.self) == options)
            #expect(members.removeValue(forKey: "coding") == .text(coding.rawValue))
            #expect(try JSONValue.object(members).decoded(as: AutoencoderOptions.self).coding == .residual)
        }
    }
}
