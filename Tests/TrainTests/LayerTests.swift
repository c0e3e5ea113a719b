import Storage
import Testing
import Train

/// Every layer against PyTorch in float64 (`Tests/Peers/torch_expected.py`): output and gradients within 1e-4.
@Suite struct LayerTests {
    private static let products: [TrialCase] = [
        TrialCase("linear") { try $0.filled(Linear($0.scope, 5, 7))($0.input("x", [3, 4, 5])) },
        TrialCase("linear without bias") {
            try $0.filled(Linear($0.scope, 6, 3, bias: false))($0.input("x", [2, 6]))
        },
        convolution("3x3", [2, 5, 7, 3], 4),
        convolution("3x3 of one channel", [1, 3, 3, 1], 2),
        convolution("3x3 to one channel", [2, 1, 6, 5], 1),
        convolution("7x7", [2, 8, 8, 3], 4, kernel: 7),
        convolution("7x7 of few pixels", [1, 2, 3, 2], 2, kernel: 7),
        convolution("1x1", [2, 3, 5, 6], 9, kernel: 1),
        convolution("4x4 of stride 2", [2, 8, 6, 4], 5, kernel: 4),
        convolution("4x4 of stride 2, odd", [1, 7, 5, 3], 2, kernel: 4),
        convolution("3x3 of one pixel", [3, 1, 1, 5], 4),
        convolution("3x3 of 2x2 pixels", [3, 2, 2, 5], 4),
        convolution("3x3 of 1x2 pixels", [2, 1, 2, 3], 2),
        convolution("3x3 of 2x1 pixels", [2, 2, 1, 3], 2),
        convolution("7x7 of 2x2 pixels", [2, 2, 2, 3], 2, kernel: 7),
        convolution("4x4 of stride 2 of 2x2 pixels", [3, 2, 2, 3], 4, kernel: 4),
        upsampling("even", [2, 4, 4, 3], 5),
        upsampling("odd", [1, 3, 5, 4], 1),
        upsampling("one pixel", [1, 1, 1, 2], 3),
    ]

    private static func convolution(_ name: String, _ shape: [Int], _ outputs: Int, kernel: Int = 3) -> TrialCase {
        TrialCase("convolution \(name)") {
            let (stride, padding) = kernel == 4 ? (2, 1) : (1, nil)
            let layer = try Convolution($0.scope, shape[3], outputs, kernel: kernel, stride: stride, padding: padding)
            return try $0.filled(layer)($0.input("x", shape))
        }
    }

    private static func upsampling(_ name: String, _ shape: [Int], _ outputs: Int) -> TrialCase {
        TrialCase("upsampling \(name)") {
            try $0.filled(Upsampling($0.scope, shape[3], outputs))($0.input("x", shape))
        }
    }

    private static let normShapes = [
        (8, [4, 3, 5]), (16, [2, 4, 4]), (24, [3, 1, 1]), (40, [6, 2, 3]), (72, [2, 7, 3]),
    ]

    private static let norms: [TrialCase] =
        normShapes.flatMap { channels, shape in
            [false, true].flatMap { silu in groupNorms(channels, shape + [channels], silu: silu) }
        } + [
            TrialCase("channel norm") { try $0.filled(ChannelNorm($0.scope, 12))($0.input("x", [2, 3, 3, 12])) },
            TrialCase("channel norm, far from 0") {
                try $0.filled(ChannelNorm($0.scope, 40))($0.input("x", [2, 2, 1, 40], 1, -50))
            },
        ]

    private static func groupNorms(_ channels: Int, _ shape: [Int], silu: Bool) -> [TrialCase] {
        let name = "group norm of \(channels)\(silu ? ", silu" : "")"
        let clips = shape[0].isMultiple(of: 2) ? 2 : 1
        let frames = shape[0] / clips
        return [
            TrialCase(name) {
                try $0.filled(GroupNorm($0.scope, channels))($0.input("x", shape), frames: frames, silu: silu)
            },
            TrialCase("\(name), modulated") {
                try $0.filled(GroupNorm($0.scope, channels))(
                    $0.input("x", shape), frames: frames, modulation: $0.input("modulation", [clips, 2 * channels]),
                    silu: silu)
            },
            TrialCase("\(name), far from 0") {
                try $0.filled(GroupNorm($0.scope, channels))($0.input("x", shape, 1, 100), frames: frames, silu: silu)
            },
        ]
    }

