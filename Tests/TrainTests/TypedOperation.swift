import TestSupport
import Testing
import Train

/// An operation with inputs of its own, which may be of any type of floating point.
struct TypedOperation: CustomTestStringConvertible, Sendable {
    enum Input: Sendable {
        /// Shape, scale and offset of numbers of the type that is tried.
        case values([Int], Double = 1, Double = 0)
        /// The same in float32 whatever the type, as models keep the parameters of norms.
        case parameters([Int], Double = 1, Double = 0)
    }

    let testDescription: String
    let inputs: [Input]
    let call: @Sendable ([Tensor]) throws -> Tensor

    init(_ name: String, _ inputs: [Input], _ call: @escaping @Sendable ([Tensor]) throws -> Tensor) {
        (testDescription, self.inputs, self.call) = (name, inputs, call)
    }

    /// Inputs on the CPU that hold what `type` can hold.
    func made(_ type: ElementType) throws -> [Tensor] {
        try inputs.enumerated().map { index, input in
            switch input {
            case .values(let shape, let scale, let offset):
                try TrainTests.made("\(testDescription) \(index)", shape, scale, offset).to(type)
            case .parameters(let shape, let scale, let offset):
                try TrainTests.made("\(testDescription) \(index)", shape, scale, offset)
            }
        }
    }

    /// The output and the gradient of each input.
    func results(of inputs: [Tensor]) throws -> [Tensor] {
        let leaves = try inputs.map { try $0.copy() }
        for leaf in leaves { try leaf.requireGradient() }
        let output = try call(leaves)
        // Weights that every type holds exactly.
        let weights = try TrainTests.made("weights", output.shape).to(.bfloat16).to(output.type).to(output.device)
        try (output * weights).sum().backward()
        return try [output.detached()] + leaves.map { try #require(try $0.gradient()) }
    }
}

extension Requirement {
    /// A GPU, and a libtorch that computes on it.
    static let cuda = {
        var isThere = true
        do { try Device.cuda.open() } catch { isThere = false }
        return Requirement("a CUDA device", source: "a GPU and a CUDA build of libtorch", isOwedByCI: false) {
            [isThere] in isThere
        }
    }()
}

extension TypedOperation {
    /// All that `Operations.swift` and the layers have.
    static let all = shapes + elements + reductions + products + sizes + norms + attention

    private static let x = Input.values([3, 4, 5])

    private static let shapes: [TypedOperation] = [
        TypedOperation("reshaped", [x]) { try $0[0].reshaped([4, -1]) },
        TypedOperation("permuted", [x]) { try $0[0].permuted([2, 0, 1]) },
        TypedOperation("contiguous", [x]) { try $0[0].permuted([2, 0, 1]).contiguous() },
        TypedOperation("expanded", [.values([3, 1])]) { try $0[0].expanded([3, 4]) },
        TypedOperation("sliced", [x]) { try $0[0].sliced(1..<3, along: 1) },
        TypedOperation("concatenated", [x, .values([3, 2, 5])]) { try .concatenated($0, along: 1) },
        TypedOperation("selected", [x]) {
            try $0[0].selected(Tensor([2, 0, 2] as [Int64], device: $0[0].device), along: 1)
        },
        TypedOperation("cumulative sum", [x]) { try $0[0].cumulativeSum(along: 1) },
        TypedOperation("copy", [x]) { try $0[0].copy() },
    ]

    private static let positive = Input.values([3, 4, 5], 0.5, 1)

    private static let elements: [TypedOperation] = [
        TypedOperation("sum of two", [x, .values([4, 1])]) { try $0[0] + $0[1] },
        TypedOperation("difference", [x, .values([4, 1])]) { try $0[0] - $0[1] },
        TypedOperation("product of two", [x, .values([4, 1])]) { try $0[0] * $0[1] },
        TypedOperation("quotient", [x, .values([4, 1], 0.5, 1)]) { try $0[0] / $0[1] },
        TypedOperation("affine", [x]) { try $0[0].affine(1.5, -0.5) },
        TypedOperation("clamped", [x]) { try $0[0].clamped(-0.5, 0.25) },
        TypedOperation("absolute", [x]) { try $0[0].absolute() },
        TypedOperation("rounded", [.values([3, 4, 5], 8)]) { try $0[0].rounded() },
        TypedOperation("squared", [x]) { try $0[0].squared() },
        TypedOperation("square root", [positive]) { try $0[0].squareRoot() },
        TypedOperation("exponential", [x]) { try $0[0].exponential() },
        TypedOperation("logarithm", [positive]) { try $0[0].logarithm() },
        TypedOperation("tanh", [x]) { try $0[0].tanh() },
        TypedOperation("sigmoid", [x]) { try $0[0].sigmoid() },
        TypedOperation("silu", [x]) { try $0[0].silu() },
        TypedOperation("gelu", [x]) { try $0[0].gelu() },
        TypedOperation("quick gelu", [x]) { try $0[0].quickGELU() },
    ]

