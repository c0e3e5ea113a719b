import Storage
import Testing
import Train

/// The fused kernels against the same mathematics in Tensor operations, in both types, on any number of threads.
@Suite struct KernelTests {
    /// A kernel, its inputs, and what it should compute, in float32.
    struct Kernel: CustomTestStringConvertible, Sendable {
        let testDescription: String
        /// Shape, scale and offset of each input; the first is what may be of lower precision.
        let inputs: [(shape: [Int], scale: Double, offset: Double)]
        let fused: @Sendable ([Tensor]) throws -> Tensor
        let composed: @Sendable ([Tensor]) throws -> Tensor

        func tensors(_ type: ElementType) throws -> [Tensor] {
            try inputs.enumerated().map { index, input in
                let tensor = try made("kernel \(index)", input.shape, input.scale, input.offset)
                return index == 0 ? try tensor.to(type) : tensor
            }
        }
    }

    /// What a kernel gives: the output and the gradient of each input, as float32.
    private static func results(
        _ call: ([Tensor]) throws -> Tensor, _ inputs: [Tensor], weighs: [Float]? = nil
    ) throws -> [[Float]] {
        let leaves = try inputs.map { try $0.copy() }
        for leaf in leaves { try leaf.requireGradient() }
        let output = try call(leaves)
        let weights = try Tensor(weighs ?? madeValues("weights", output.count), shape: output.shape)
        // Weights that both types hold exactly.
        try (output * weights.to(.bfloat16).to(output.type)).sum().backward()
        return try [output.floats()] + leaves.map { try #require(try $0.gradient()).floats() }
    }

    @Test(arguments: kernels)
    func equalsItsParts(kernel: Kernel) throws {
        let inputs = try kernel.tensors(.float32)
        let (found, expected) = (try Self.results(kernel.fused, inputs), try Self.results(kernel.composed, inputs))
        for index in found.indices { expectClose(found[index], expected[index], within: 1e-4, "result \(index)") }
    }

    /// The kernels compute in float32 and round once, to 8 bits.
    @Test(arguments: kernels)
    func equalsItsPartsInLowerPrecision(kernel: Kernel) throws {
        let inputs = try kernel.tensors(.bfloat16)
        let found = try Self.results(kernel.fused, inputs)
        let expected = try Self.results(kernel.composed, inputs.map { try $0.to(.float32) })
        for index in found.indices { expectClose(found[index], expected[index], within: 0x1p-8, "result \(index)") }
    }

    @Test(arguments: kernels, [ElementType.float32, .bfloat16])
    func threadsChangeNothing(kernel: Kernel, type: ElementType) throws {
        let before = Device.threads
        defer { Device.threads = before }
        let inputs = try kernel.tensors(type)
        let results = try [1, 2, 3].map { threads in
            Device.threads = threads
            return try Self.results(kernel.fused, inputs)
        }
        #expect(results[0] == results[1] && results[0] == results[2])
    }

    /// What is no number, or too large for one, shows in the output and in the gradients where the mathematics has it,
    /// and nowhere else.
    @Test(arguments: kernels, [0x7FC0_0000, 0xFFC0_0000, 0x7FFF_FFFF, 0x7F80_0000, 0xFF80_0000] as [UInt32])
    func losesNothingThatIsNoNumber(kernel: Kernel, bits: UInt32) throws {
        for type in [ElementType.float32, .bfloat16] {
            for input in kernel.inputs.indices {
                var inputs = try kernel.tensors(type)
                var values = try inputs[input].floats()
                values[values.count / 3] = Float(bitPattern: bits)
                inputs[input] = try Tensor(values, shape: inputs[input].shape).to(inputs[input].type)
                let found = try Self.results(kernel.fused, inputs)
                let expected = try Self.results(kernel.composed, inputs.map { try $0.to(.float32) })
                for index in found.indices {
                    let lost = zip(found[index], expected[index]).filter { $0.isFinite && !$1.isFinite }.count
                    #expect(lost == 0, "input \(input), result \(index), \(type): \(lost) numbers where none are")
                    guard values[values.count / 3].isNaN else { continue }
                    let more = zip(found[index], expected[index]).filter { !$0.isFinite && $1.isFinite }.count
                    #expect(more == 0, "input \(input), result \(index), \(type): \(more) numbers lost")
                }
            }
        }
    }

    /// A gradient that is no number reaches the gradients of the inputs.
    @Test(arguments: kernels)
    func gradientsLoseNothingThatIsNoNumber(kernel: Kernel) throws {
        for type in [ElementType.float32, .bfloat16] {
            let inputs = try kernel.tensors(type)
            var weights = madeValues("weights", try kernel.fused(inputs).count)
            weights[weights.count / 2] = .nan
            let found = try Self.results(kernel.fused, inputs, weighs: weights)
            let expected = try Self.results(
                kernel.composed, inputs.map { try $0.to(.float32) }, weighs: weights)
            for index in found.indices {
                #expect(found[index].map(\.isNaN) == expected[index].map(\.isNaN), "result \(index), \(type)")
            }
        }
    }

    /// A first pixel far from the others must not cost the precision of the variance.
    @Test func normalisesPastAnOutlier() throws {
        for place in [0, 700] {
            var values = madeValues("x", 2000 * 16)
            values[place * 16 + 5] = 1000
            let x = try Tensor(values, shape: [1, 2000, 16])
            let (weight, bias) = (try Tensor.full([16], 1), try Tensor.zeros([16]))
            let found = try x.groupNorm(8, weight, bias, silu: false)
            let exact = try Kernels.groupNorm(
                8, x.to(.float64), weight.to(.float64), bias.to(.float64), nil, silu: false)
            expectClose(try found.floats(), try exact.floats(), within: 1e-5, "outlier at \(place)")
        }
    }

    @Test func refusesWhatDoesNotFit() throws {
        let (x, right, wrong) = (try Tensor.zeros([2, 3, 8]), try Tensor.zeros([8]), try Tensor.zeros([7]))
        #expect(throws: PFrameError.self) { try x.groupNorm(8, wrong, right, silu: true) }
        #expect(throws: PFrameError.self) { try x.groupNorm(8, right, wrong, silu: true) }
        #expect(throws: PFrameError.self) { try x.groupNorm(3, right, right, silu: true) }
        #expect(throws: PFrameError.self) {
            try x.groupNorm(8, right, right, modulation: Tensor.zeros([1, 16]), silu: true)
        }
        #expect(throws: PFrameError.self) {
            try x.groupNorm(8, right, right, modulation: Tensor.zeros([16]), silu: true)
        }
        let qkv = try Tensor.zeros([1, 4, 2, 48])
        for shape in [[4, 4], [2, 3, 4], [1, 4, 4], [2, 5, 5]] {
            #expect(throws: PFrameError.self) { try qkv.sequenceAttention(heads: 2, bias: Tensor.zeros(shape)) }
        }
        #expect(throws: PFrameError.self) { try qkv.sequenceAttention(heads: 5, bias: nil) }
        #expect(throws: PFrameError.self) { try Tensor.zeros([1, 4, 48]).linearAttention(heads: 5) }
    }

    private static let kernels: [Kernel] = Kernels.all
}

