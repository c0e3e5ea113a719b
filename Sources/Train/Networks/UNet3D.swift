public import Storage

/// The shape of a ``UNet3D``.
public struct UNetOptions: Sendable, Equatable {
    /// Channels of the first level.
    public var width = 64
    /// Channels of each level, in multiples of `width`; each level but the first has half the height and width.
    public var multiples = [1, 2, 4, 8]
    /// Channels of the noisy clip.
    public var inputs = 3
    /// Channels of what all frames are conditioned on; 0 without.
    public var conditions = 0
    /// Channels of what goes out.
    public var outputs = 3
    /// Frames of a clip.
    public var frames = 16
    /// The width of the text embedding; 0 without text.
    public var text = 0
    /// Heads of attention, of 32 channels each.
    public var heads = 8

    /// A shape with its defaults.
    public init() {}
}

/// The 3D U-Net of video diffusion (Ho et al. 2022, "Video Diffusion Models", section 3; LFDM, Ni et al. 2023).
///
/// Convolutions are 1×k×k, frames meet in temporal attention. A learned vector for each frame is added behind the first
/// convolution: relative distances in attention alone do not tell which frame is which while all are noise under the
/// same condition. A level is two residual blocks, linear attention among
/// positions, attention among frames, and a 4×4 convolution of stride 2; the way up mirrors it.
public struct UNet3D {
    private struct Level {
        let first: ResidualBlock
        let second: ResidualBlock
        let space: LinearAttention
        let time: Attention

        init(
            _ scope: ParameterScope, _ inputs: Int, _ outputs: Int, condition: Int, heads: Int
        ) throws(PFrameError) {
            first = try ResidualBlock(scope["first"], inputs, outputs, condition: condition)
            second = try ResidualBlock(scope["second"], outputs, outputs, condition: condition)
            space = try LinearAttention(scope["space"], outputs, heads: heads)
            time = try Attention(scope["time"], outputs, axis: .time, heads: heads)
        }

        func callAsFunction(_ x: Tensor, frames: Int, embedding: Tensor, bias: Tensor) throws(PFrameError) -> Tensor {
            let h = try second(first(x, frames: frames, embedding: embedding), frames: frames, embedding: embedding)
            return try time(space(h), frames: frames, bias: bias)
        }
    }

    /// Its shape.
    public let options: UNetOptions
    private let input: Convolution
    private let inputCondition: Convolution?
    private let framePosition: Tensor
    private let inputTime: Attention
    private let bias: RelativePositionBias
    private let embedding: TimeEmbedding
    private let downs: [(level: Level, shrink: Convolution?)]
    private let middleFirst: ResidualBlock
    private let middleSpace: Attention
    private let middleTime: Attention
    private let middleSecond: ResidualBlock
    private let ups: [(level: Level, grow: Upsampling?)]
    private let last: ResidualBlock
    private let output: Convolution

    /// A U-Net with fresh parameters.
    public init(_ scope: ParameterScope, _ options: UNetOptions) throws(PFrameError) {
        self.options = options
        let width = options.width
        let widths = options.multiples.map { $0 * width }
        let condition = 4 * width + options.text
        input = try Convolution(scope["input"], options.inputs, width, kernel: 7)
        inputCondition =
            options.conditions == 0
            ? nil : try Convolution(scope["input_condition"], options.conditions, width, kernel: 7)
        framePosition = try scope.parameter("frame_position", [options.frames, width], .normal(0.5))
        let heads = options.heads
        inputTime = try Attention(scope["input_time"], width, axis: .time, heads: heads)
        bias = try RelativePositionBias(scope["bias"], frames: options.frames, heads: heads)
        embedding = try TimeEmbedding(scope["embedding"], width: width)
        var downs: [(level: Level, shrink: Convolution?)] = []
        for (index, outputs) in widths.enumerated() {
            let place = scope["downs"][index]
            let inputs = index == 0 ? width : widths[index - 1]
            let level = try Level(place, inputs, outputs, condition: condition, heads: heads)
            let isLast = index == widths.count - 1
            let shrink =
                isLast ? nil : try Convolution(place["shrink"], outputs, outputs, kernel: 4, stride: 2, padding: 1)
            downs.append((level, shrink))
        }
        self.downs = downs
        let deepest = widths.last ?? width
        middleFirst = try ResidualBlock(scope["middle"]["first"], deepest, deepest, condition: condition)
        middleSpace = try Attention(scope["middle"]["space"], deepest, axis: .space, heads: heads)
        middleTime = try Attention(scope["middle"]["time"], deepest, axis: .time, heads: heads)
        middleSecond = try ResidualBlock(scope["middle"]["second"], deepest, deepest, condition: condition)
        var ups: [(level: Level, grow: Upsampling?)] = []
        for (index, inputs) in widths.enumerated().reversed() {
            let place = scope["ups"][widths.count - 1 - index]
            let outputs = index == 0 ? width : widths[index - 1]
            let level = try Level(place, 2 * inputs, outputs, condition: condition, heads: heads)
            ups.append((level, index == 0 ? nil : try Upsampling(place["grow"], outputs, outputs)))
        }
        self.ups = ups
        last = try ResidualBlock(scope["last"], 2 * width, width, condition: condition)
        output = try Convolution(scope["output"], width, options.outputs, kernel: 1)
    }

    /// Predicts from a noisy clip.
    ///
    /// - Parameters:
    ///   - x: `(B·T, H, W, inputs)`.
    ///   - frame: `(B, H, W, conditions)`, what all frames are conditioned on. A convolution of it beside the noisy clip
    ///     is the sum of two, of which this one is the same for all frames and computed once.
    ///   - steps: the diffusion step of each clip, int64 `(B)`.
    ///   - text: `(B, text)`, nil if the model has no text.
    /// - Returns: `(B·T, H, W, outputs)`.
    public func callAsFunction(
        _ x: Tensor, frame: Tensor? = nil, steps: Tensor, text: Tensor?
    ) throws(PFrameError) -> Tensor {
        let frames = options.frames
        let bias = try bias()
        var condition = try embedding(steps)
        if let text { condition = try .concatenated([condition, text], along: 1) }
        condition = try condition.silu()
        var entered = try input(x)
        let shape = entered.shape
        var clips = try entered.reshaped([shape[0] / frames, frames] + shape.dropFirst())
        if let inputCondition, let frame {
            clips = try clips + inputCondition(frame).reshaped([shape[0] / frames, 1] + shape.dropFirst())
        }
        entered = try (clips + framePosition.reshaped([frames, 1, 1, options.width])).reshaped(shape)
        let start = try inputTime(entered, frames: frames, bias: bias)
        var h = start
        var skips: [Tensor] = []
        for (level, shrink) in downs {
            h = try level(h, frames: frames, embedding: condition, bias: bias)
            skips.append(h)
            if let shrink { h = try shrink(h) }
        }
        h = try middleFirst(h, frames: frames, embedding: condition)
        h = try middleTime(middleSpace(h, frames: frames), frames: frames, bias: bias)
        h = try middleSecond(h, frames: frames, embedding: condition)
        for ((level, grow), skip) in zip(ups, skips.reversed()) {
            h = try level(
                .concatenated([h, skip], along: 3), frames: frames, embedding: condition, bias: bias)
            if let grow { h = try grow(h) }
        }
        h = try last(.concatenated([h, start], along: 3), frames: frames, embedding: condition)
        return try output(h)
    }
}

@available(*, unavailable)
extension UNet3D: Sendable {}
