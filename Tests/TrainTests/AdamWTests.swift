import Storage
import TestSupport
import Testing
import Train

/// Steps against `torch.optim.AdamW` in float64 (`Tests/Peers/torch_expected.py`).
@Suite struct AdamWTests {
    /// What the optimiser keeps of one parameter.
    private struct State {
        let weight, gradient, first, second, average: Tensor
        let low: Tensor?

        init(_ weight: Tensor, gradient: Tensor, precision: Precision) throws {
            (self.weight, self.gradient) = (weight, gradient)
            (first, second, average) = (try weight.zerosLike(), try weight.zerosLike(), try weight.copy())
            low = precision == .bfloat16 ? try weight.to(.bfloat16) : nil
        }

        func step(_ number: Int, decay: Double) throws { try Self.step(number, [(self, decay)], scale: 0.5) }

        /// A step of parameters together, each with its decay.
        static func step(_ number: Int, _ states: [(State, Double)], scale: Double) throws {
            let scale = try Tensor.full([], scale, device: states[0].0.weight.device)
            var update = Update(rate: 0.01, step: number, scale: scale)
            (update.beta2, update.averageDecay) = (0.99, 0.8)
            update.parts = states.map { state, decay in
                Update.Part(
                    weight: state.weight, low: state.low, gradient: state.gradient, first: state.first,
                    second: state.second, average: state.average, decay: decay)
            }
            try update.apply()
        }
    }

    private static let shapes: [([Int], Double)] = [([1], 0.1), ([7], 0), ([33, 5], 0.1), ([4, 3, 3, 3], 0.1)]

    private static func name(_ shape: [Int], _ decay: Double) -> String {
        "\(shape.map(String.init).joined(separator: "x")) decay \(decay == 0 ? "0" : "\(decay)")"
    }

    /// A weight in the order of memory of a model's: convolutions with channels last.
    private static func weight(_ name: String, _ shape: [Int]) throws -> Tensor {
        let store = ParameterStore()
        _ = try store.root.parameter("weight", shape, .constant(0), isFixed: true)
        try store.parameters[0].master.set(made("\(name)/weight", shape))
        return store.parameters[0].master
    }

