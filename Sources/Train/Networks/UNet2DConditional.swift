import Glibc
public import Storage

/// The shape of a ``UNet2DConditional``; the defaults are those of Stable Diffusion 1.
public struct UNet2DOptions: Sendable, Equatable {
    /// A level of the U-Net, which has half the height and width of the level before it.
    public struct Level: Sendable, Equatable {
        /// Channels.
        public var width: Int
        /// Heads of attention, a divisor of the channels.
        public var heads: Int
        /// Transformer blocks behind each residual block of the way down; 0 for none.
        public var downTransformers: Int
        /// Transformer blocks behind each residual block of the way up; 0 for none.
        public var upTransformers: Int

        /// A level.
        public init(width: Int, heads: Int, downTransformers: Int, upTransformers: Int) {
            (self.width, self.heads) = (width, heads)
            (self.downTransformers, self.upTransformers) = (downTransformers, upTransformers)
        }
    }

    /// Channels of what goes in.
    public var inputs = 4
    /// Channels of what goes out.
    public var outputs = 4
    /// The levels, the largest images first.
    public var levels = [320, 640, 1280, 1280].enumerated().map { index, width in
        Level(width: width, heads: 8, downTransformers: index < 3 ? 1 : 0, upTransformers: index < 3 ? 1 : 0)
    }
    /// Transformer blocks in the middle.
    public var middleTransformers = 1
    /// Residual blocks of a level of the way down; the way up has one more.
    public var blocks = 2
    /// Channels of a token of the text.
    public var context = 768
    /// Groups of the channels in normalisation.
    public var groups = 32
    /// What the normalisation of residual blocks adds to the variance.
    public var epsilon = 1e-5
    /// Whether the maps into and out of transformers are stored as linear maps, and not as 1×1 convolutions.
    public var isLinear = false
    /// Whether attention computes in float32 where the layers compute in bfloat16.
    public var isUpcast = false
    /// Steps of the diffusion process.
    public var steps = 1000

    /// A shape with its defaults.
    public init() {}

    fileprivate func transformer(heads: Int, layers: Int) -> SpatialTransformerOptions {
        var options = SpatialTransformerOptions()
        (options.heads, options.layers, options.context) = (heads, layers, context)
        (options.groups, options.isLinear, options.isUpcast) = (groups, isLinear, isUpcast)
        return options
    }
}

/// The U-Net of latent diffusion, conditioned on the tokens of a text (Rombach et al. 2022, section 3.3).
///
/// Names of parameters are those of diffusers' `UNet2DConditionModel`.
public struct UNet2DConditional {
    /// A residual block and the transformer behind it.
    private struct Stage {
        let block: ImageResidualBlock
        let transformer: SpatialTransformer?

        func callAsFunction(_ x: Tensor, step: Tensor, context: Tensor) throws(PFrameError) -> Tensor {
            let h = try block(x, step: step)
            return try transformer.map { layer throws(PFrameError) in try layer(h, context: context) } ?? h
        }
    }

    /// Its shape.
    public let options: UNet2DOptions
    private let embedding: StepEmbedding
    private let input: Convolution
    private let downs: [(stages: [Stage], shrink: ImageDownsampling?)]
    private let middleFirst: Stage
    private let middleSecond: ImageResidualBlock
    private let ups: [(stages: [Stage], grow: ImageUpsampling?)]
    private let norm: GroupNorm
    private let output: Convolution

