import Storage
import Testing
import Train

/// The whole U-Net against PyTorch's (`Python/pframe`).
@Suite struct UNet3DTests {
    @Test func equalsPyTorch() throws {
        let (expected, store) = (try ExpectedValues("unet3d"), ParameterStore())
        var options = UNetOptions()
        (options.width, options.multiples, options.inputs, options.outputs) = (16, [1, 2], 5, 4)
        (options.frames, options.text) = (3, 6)
        let model = try UNet3D(store.root, options)
        try fill(store, for: "unet")
        let (x, text) = (try made("unet/x", [6, 8, 8, 5]), try made("unet/text", [2, 6]))
        for input in [x, text] { try input.requireGradient() }
        let output = try model(x, steps: Tensor([17, 803] as [Int64]), text: text)
        try expected.expect("unet/output", output)
        try (output * made("unet/weights", output.shape)).sum().backward()
        try expected.expect("unet/gradient.x", #require(try x.gradient()))
        try expected.expect("unet/gradient.text", #require(try text.gradient()))
        for parameter in store.parameters {
            let gradient = try #require(try parameter.tensor.gradient(), "\(parameter.name)")
            let full = "unet/gradient.\(parameter.name)"
            if expected.file[full] != nil { try expected.expect(full, gradient) }
            let direction = try made("unet/direction.\(parameter.name)", gradient.shape)
            let summary = try [(gradient * direction).sum().item(), gradient.squared().sum().squareRoot().item()]
            let values = try expected.values("unet/summary.\(parameter.name)").map(Double.init)
            for (one, other) in zip(summary, values) {
                #expect(abs(one - other) <= 1e-4 * max(1, values[1]), "\(parameter.name): \(one), expected \(other)")
            }
        }
        let summaries = expected.names(of: "unet").filter { $0.hasPrefix("summary.") }
        #expect(summaries == Set(store.parameters.map { "summary.\($0.name)" }))
    }

    @Test func framesThatDoNotFitAreRefused() throws {
        let store = ParameterStore()
        var options = UNetOptions()
        (options.width, options.multiples, options.frames) = (8, [1], 4)
        let model = try UNet3D(store.root, options)
        let step = try Tensor.zeros([1], type: .int64)
        #expect(throws: PFrameError.self) { try model(Tensor.zeros([6, 2, 2, 3]), steps: step, text: nil) }
    }

    /// The presets of the paper: parameters, and operations as PyTorch's flop counter counts them.
    @Test(arguments: [
        ("ED-VDM", 192, 34, 18, 15, 8), ("D-VDM", 120, 67, 3, 15, 128), ("VDM", 120, 3, 3, 16, 128),
    ])
    func takesAsManyOperations(
        name: String, width: Int, inputs: Int, outputs: Int, frames: Int, height: Int
    ) throws {
        let facts = try ExpectedValues("unet3d").file.metadata
        let store = ParameterStore(device: .meta)
        var options = UNetOptions()
        (options.width, options.inputs, options.outputs, options.frames) = (width, inputs, outputs, frames)
        let model = try UNet3D(store.root, options)
        let before = FlopCount.now
        let x = try Tensor.zeros([frames, height, height, inputs], device: .meta)
        let step = try Tensor.zeros([1], type: .int64, device: .meta)
        #expect(try model(x, steps: step, text: nil).shape == [frames, height, height, outputs])
        let after = FlopCount.now
        let (forward, backward) = (after.forward - before.forward, after.backward - before.backward)
        #expect(facts["\(name) parameters"] == String(store.count))
        let expected = try #require(facts["\(name) forward"].flatMap(Double.init))
        #expect(abs(forward - expected) <= 0.005 * expected, "\(forward) forward, expected \(expected)")
        let both = try #require(facts["\(name) forward and backward"].flatMap(Double.init))
        #expect(abs(forward + backward - both) <= 0.005 * both, "\(forward + backward), expected \(both)")

    }
}