    @Test(arguments: shapes, [Precision.float32, .bfloat16])
    func equalsPyTorch(_ of: (shape: [Int], decay: Double), precision: Precision) throws {
        let (expected, name) = (try ExpectedValues("adamw"), Self.name(of.shape, of.decay))
        let weight = try Self.weight(name, of.shape)
        // The gradient in C order whatever the weight's order is, then in the weight's.
        for gradient in [try Tensor.zeros(of.shape), try weight.zerosLike()] {
            let state = try State(weight.copy(), gradient: gradient, precision: precision)
            for step in 1...5 {
                try gradient.set(made("\(name)/gradient \(step)", of.shape))
                try state.step(step, decay: of.decay)
                if let low = state.low { #expect(try low.bytes() == state.weight.to(.bfloat16).bytes()) }
                guard step == 1 || step == 5 else { continue }
                try expected.expect("\(name)/\(step).weight", state.weight, within: 1e-6)
                try expected.expect("\(name)/\(step).first", state.first, within: 1e-6)
                try expected.expect("\(name)/\(step).second", state.second, within: 1e-6)
                try expected.expect("\(name)/\(step).average", state.average, within: 1e-6)
            }
        }
    }

    @Test func coversWhatIsExpected() throws {
        #expect(try Set(Self.shapes.map { Self.name($0.0, $0.1) }) == ExpectedValues("adamw").cases)
    }

    /// Gradients of bfloat16 count as the numbers that they are.
    @Test func takesGradientsOfLowerPrecision() throws {
        let (shape, low) = ([33, 5], try made("low", [33, 5]).to(.bfloat16))
        let states = try [low, low.to(.float32)].map {
            try State(made("weight", shape), gradient: $0, precision: .bfloat16)
        }
        for state in states { try state.step(1, decay: 0.1) }
        #expect(try states[0].weight.bytes() == states[1].weight.bytes())
        #expect(try states[0].second.bytes() == states[1].second.bytes())
    }

    /// Where the kernel does not know a type, libtorch's own operations take the same step.
    @Test(arguments: [1, 0.5]) func stepsWithoutTheKernel(scale: Double) throws {
        try Self.compare(.cpu, .float16, scale: scale)
    }

    @Test(.requires(.cuda), arguments: [ElementType.float32, .bfloat16], [1, 0.5])
    func stepsOnCUDA(type: ElementType, scale: Double) throws { try Self.compare(.cuda, type, scale: scale) }

    /// Parameters of all shapes and decays in one call, with gradients in the weight's order of memory and in C order.
    private static func compare(_ device: Device, _ type: ElementType, scale: Double) throws {
        var (known, others): ([(State, Double)], [(State, Double)]) = ([], [])
        for (shape, decay) in shapes {
            let weight = try weight("weight", shape)
            let plain = try made("gradient", shape)
            let ordered = try weight.zerosLike()
            try ordered.set(plain)
            for gradient in [plain, ordered] {
                let low = try gradient.to(type)
                known.append((try State(weight.copy(), gradient: low.to(.float32), precision: .bfloat16), decay))
                let other = try State(weight.to(device).copy(), gradient: low.to(device), precision: .bfloat16)
                others.append((other, decay))
            }
        }
        for step in 1...3 {
            // A step spends its gradients.
            for (state, _) in known + others {
                try state.gradient.set(made("gradient \(step)", state.gradient.shape).to(type))
            }
            try State.step(step, known, scale: scale)
            try State.step(step, others, scale: scale)
        }
        for ((known, _), (other, _)) in zip(known, others) {
            expectClose(try other.weight.floats(), try known.weight.floats(), within: 1e-6, "weight")
            expectClose(try other.first.floats(), try known.first.floats(), within: 1e-6, "first moment")
            expectClose(try other.second.floats(), try known.second.floats(), within: 1e-6, "second moment")
            expectClose(try other.average.floats(), try known.average.floats(), within: 1e-6, "average")
            #expect(try other.low?.bytes() == other.weight.to(.bfloat16).bytes())
        }
        // A scale that is no number leaves weights, copies and moments as they are.
        for states in [known, others] {
            func kept() throws -> [[UInt8]] {
                try states.flatMap { state, _ in
                    try [state.weight, state.first, state.second, state.low].compactMap { try $0?.bytes() }
                }
            }
            let before = try kept()
            try State.step(4, states, scale: .nan)
            #expect(try kept() == before)
        }
    }

    /// A gradient that is no number makes the weight and its copy none; its neighbours stay.
    @Test(arguments: [UInt32(0x7FC0_0000), 0xFFC0_0000, 0x7FFF_FFFF, 0xFFFF_FFFF, 0x7F80_0000])
    func keepsWhatIsNoNumber(bits: UInt32) throws {
        var gradient = madeValues("gradient", 40)
        gradient[21] = Float(bitPattern: bits)
        let state = try State(made("weight", [40]), gradient: Tensor(gradient), precision: .bfloat16)
        try state.step(1, decay: 0)
        for tensor in [state.weight, state.average, try #require(state.low)] {
            #expect(try tensor.floats().enumerated().allSatisfy { $1.isFinite == ($0 != 21) })
        }
    }

    /// Gradients of a norm above the largest are scaled to it.
    @Test(arguments: [nil, 1, 100] as [Double?]) func clips(largest: Double?) throws {
        let store = ParameterStore()
        for name in ["one", "two"] { _ = try store.root.parameter(name, [2], .constant(0)) }
        var options = AdamW.Options()
        // A step as small as the gradient is.
        (options.epsilon, options.largestNorm) = (1, largest)
        let optimiser = try AdamW(store, options)
        let gradients: [[Float]] = [[3, 0], [0, -4]]
        let norm = try optimiser.step(gradients.map { try Tensor($0) }, rate: 0.1)
        #expect(try norm.item() == 5)
        let factor = Float(min(1, (largest ?? .infinity) / 5))
        for (parameter, gradient) in zip(store.parameters, gradients) {
            let expected = gradient.map { -0.1 * $0 * factor / (abs($0 * factor) + 1) }
            expectClose(try parameter.master.floats(), expected, within: 1e-6, "weights")
        }
    }

    /// A step whose loss or gradients are no finite numbers changes no weight.
    @Test(arguments: [(Double.nan, Float(1)), (.infinity, 1), (1, .nan), (1, .infinity), (1, 1)])
    func changesNothingWithoutNumbers(loss: Double, gradient: Float) throws {
        let store = ParameterStore()
        _ = try store.root.parameter("weight", [2], .constant(1))
        let optimiser = try AdamW(store)
        let norm = try optimiser.step([Tensor([1, gradient])], rate: 0.1, loss: Tensor.full([], loss))
        #expect(try norm.item().isFinite == gradient.isFinite)
        let isTaken = loss.isFinite && gradient.isFinite
        #expect(try (store.parameters[0].master.floats() != [1, 1]) == isTaken)
    }

    @Test func refusesWhatDoesNotFit() throws {
        let weight = try made("weight", [8])
        let part = Update.Part(
            weight: weight, low: nil, gradient: weight, first: weight, second: weight, average: nil, decay: 0)
        let (short, whole) = (try Tensor.zeros([4]), try Tensor([1, 2, 3, 4, 5, 6, 7, 8] as [Int64]))
        for wrong in [short, whole] {
            var parts = [part, part]
            (parts[0].first, parts[1].low) = (wrong, wrong)
            for part in parts {
                var update = Update(rate: 0.01, step: 1, scale: try Tensor.full([], 1))
                update.parts = [part]
                #expect(throws: PFrameError.self) { try update.apply() }
            }
        }
        for scale in [try Tensor.full([], 1, type: .float64), try Tensor.zeros([2])] {
            var update = Update(rate: 0.01, step: 1, scale: scale)
            update.parts = [part]
            #expect(throws: PFrameError.self) { try update.apply() }
        }
    }
}
