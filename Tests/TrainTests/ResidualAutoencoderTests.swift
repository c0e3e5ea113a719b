import Testing
import Train

/// The whole autoencoder against PyTorch's (`Python/pframe`).
@Suite struct ResidualAutoencoderTests {
    @Test func equalsPyTorch() throws {
        let expected = try ExpectedValues("vae")
        var options = try AutoencoderOptions(preset: .compact, height: 32, width: 48)
        options.widths = [8, 16, 24]
        let model = try ResidualAutoencoder(options)
        try fill(model.store, for: "vae")
        let residual = try made("vae/residual", [2, 32, 48, 3], 5)
        try residual.requireGradient()
        let (mean, variance) = try model.encode(residual)
        let outputs = try [("mean", mean), ("variance", variance), ("decoded", model.decode(mean))]
        var sum = try Tensor.zeros([])
        for (name, output) in outputs {
            try expected.expect("vae/\(name)", output)
            sum = try sum + (output * made("vae/weights.\(name)", output.shape, 0.1)).sum()
        }
        try sum.backward()
        try expected.expect("vae/gradient.residual", #require(try residual.gradient()))
        var summaries: Set<String> = []
        for parameter in model.store.parameters {
            guard let gradient = try parameter.tensor.gradient() else { continue }
            summaries.insert("summary.\(parameter.name)")
            let direction = try made("vae/direction.\(parameter.name)", gradient.shape)
            let summary = try [(gradient * direction).sum().item(), gradient.squared().sum().squareRoot().item()]
            let values = try expected.values("vae/summary.\(parameter.name)").map(Double.init)
            for (one, other) in zip(summary, values) {
                #expect(abs(one - other) <= 1e-4 * max(1, values[1]), "\(parameter.name): \(one), expected \(other)")
            }
        }
        #expect(summaries == expected.names(of: "vae").filter { $0.hasPrefix("summary.") })
    }
}
