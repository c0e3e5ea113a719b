import Storage
import Testing
import Train

/// The blocks of latent diffusion, and the whole networks, against diffusers' in float64
/// (`Tests/Peers/diffusers_expected.py`).
@Suite struct ImageNetworkTests {
    private static let file = "diffusers/networks"

    private static let blocks: [TrialCase] =
        [("", 16, nil), (", skip", 8, nil), (", step", 16, 12), (", both", 8, 12)].map {
            (name: String, inputs: Int, step: Int?) in
            TrialCase("image residual block\(name)") { trial in
                let block = try trial.filled(
                    ImageResidualBlock(trial.scope, inputs, 16, step: step, groups: 8, epsilon: 1e-5))
                let x = try trial.input("x", [2, 5, 3, inputs])
                return try block(x, step: step.map { try trial.input("step", [2, $0]) })
            }
        }
        + [false, true].map { isLinear in
            TrialCase("spatial transformer\(isLinear ? ", linear" : "")") { trial in
                var options = SpatialTransformerOptions()
                (options.heads, options.context, options.layers) = (2, 12, 2)
                (options.groups, options.isLinear) = (8, isLinear)
                let transformer = try trial.filled(SpatialTransformer(trial.scope, 16, options))
                return try transformer(trial.input("x", [2, 4, 3, 16]), context: trial.input("context", [2, 5, 12]))
            }
        }

    private static let resampling: [TrialCase] =
        [false, true].flatMap { isLopsided in
            [(4, 6), (5, 7)].map { height, width in
                TrialCase("image downsampling\(isLopsided ? ", lopsided" : "") of \(height)x\(width)") { trial in
                    let layer = try trial.filled(ImageDownsampling(trial.scope, 8, isLopsided: isLopsided))
                    return try layer(trial.input("x", [2, height, width, 8]))
                }
            }
        } + [
            TrialCase("image upsampling") { trial in
                try trial.filled(ImageUpsampling(trial.scope, 8))(trial.input("x", [2, 3, 2, 8]))
            },
            TrialCase("image upsampling to 5x3") { trial in
                try trial.filled(ImageUpsampling(trial.scope, 8))(
                    trial.input("x", [2, 3, 2, 8]), height: 5, width: 3)
            },
        ]

    @Test(arguments: blocks + resampling) func blockEqualsDiffusers(_ trial: TrialCase) throws {
        try trial.checkSummaries(in: Self.file)
    }

    /// The shapes of Stable Diffusion 1.5 and 2.1, small; of latents that halve evenly and of others.
    @Test(arguments: ["sd1", "sd2"], ["even", "odd"]) func unetEqualsDiffusers(_ model: String, _ size: String) throws {
        var options = UNet2DOptions()
        let (widths, heads) = model == "sd1" ? ([16, 32, 32], [4, 4, 4]) : ([16, 32, 64], [1, 2, 4])
        options.levels = zip(widths, heads).enumerated().map { index, level in
            let transformers = index < 2 ? 1 : 0
            return UNet2DOptions.Level(
                width: level.0, heads: level.1, downTransformers: transformers, upTransformers: transformers)
        }
        options.groups = 8
        (options.context, options.isLinear, options.isUpcast) = model == "sd1" ? (24, false, false) : (32, true, true)
        let shape = options
        try TrialCase("\(model) unet \(size)") { trial in
            let unet = try UNet2DConditional(trial.scope, shape)
            try fill(trial.store, for: "\(model) unet")
            let (height, width) = size == "even" ? (8, 8) : (7, 5)
            return try unet(
                trial.input("x", [2, height, width, 4]), steps: Tensor([17, 803] as [Int64]),
                context: trial.input("context", [2, 6, shape.context]))
        }.checkSummaries(in: Self.file)
    }

    @Test func autoencoderEqualsDiffusers() throws {
        let (expected, trial) = (try ExpectedValues(Self.file), Trial("autoencoder"))
        var options = AutoencoderKLOptions()
        (options.widths, options.groups) = ([8, 16, 16, 16], 8)
        let model = try trial.filled(AutoencoderKL(trial.scope, options))
        let (mean, variance) = try model.encode(trial.input("image", [2, 24, 16, 3]))
        let decoded = try model.decode(trial.input("latents", [2, 3, 2, 4]))
        let outputs = [("mean", mean), ("variance", variance), ("decoded", decoded)]
        let weighted = try outputs.map { name, output in
            try expected.expect("autoencoder/\(name)", output)
            return try (output * made("autoencoder/weights.\(name)", output.shape)).sum()
        }
        try (weighted[0] + weighted[1] + weighted[2]).backward()
        try trial.expectGradients(in: expected)
    }