    /// A U-Net with fresh parameters.
    public init(_ scope: ParameterScope, _ options: UNet2DOptions) throws(PFrameError) {
        self.options = options
        let (levels, last) = (options.levels, options.levels.count - 1)
        let (first, deepest) = (levels[0].width, levels[last])
        embedding = try StepEmbedding(scope["time_embedding"], width: first, steps: options.steps)
        input = try Convolution(scope["conv_in"], options.inputs, first)

        func stage(
            _ place: ParameterScope, _ index: Int, _ inputs: Int, _ level: UNet2DOptions.Level, transformers: Int
        ) throws(PFrameError) -> Stage {
            let block = try ImageResidualBlock(
                place["resnets"][index], inputs, level.width, step: 4 * first, groups: options.groups,
                epsilon: options.epsilon)
            guard transformers > 0 else { return Stage(block: block, transformer: nil) }
            let shape = options.transformer(heads: level.heads, layers: transformers)
            return Stage(
                block: block,
                transformer: try SpatialTransformer(place["attentions"][index], level.width, shape))
        }

        var downs: [(stages: [Stage], shrink: ImageDownsampling?)] = []
        // Channels of what the way up takes over from the way down.
        var kept = [first]
        for (index, level) in levels.enumerated() {
            let place = scope["down_blocks"][index]
            var stages: [Stage] = []
            for number in 0..<options.blocks {
                let inputs = kept[kept.count - 1]
                stages.append(try stage(place, number, inputs, level, transformers: level.downTransformers))
                kept.append(level.width)
            }
            let shrink =
                index == last
                ? nil : try ImageDownsampling(place["downsamplers"][0], level.width, isLopsided: false)
            if shrink != nil { kept.append(level.width) }
            downs.append((stages, shrink))
        }
        self.downs = downs

        let middle = scope["mid_block"]
        middleFirst = try stage(middle, 0, deepest.width, deepest, transformers: options.middleTransformers)
        middleSecond = try ImageResidualBlock(
            middle["resnets"][1], deepest.width, deepest.width, step: 4 * first, groups: options.groups,
            epsilon: options.epsilon)

        var ups: [(stages: [Stage], grow: ImageUpsampling?)] = []
        var width = deepest.width
        for (index, level) in levels.reversed().enumerated() {
            let place = scope["up_blocks"][index]
            var stages: [Stage] = []
            for number in 0...options.blocks {
                let inputs = width + kept.removeLast()
                stages.append(try stage(place, number, inputs, level, transformers: level.upTransformers))
                width = level.width
            }
            let grow = index == last ? nil : try ImageUpsampling(place["upsamplers"][0], level.width)
            ups.append((stages, grow))
        }
        self.ups = ups
        norm = try GroupNorm(scope["conv_norm_out"], first, groups: options.groups, epsilon: options.epsilon)
        output = try Convolution(scope["conv_out"], first, options.outputs)
    }

    /// What it predicts for noisy latents.
    ///
    /// - Parameters:
    ///   - x: noisy latents, `(N, H, W, inputs)`.
    ///   - steps: the step of each, int64 `(N)`.
    ///   - context: the tokens of the texts, `(N, S, context)`.
    /// - Returns: `(N, H, W, outputs)`.
    /// - Throws: `PFrameError` if the shapes do not fit.
    public func callAsFunction(_ x: Tensor, steps: Tensor, context: Tensor) throws(PFrameError) -> Tensor {
        // Every block takes the embedding after SiLU.
        let step = try embedding(steps).silu()
        var h = try input(x)
        var kept = [h]
        for (stages, shrink) in downs {
            for stage in stages {
                h = try stage(h, step: step, context: context)
                kept.append(h)
            }
            if let shrink {
                h = try shrink(h)
                kept.append(h)
            }
        }
        h = try middleSecond(middleFirst(h, step: step, context: context), step: step)
        for (stages, grow) in ups {
            for stage in stages {
                h = try stage(.concatenated([h, kept.removeLast()], along: 3), step: step, context: context)
            }
            if let grow, let next = kept.last?.shape { h = try grow(h, height: next[1], width: next[2]) }
        }
        return try output(norm(h, frames: 1))
    }
}

/// The diffusion step as cosines and sines through two linear maps, as diffusers' `Timesteps` and `TimestepEmbedding`.
private struct StepEmbedding {
    let first: Linear
    let second: Linear
    /// `(steps, width)`: cosines, then sines, of every step.
    let table: Tensor

    init(_ scope: ParameterScope, width: Int, steps: Int) throws(PFrameError) {
        first = try Linear(scope["linear_1"], width, 4 * width)
        second = try Linear(scope["linear_2"], 4 * width, 4 * width)
        let half = width / 2
        let frequencies = (0..<half).map { Float(exp(-log(10_000) * Double($0) / Double(half))) }
        let rows = (0..<steps).flatMap { step in
            frequencies.map { cosf(Float(step) * $0) } + frequencies.map { sinf(Float(step) * $0) }
        }
        table = try Tensor(rows, shape: [steps, 2 * half], device: scope.device).to(scope.precision.type)
    }

    func callAsFunction(_ steps: Tensor) throws(PFrameError) -> Tensor {
        try second(first(table.selected(steps)).silu())
    }
}

@available(*, unavailable)
extension UNet2DConditional: Sendable {}