/// The kernels and their parts, at many shapes.
private enum Kernels {
    static let all: [KernelTests.Kernel] = groupNorms + sequences + linear

    private static let groupNorms: [KernelTests.Kernel] =
        [(1, 1, 8, 8), (2, 3, 8, 8), (3, 5, 24, 8), (1, 64, 72, 8), (2, 700, 48, 8), (1, 3000, 8, 4), (4, 33, 40, 1)]
        .flatMap { clips, positions, channels, groups in
            [(false, false), (true, false), (false, true), (true, true)].map { isModulated, silu in
                groupNorm(clips, positions, channels, groups, isModulated: isModulated, silu: silu)
            }
        }

    private static func groupNorm(
        _ clips: Int, _ positions: Int, _ channels: Int, _ groups: Int, isModulated: Bool, silu: Bool
    ) -> KernelTests.Kernel {
        let modulation = isModulated ? [([clips, 2 * channels], 1.0, 0.0)] : []
        let what = (isModulated ? ", modulated" : "") + (silu ? ", silu" : "")
        return KernelTests.Kernel(
            testDescription: "group norm of \([clips, positions, channels]) in \(groups)\(what)",
            inputs: [([clips, positions, channels], 2, 0.5), ([channels], 0.5, 1), ([channels], 0.5, 0)] + modulation,
            fused: {
                try $0[0].groupNorm(groups, $0[1], $0[2], modulation: isModulated ? $0[3] : nil, silu: silu)
            },
            composed: { try groupNorm(groups, $0[0], $0[1], $0[2], isModulated ? $0[3] : nil, silu: silu) })
    }