    private static let blocks: [TrialCase] =
        [("", 8, nil), (", skip", 5, nil), (", embedding", 8, 6), (", both", 5, 6)].map {
            (name: String, inputs: Int, condition: Int?) in
            TrialCase("residual block\(name)") { trial in
                let block = try trial.filled(ResidualBlock(trial.scope, inputs, 8, condition: condition))
                let x = try trial.input("x", [6, 4, 3, inputs])
                let embedding = try condition.map { try trial.input("embedding", [2, $0]) }
                return try block(x, frames: 3, embedding: embedding)
            }
        }

    private static let attentionShapes = [
        (1, [2, 2, 3]), (3, [6, 3, 3]), (15, [15, 1, 2]), (64, [64, 1, 1]), (66, [66, 1, 1]),
    ]

    private static let attention: [TrialCase] =
        attentionShapes.flatMap { frames, shape in
            [false, true].map { attention(.time, frames, shape, biased: $0) }
        } + [
            attention(.space, 3, [6, 1, 1], biased: false),
            attention(.space, 2, [2, 8, 8], biased: false),
            attention(.space, 1, [1, 8, 9], biased: false),
            linearAttention([2, 1, 1]),
            linearAttention([2, 8, 8]),
            linearAttention([1, 15, 20]),
        ]

    private static func attention(
        _ axis: AttentionAxis, _ frames: Int, _ shape: [Int], biased: Bool
    ) -> TrialCase {
        let place = "\(axis) of \(frames)x\(shape[1] * shape[2])"
        return TrialCase("attention in \(place)\(biased ? ", biased" : "")") {
            let layer = try $0.filled(Attention($0.scope, 8, axis: axis, heads: 2))
            let x = try $0.input("x", shape + [8])
            return try layer(x, frames: frames, bias: biased ? $0.input("bias", [2, frames, frames], 2) : nil)
        }
    }

    private static func linearAttention(_ shape: [Int]) -> TrialCase {
        TrialCase("linear attention of \(shape[1] * shape[2])") {
            try $0.filled(LinearAttention($0.scope, 8, heads: 2))($0.input("x", shape + [8]))
        }
    }

    private static let embeddings: [TrialCase] =
        [1, 5].map { frames in
            TrialCase("relative position bias of \(frames)") {
                try $0.filled(RelativePositionBias($0.scope, frames: frames))()
            }
        } + [
            TrialCase("time embedding") {
                try $0.filled(TimeEmbedding($0.scope, width: 16))(Tensor([0, 1, 500, 999] as [Int64]))
            }
        ]

    private static let cases = products + norms + blocks + attention + embeddings

    @Test(arguments: cases)
    func equals(trial: TrialCase) throws { try trial.check(in: "layers") }

    /// Without gradients attention takes images in parts that fit 256 MB: the same numbers as with gradients, in one.
    @Test func attendsInParts() throws {
        let store = ParameterStore(seed: 4)
        let space = try LinearAttention(store.root["space"], 8)
        let time = try Attention(store.root["time"], 8, axis: .time)
        let values = try Tensor.normal([9, 96, 128, 8], seed: 5)
        let whole = try Tensor.normal([9, 96, 128, 8], seed: 5)
        try whole.requireGradient()
        let one = try (space(whole).detached().floats(), time(whole, frames: 3).detached().floats())
        let other = try withoutGradients { () throws(PFrameError) in
            (try space(values).floats(), try time(values, frames: 3).floats())
        }
        for (found, expected) in [(other.0, one.0), (other.1, one.1)] {
            let worst = zip(found, expected).reduce(Float(0)) { max($0, abs($1.0 - $1.1)) }
            #expect(found.count == expected.count && worst <= 1e-5, "\(worst)")
        }
    }

    @Test func coversWhatIsExpected() throws {
        #expect(try Set(Self.cases.map(\.name)) == ExpectedValues("layers").cases)
    }
}
