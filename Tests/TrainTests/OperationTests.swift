import Testing
import Train

/// Operations that layers do not cover, against PyTorch in float64 (`Tests/Peers/torch_expected.py`).
@Suite struct OperationTests {
    private static let elements: [TrialCase] = [
        TrialCase("silu") { try wide($0).silu() },
        TrialCase("gelu") { try wide($0).gelu() },
        TrialCase("quick gelu") { try wide($0).quickGELU() },
        TrialCase("softmax of rows") { try wide($0).softmax(along: -1) },
        TrialCase("softmax of columns") { try wide($0).softmax(along: 0) },
        TrialCase("cross-entropy") { try wide($0).crossEntropy(Tensor([6, 0, 3, 3, 1] as [Int64])) },
        TrialCase("layer norm") { try wide($0).layerNorm(nil, nil) },
        TrialCase("layer norm with weights") {
            try wide($0).layerNorm($0.input("weight", [7], 0.5, 1), $0.input("bias", [7], 0.5))
        },
    ]

    private static let products = [
        TrialCase("solved") { trial in
            let diagonal: [Float] = (0..<16).map { $0 % 5 == 0 ? 1 : 0 }
            let matrix = try trial.input("a", [2, 4, 4], 0.2) + Tensor(diagonal, shape: [4, 4])
            return try matrix.solved(trial.input("b", [2, 4, 3]))
        }
    ]

    private static func wide(_ trial: Trial) throws -> Tensor { try trial.input("x", [5, 7], 8) }

    private static let sizes: [TrialCase] =
        [("smaller", 4, 3), ("larger", 14, 9), ("both", 4, 15), ("same", 9, 7)].flatMap { name, height, width in
            [false, true].map { antialias in
                TrialCase("resized \(name)\(antialias ? ", antialiased" : "")") {
                    try $0.input("x", [2, 9, 7, 3]).resized(height: height, width: width, antialias: antialias)
                }
            }
        }
        + [2, 3].map { factor in
            TrialCase("upsampled \(factor)") { try $0.input("x", [2, 3, 2, 3]).upsampled(factor) }
        }

    // Widths and lengths on both sides of what the kernels take.
    private static let attention: [TrialCase] =
        [(1, 8, 1), (2, 8, 5), (3, 20, 4), (1, 128, 3), (1, 130, 3), (2, 32, 15)].map { heads, width, length in
            TrialCase("sequence attention of \(length), \(heads)x\(width)") {
                try $0.input("x", [2, length, 2, 3 * heads * width], 2).sequenceAttention(
                    heads: heads, bias: $0.input("bias", [heads, length, length], 2))
            }
        }
        + [(1, 8, 1), (2, 8, 5), (3, 20, 4), (1, 64, 3), (1, 66, 3)].map { heads, width, positions in
            TrialCase("linear attention of \(positions), \(heads)x\(width)") {
                try $0.input("x", [2, positions, 3 * heads * width], 3).linearAttention(heads: heads)
            }
        }

    private static let cases = elements + products + sizes + attention

    @Test(arguments: cases)
    func equals(trial: TrialCase) throws { try trial.check(in: "operations") }

    @Test func comparesAndFindsTheGreatest() throws {
        let (left, right) = (try Tensor([1, 2, .nan, -1] as [Float]), try Tensor([2, 2, 0, 0] as [Float]))
        let less = try left .< right
        #expect(less.type == .bool)
        #expect(try less.floats() == [1, 0, 0, 1])
        let rows = try Tensor([3, 9, 9, -1, -5, -2] as [Float], shape: [2, 3])
        #expect(try rows.indexOfMax(along: -1).floats() == [1, 0])
        #expect(try rows.indexOfMax(along: 0).floats() == [0, 0, 0])
    }

    @Test func coversWhatIsExpected() throws {
        #expect(try Set(Self.cases.map(\.name)) == ExpectedValues("operations").cases)
    }
}
