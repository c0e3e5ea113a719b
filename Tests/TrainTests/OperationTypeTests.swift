import TestSupport
import Testing
import Train

/// Every operation in every type on every device, against the same operation in float64 on the CPU, which other suites
/// compare with PyTorch.
@Suite struct OperationTypeTests {
    @Test(arguments: TypedOperation.all, [ElementType.float32, .bfloat16, .float16])
    func equalsFloat64(operation: TypedOperation, type: ElementType) throws {
        try Self.check(operation, type, .cpu)
    }

    @Test(.requires(.cuda), arguments: TypedOperation.all, [ElementType.float32, .bfloat16, .float16, .float64])
    func equalsFloat64OnCUDA(operation: TypedOperation, type: ElementType) throws {
        try Self.check(operation, type, .cuda)
    }

    private static func check(_ operation: TypedOperation, _ type: ElementType, _ device: Device) throws {
        let inputs = try operation.made(type)
        let expected = try operation.results(of: inputs.map { try $0.to(.float64) })
        let found = try operation.results(of: inputs.map { try $0.to(device) })
        for (index, (one, other)) in zip(found, expected).enumerated() {
            let what = index == 0 ? "the output" : "the gradient of input \(index - 1)"
            #expect(one.type == (index == 0 ? type : inputs[index - 1].type) && one.device == device, "\(what)")
            #expect(one.shape == other.shape, "\(what)")
            let values = try other.floats()
            let scale = values.reduce(1) { max($0, abs($1)) }
            let worst = zip(try one.to(.float64).floats(), values).reduce(Float(0)) { max($0, abs($1.0 - $1.1)) }
            #expect(worst <= tolerance(type, device) * scale, "\(what): off by \(worst) where numbers reach \(scale)")
        }
    }

    /// A few units in the last place; convolutions of float32 on a GPU may be in TF32, which has ten bits.
    private static func tolerance(_ type: ElementType, _ device: Device) -> Float {
        switch type {
        case .bfloat16: 0x1p-6
        case .float16: 0x1p-9
        default: device == .cuda ? 0x1p-9 : 0x1p-17
        }
    }

    @Test(arguments: [ElementType.float32, .bfloat16, .float16])
    func sumsInPlace(type: ElementType) throws { try Self.checkSums(type, .cpu) }

    @Test(.requires(.cuda), arguments: [ElementType.float32, .bfloat16, .float16])
    func sumsInPlaceOnCUDA(type: ElementType) throws { try Self.checkSums(type, .cuda) }

    /// What optimiser and exchange do to gradients: they are added to float32, and measured together.
    private static func checkSums(_ type: ElementType, _ device: Device) throws {
        let (first, second) = (try made("first", [7, 5]).to(type), try made("second", [3]).to(type))
        let total = try made("total", [7, 5]).to(device)
        try total.accumulate(first.to(device), scale: 0.5)
        let sums = zip(try made("total", [7, 5]).floats(), try first.floats()).map { $0 + 0.5 * $1 }
        expectClose(try total.floats(), sums, within: 1e-6, "sums")
        let tensors = try [first.to(device), second.to(device)]
        let norm = try AdamW.norm(tensors, device: device)
        let exact = try (first.floats() + second.floats()).reduce(0) { $0 + Double($1) * Double($1) }.squareRoot()
        #expect(norm.device == device && norm.type == .float64)
        #expect(try abs(norm.item() - exact) <= 1e-6 * exact, "expected \(exact)")
    }

    /// What CUDA refuses and the CPU takes: one operation of libtorch on two types. In float16 no kernel of PFrame's own
    /// stands in for libtorch's operations, so that these are the ones that run on a GPU.
    @Test(arguments: TypedOperation.all, [ElementType.float32, .bfloat16, .float16])
    func mixesNoTypes(operation: TypedOperation, type: ElementType) throws {
        let inputs = try operation.made(type)
        let watched = try Watched { _ = try operation.results(of: inputs) }
        #expect(watched.mixed == [])
        let weighing = watched.has("aten::mul", "\(type.name) \(type.name)")
        #expect(weighing, "the watch saw nothing")
    }