    static func groupNorm(
        _ groups: Int, _ x: Tensor, _ weight: Tensor, _ bias: Tensor, _ modulation: Tensor?, silu: Bool
    ) throws -> Tensor {
        let (clips, positions, channels) = (x.shape[0], x.shape[1], x.shape[2])
        let parts = try x.reshaped([clips, positions, groups, channels / groups])
        let centred = try parts - parts.mean([1, 3], keep: true)
        let variance = try centred.squared().mean([1, 3], keep: true)
        var y = try (centred / (variance + 1e-5).squareRoot()).reshaped(x.shape) * weight + bias
        if let modulation {
            let both = try modulation.reshaped([clips, 1, 2 * channels])
            let (scale, shift) = (
                try both.sliced(0..<channels, along: 2), try both.sliced(channels..<2 * channels, along: 2)
            )
            y = try y * (scale + 1) + shift
        }
        return silu ? try y * y.sigmoid() : y
    }

    private static let sequences: [KernelTests.Kernel] =
        [
            (1, 1, 1, 1, 8), (1, 2, 3, 2, 8), (2, 15, 5, 8, 32), (1, 16, 20, 2, 32), (3, 64, 2, 1, 32),
            (1, 17, 9, 2, 32), (2, 7, 40, 3, 20), (1, 9, 3, 1, 128),
        ].flatMap { batch, length, positions, heads, width in
            [false, true].map { isBiased in
                KernelTests.Kernel(
                    testDescription:
                        "attention of \([batch, length, positions]), \(heads)x\(width)\(isBiased ? ", biased" : "")",
                    inputs: [([batch, length, positions, 3 * heads * width], 2, 0)]
                        + (isBiased ? [([heads, length, length], 3, 0)] : []),
                    fused: { try $0[0].sequenceAttention(heads: heads, bias: isBiased ? $0[1] : nil) },
                    composed: { try attention($0[0], heads, isBiased ? $0[1] : nil) })
            }
        }

    private static func attention(_ qkv: Tensor, _ heads: Int, _ bias: Tensor?) throws -> Tensor {
        let (batch, length, positions, inner) = (qkv.shape[0], qkv.shape[1], qkv.shape[2], qkv.shape[3] / 3)
        // (B, P, heads, T, d)
        let parts = try (0..<3).map { part in
            try qkv.sliced(part * inner..<(part + 1) * inner, along: 3)
                .reshaped([batch, length, positions, heads, inner / heads]).permuted([0, 2, 3, 1, 4])
        }
        var scores = try parts[0].matmul(parts[1].permuted([0, 1, 2, 4, 3]))
        scores = try scores * (1 / Double(inner / heads).squareRoot())
        if let bias { scores = try scores + bias }
        return try scores.softmax(along: -1).matmul(parts[2]).permuted([0, 3, 1, 2, 4])
            .reshaped([batch, length, positions, inner])
    }

    private static let linear: [KernelTests.Kernel] =
        [
            (1, 1, 1, 8), (2, 3, 2, 8), (15, 64, 8, 32), (1, 300, 2, 32), (3, 17, 2, 20), (2, 5, 1, 64),
            (1, 128, 1, 16),
        ].map { images, positions, heads, width in
            KernelTests.Kernel(
                testDescription: "linear attention of \([images, positions]), \(heads)x\(width)",
                inputs: [([images, positions, 3 * heads * width], 4, 0)],
                fused: { try $0[0].linearAttention(heads: heads) },
                composed: { try linearAttention($0[0], heads) })
        }

    private static func linearAttention(_ qkv: Tensor, _ heads: Int) throws -> Tensor {
        let (images, positions, inner) = (qkv.shape[0], qkv.shape[1], qkv.shape[2] / 3)
        // (N, heads, P, d)
        let parts = try (0..<3).map { part in
            try qkv.sliced(part * inner..<(part + 1) * inner, along: 2)
                .reshaped([images, positions, heads, inner / heads]).permuted([0, 2, 1, 3])
        }
        let queries = try parts[0].softmax(along: -1) * (1 / Double(inner / heads).squareRoot())
        let context = try parts[1].softmax(along: 2).permuted([0, 1, 3, 2]).matmul(parts[2])
        return try queries.matmul(context).permuted([0, 2, 1, 3]).reshaped([images, positions, inner])
    }
}