    private static let reductions: [TypedOperation] = [
        TypedOperation("sum", [x]) { try $0[0].sum([1]) },
        TypedOperation("mean", [x]) { try $0[0].mean([0, 2], keep: true) },
        TypedOperation("maximum", [x]) { try $0[0].max([2]) },
        TypedOperation("softmax", [x]) { try $0[0].softmax(along: 1) },
        TypedOperation("cross-entropy", [.values([4, 5])]) {
            try $0[0].crossEntropy(Tensor([4, 0, 2, 2] as [Int64], device: $0[0].device))
        },
    ]

    private static let identity: [Float] = (0..<16).map { $0 % 5 == 0 ? 1 : 0 }

    private static let products: [TypedOperation] =
        [
            TypedOperation("matrix product", [x, .values([3, 5, 2])]) { try $0[0].matmul($0[1]) },
            TypedOperation("solved", [.values([3, 4, 4], 0.2), .values([3, 4, 2])]) {
                try ($0[0] + Tensor(identity, shape: [4, 4]).to($0[0].type).to($0[0].device)).solved($0[1])
            },
            TypedOperation("linear", [x, .values([7, 5]), .values([7])]) { try $0[0].linear($0[1], $0[2]) },
            TypedOperation("linear without bias", [x, .values([7, 5])]) { try $0[0].linear($0[1], nil) },
            TypedOperation("embedded", [.values([6, 4])]) {
                try $0[0].embedded(Tensor([5, 0, 5, 3] as [Int64], shape: [2, 2], device: $0[0].device))
            },
            TypedOperation("transposed convolution", [.values([2, 3, 3, 4]), .values([4, 5, 4, 4]), .values([5])]) {
                try $0[0].transposedConvolution($0[1], $0[2], stride: 2, padding: 1)
            },
            TypedOperation("convolution without bias", [.values([2, 5, 6, 3]), .values([4, 3, 3, 3])]) {
                try $0[0].convolution($0[1], nil, stride: 1, padding: 1)
            },
        ]
        + [(7, 3, 1), (6, 4, 2), (1, 3, 1), (2, 3, 1)].map { size, kernel, stride in
            TypedOperation(
                "convolution \(kernel)x\(kernel) of \(size)x\(size)",
                [.values([2, size, size, 8]), .values([4, 8, kernel, kernel]), .values([4])]
            ) {
                // The order in memory of a model's weights.
                let weight = try $0[1].permuted([0, 2, 3, 1]).contiguous().permuted([0, 3, 1, 2])
                return try $0[0].convolution(weight, $0[2], stride: stride, padding: 1)
            }
        }

    private static let image = Input.values([2, 8, 6, 3])

    private static let sizes: [TypedOperation] = [
        TypedOperation("upsampled", [image]) { try $0[0].upsampled(2) },
        TypedOperation("resized", [image]) { try $0[0].resized(height: 5, width: 9, antialias: false) },
        TypedOperation("resized, antialiased", [image]) { try $0[0].resized(height: 5, width: 3, antialias: true) },
        TypedOperation("resized bicubically", [image]) { try $0[0].resizedBicubically(height: 5, width: 9) },
    ]

    private static let norms: [TypedOperation] =
        [
            TypedOperation("layer norm without parameters", [.values([2, 3, 16])]) { try $0[0].layerNorm(nil, nil) },
            TypedOperation("layer norm without bias", [.values([2, 3, 16]), .parameters([16], 0.5, 1)]) {
                try $0[0].layerNorm($0[1], nil)
            },
            TypedOperation("layer norm", [.values([2, 3, 16]), .parameters([16], 0.5, 1), .parameters([16], 0.5)]) {
                try $0[0].layerNorm($0[1], $0[2])
            },
            TypedOperation("layer norm of one type", [.values([2, 3, 16]), .values([16], 0.5, 1), .values([16], 0.5)]) {
                try $0[0].layerNorm($0[1], $0[2])
            },
        ]
        + [(false, false), (true, false), (false, true), (true, true)].map { isModulated, silu in
            TypedOperation(
                "group norm\(isModulated ? ", modulated" : "")\(silu ? ", silu" : "")",
                [.values([2, 9, 16], 2), .parameters([16], 0.5, 1), .parameters([16], 0.5)]
                    + (isModulated ? [.values([2, 32])] : [])
            ) {
                try $0[0].groupNorm(4, $0[1], $0[2], modulation: isModulated ? $0[3] : nil, silu: silu)
            }
        }

    // Widths and lengths on both sides of what the kernels for the CPU take.
    private static let attention: [TypedOperation] =
        [5, 66].flatMap { length in
            [
                TypedOperation("attention of \(length)", [.values([2, length, 2, 48])]) {
                    try $0[0].sequenceAttention(heads: 2, bias: nil)
                },
                TypedOperation(
                    "attention of \(length), biased", [.values([2, length, 2, 48]), .parameters([2, length, length])]
                ) { try $0[0].sequenceAttention(heads: 2, bias: $0[1]) },
            ]
        }
        + [
            TypedOperation(
                "attention among other tokens", [.values([2, 40, 24]), .values([2, 9, 24]), .values([2, 9, 24])]
            ) { try $0[0].attention(keys: $0[1], values: $0[2], heads: 3) }
        ]
        + [8, 66].map { width in
            TypedOperation("linear attention of width \(width)", [.values([2, 9, 6 * width])]) {
                try $0[0].linearAttention(heads: 2)
            }
        }
}