    @Test func autoencoderRefusesOtherSizes() throws {
        var options = AutoencoderKLOptions()
        (options.widths, options.groups) = ([8, 8], 4)
        let model = try AutoencoderKL(ParameterStore().root, options)
        for shape in [[1, 3, 4, 3], [1, 4, 0, 3], [4, 4, 3]] {
            let error = #expect(throws: PFrameError.self) { try model.encode(Tensor.zeros(shape)) }
            #expect(error?.message.contains("multiples of 2") == true)
        }
    }

    /// Against the products written out, of more tokens than are taken at once.
    @Test(arguments: [(300, 77), (65, 1030)]) func attendsAmongManyTokens(_ queries: Int, _ keys: Int) throws {
        let (heads, width) = (3, 8)
        let q = try made("attention/q", [2, queries, heads * width], 3)
        let (k, v) = (
            try made("attention/k", [2, keys, heads * width], 3), try made("attention/v", [2, keys, heads * width])
        )
        let leaves = [q, k, v]
        for leaf in leaves { try leaf.requireGradient() }
        func split(_ x: Tensor, _ order: [Int]) throws -> Tensor {
            try x.reshaped([2, x.shape[1], heads, width]).permuted(order)
        }
        let scores = try split(q, [0, 2, 1, 3]).matmul(split(k, [0, 2, 3, 1])) * (1 / Double(width).squareRoot())
        let expected = try scores.softmax(along: 3).matmul(split(v, [0, 2, 1, 3])).permuted([0, 2, 1, 3])
            .reshaped([2, queries, heads * width])
        let found = try q.attention(keys: k, values: v, heads: heads)
        try expectClose(found.floats(), expected.floats(), within: 1e-5, "attention")
        let weights = try made("attention/weights", found.shape)
        let gradients = try [expected, found].map { output in
            for leaf in leaves { leaf.clearGradient() }
            try (output * weights).sum().backward()
            return try leaves.map { try #require(try $0.gradient()).floats() }
        }
        for (found, expected) in zip(gradients[1], gradients[0]) {
            expectClose(found, expected, within: 1e-4, "gradient")
        }
    }

    @Test func attentionNamesShapesThatDoNotFit() throws {
        let (x, y) = (try Tensor.zeros([1, 2, 6]), try Tensor.zeros([1, 3, 4]))
        #expect(throws: PFrameError.self) { try x.attention(keys: y, values: y, heads: 2) }
        #expect(throws: PFrameError.self) { try x.attention(keys: x, values: x, heads: 4) }
    }
}

extension TrialCase {
    /// Compares the output, the gradients of all inputs, and the summaries of those of all parameters.
    fileprivate func checkSummaries(in file: String) throws {
        let (expected, trial) = (try ExpectedValues(file), Trial(name))
        let output = try run(trial)
        try expected.expect("\(name)/output", output)
        try (output * made("\(name)/weights", output.shape)).sum().backward()
        try trial.expectGradients(in: expected)
    }
}

extension Trial {
    /// Of a parameter: the product of its gradient with a vector, and the gradient's norm, a row for each by name.
    fileprivate func expectGradients(in expected: ExpectedValues) throws {
        for (key, leaf) in inputs { try expected.expect("\(name)/gradient.\(key)", #require(try leaf.gradient())) }
        let wanted = try expected.values("\(name)/summaries")
        #expect(wanted.count == 2 * store.parameters.count)
        let byName = store.parameters.sorted { $0.name.utf8.lexicographicallyPrecedes($1.name.utf8) }
        for (index, parameter) in byName.enumerated() {
            let gradient = try #require(try parameter.tensor.gradient(), "\(parameter.name)")
            let direction = try made("\(name)/direction.\(parameter.name)", gradient.shape)
            let found = try [(gradient * direction).sum().item(), gradient.squared().sum().squareRoot().item()]
            for place in 0..<2 {
                let difference = abs(found[place] - Double(wanted[2 * index + place]))
                #expect(difference <= 1e-4 * max(1, Double(wanted[2 * index + 1])), "\(parameter.name): \(difference)")
            }
        }
    }
}