    /// All models, forward and backward, on the CPU's own kernels.
    @Test(arguments: ["ed-vdm", "d-vdm", "vdm"])
    func modelsMixNoTypes(model: String) throws {
        let watched = try Watched { _ = try Self.gradientNorm(model, .bfloat16, .cpu) }
        #expect(watched.mixed == [])
        let norms = watched.has("aten::layer_norm", "BFloat16 BFloat16")
        #expect(norms)
    }

    @Test func autoencoderMixesNoTypes() throws {
        let watched = try Watched { _ = try Self.gradientNorm("vae", .bfloat16, .cpu) }
        #expect(watched.mixed == [])
        let convolutions = watched.has("aten::conv2d", "BFloat16 BFloat16 BFloat16")
        #expect(convolutions)
    }

    @Test func noticesMixedTypes() throws {
        let (low, high) = (try Tensor.zeros([2, 4], type: .float16), try Tensor.zeros([2, 4]))
        #expect(try Watched { _ = try low + high }.mixed == ["aten::add: Half Float"])
    }

    @Test(arguments: ModelRegistry.families.map { $0.name })
    func trainsInBFloat16(model: String) throws { try Self.compare(model, .cpu) }

    @Test(.requires(.cuda), arguments: ModelRegistry.families.map { $0.name })
    func trainsInBFloat16OnCUDA(model: String) throws { try Self.compare(model, .cuda) }

    private static func compare(_ model: String, _ device: Device) throws {
        let found = try gradientNorm(model, .bfloat16, device)
        let expected = try gradientNorm(model, .float32, .cpu)
        #expect(abs(found.loss - expected.loss) <= 0.02 * expected.loss, "\(found), in float32 \(expected)")
        #expect(abs(found.norm - expected.norm) <= 0.1 * expected.norm, "\(found), in float32 \(expected)")
    }

    /// The loss of a small model, and the norm of its gradients.
    private static func gradientNorm(
        _ name: String, _ precision: Precision, _ device: Device
    ) throws -> (loss: Double, norm: Double) {
        let store: ParameterStore
        let loss: Tensor
        if let family = ModelRegistry.family(named: name) as? any VideoDiffusionFamily.Type {
            (store, loss) = try diffusionLoss(family, precision, device)
        } else {
            var options = try AutoencoderOptions(preset: .compact, height: 32, width: 32)
            options.widths = [16, 16, 24]
            let model = try ResidualAutoencoder(options, precision: precision, device: device)
            // What begins at zero gives no gradients to what comes before.
            for parameter in model.store.parameters where parameter.master.shape.count > 1 {
                try parameter.master.set(Tensor.normal(parameter.master.shape, seed: 2) * 0.05)
            }
            try model.store.mastersChanged()
            let residual = try made("residual", [2, 32, 32, 3], 20).to(device)
            (store, loss) = (model.store, try model.loss(residual, seeds: [RandomSeed(5), RandomSeed(6)]).loss)
        }
        try loss.backward()
        let gradients = try store.parameters.compactMap { try $0.tensor.gradient() }
        let squares = try gradients.map { try $0.to(.float32).squared().sum().item() }
        return (try loss.to(.float32).item(), squares.reduce(0, +).squareRoot())
    }

    private static func diffusionLoss<Family: VideoDiffusionFamily>(
        _ family: Family.Type, _ precision: Precision, _ device: Device
    ) throws -> (ParameterStore, Tensor) {
        var options = try DiffusionOptions<Family>(
            preset: .compact, frames: 4, height: 32, width: 32, unetWidth: 16, multiples: [1, 2])
        options.text = .none
        let model = try VideoDiffusion(options, textEntries: 0, precision: precision, device: device)
        let clip = options.clipShape
        let shape = [2 * clip[0]] + clip.dropFirst()
        let first = try made("first", [2, 32, 32, 3], 100, 120).to(.uint8).to(device)
        let loss = try model.loss(
            clean: Tensor.normal(shape, seed: 3).to(device), first: first, captions: nil,
            seeds: [RandomSeed(5), RandomSeed(6)])
        return (model.store, loss)
    }
}

extension ElementType {
    /// As libtorch calls it.
    fileprivate var name: String {
        switch self {
        case .bfloat16: "BFloat16"
        case .float16: "Half"
        case .float64: "Double"
        default: "Float"
        }
    }
}
