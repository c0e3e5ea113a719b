import Glibc
public import Storage

/// Convolution of images `(N, H, W, C)`; with frames folded into N, the 1×k×k convolution of video models.
public struct Convolution {
    /// `(outputs, inputs, k, k)`.
    public let weight: Tensor
    /// `(outputs)`.
    public let bias: Tensor
    let stride: Int
    let padding: Int

    /// A convolution with a k×k kernel, PyTorch's initialisation (or zeros), and as much padding as keeps the size at
    /// stride 1.
    public init(
        _ scope: ParameterScope, _ inputs: Int, _ outputs: Int, kernel: Int = 3, stride: Int = 1, padding: Int? = nil,
        startsAtZero: Bool = false, isFixed: Bool = false
    ) throws(PFrameError) {
        let start = startsAtZero ? Initialisation.constant(0) : .fan(inputs * kernel * kernel)
        weight = try scope.parameter("weight", [outputs, inputs, kernel, kernel], start, isFixed: isFixed)
        bias = try scope.parameter("bias", [outputs], start, isFixed: isFixed)
        self.stride = stride
        self.padding = padding ?? kernel / 2
    }

    /// `(N, H, W, inputs)` to `(N, H / stride, W / stride, outputs)`.
    public func callAsFunction(_ x: Tensor) throws(PFrameError) -> Tensor {
        try x.convolution(weight, bias, stride: stride, padding: padding)
    }
}

/// A 4×4 transposed convolution of stride 2, which doubles height and width.
public struct Upsampling {
    /// `(inputs, outputs, 4, 4)`.
    public let weight: Tensor
    /// `(outputs)`.
    public let bias: Tensor

    /// A map with PyTorch's initialisation.
    public init(_ scope: ParameterScope, _ inputs: Int, _ outputs: Int) throws(PFrameError) {
        weight = try scope.parameter("weight", [inputs, outputs, 4, 4], .fan(outputs * 16))
        bias = try scope.parameter("bias", [outputs], .fan(outputs * 16))
    }

    /// `(N, H, W, inputs)` to `(N, 2H, 2W, outputs)`.
    public func callAsFunction(_ x: Tensor) throws(PFrameError) -> Tensor {
        try x.transposedConvolution(weight, bias, stride: 2, padding: 1)
    }
}

@available(*, unavailable)
extension Convolution: Sendable {}

@available(*, unavailable)
extension Upsampling: Sendable {}

/// `x Wᵀ + b` over the last dimension.
public struct Linear {
    /// `(outputs, inputs)`.
    public let weight: Tensor
    /// `(outputs)`.
    public let bias: Tensor?

    /// A map with PyTorch's initialisation.
    public init(
        _ scope: ParameterScope, _ inputs: Int, _ outputs: Int, bias: Bool = true, isFixed: Bool = false
    ) throws(PFrameError) {
        weight = try scope.parameter("weight", [outputs, inputs], .fan(inputs), isFixed: isFixed)
        self.bias = bias ? try scope.parameter("bias", [outputs], .fan(inputs), isFixed: isFixed) : nil
    }

    /// `(…, inputs)` to `(…, outputs)`.
    public func callAsFunction(_ x: Tensor) throws(PFrameError) -> Tensor { try x.linear(weight, bias) }
}

@available(*, unavailable)
extension Linear: Sendable {}

/// Group normalisation (Wu & He 2018) of `(N, P, C)` over the positions P and the channels of a group, with what usually
/// follows it: scale and shift, and SiLU.
public struct GroupNorm {
    /// `(C)`.
    public let weight: Tensor
    /// `(C)`.
    public let bias: Tensor
    let groups: Int
    let epsilon: Double

    /// Normalisation that begins as the identity; ε is added to the variance.
    public init(
        _ scope: ParameterScope, _ channels: Int, groups: Int = 8, epsilon: Double = 1e-5
    ) throws(PFrameError) {
        weight = try scope.parameter("weight", [channels], .constant(1), keepsFloat: true)
        bias = try scope.parameter("bias", [channels], .constant(0), keepsFloat: true)
        (self.groups, self.epsilon) = (groups, epsilon)
    }

    /// Normalises images `(B·T, H, W, C)` over all T frames of a clip.
    ///
    /// - Parameters:
    ///   - modulation: `(B, 2C)`, scale and shift.
    ///   - silu: whether SiLU follows.
    ///   - x: the input.
    ///   - frames: frames of a clip, the given one included.
    public func callAsFunction(
        _ x: Tensor, frames: Int, modulation: Tensor? = nil, silu: Bool = true
    ) throws(PFrameError) -> Tensor {
        let shape = x.shape
        let clips = try x.reshaped([shape[0] / frames, frames * shape[1] * shape[2], shape[3]])
        return try clips.groupNorm(groups, weight, bias, modulation: modulation, silu: silu, epsilon: epsilon)
            .reshaped(shape)
    }
}

/// Normalisation over the channels at each position (Ba et al. 2016), with a bias.
public struct LayerNorm {
    /// `(C)`.
    public let weight: Tensor
    /// `(C)`.
    public let bias: Tensor

    /// Normalisation that begins as the identity.
    public init(_ scope: ParameterScope, _ channels: Int) throws(PFrameError) {
        weight = try scope.parameter("weight", [channels], .constant(1), keepsFloat: true)
        bias = try scope.parameter("bias", [channels], .constant(0), keepsFloat: true)
    }

    /// `(…, C)` to the same shape.
    public func callAsFunction(_ x: Tensor) throws(PFrameError) -> Tensor { try x.layerNorm(weight, bias) }
}

/// Normalisation over the channels at each position (Ba et al. 2016), without a bias.
public struct ChannelNorm {
    /// `(C)`.
    public let weight: Tensor

    /// Normalisation that begins as the identity.
    public init(_ scope: ParameterScope, _ channels: Int) throws(PFrameError) {
        weight = try scope.parameter("weight", [channels], .constant(1), keepsFloat: true)
    }

    /// `(…, C)` to the same shape.
    public func callAsFunction(_ x: Tensor) throws(PFrameError) -> Tensor { try x.layerNorm(weight, nil) }
}

@available(*, unavailable)
extension GroupNorm: Sendable {}

@available(*, unavailable)
extension LayerNorm: Sendable {}

@available(*, unavailable)
extension ChannelNorm: Sendable {}

/// The diffusion step as sinusoids (Vaswani et al. 2017) through two linear maps.
public struct TimeEmbedding {
    let first: Linear
    let second: Linear
    /// `(steps, 2 · (width / 2))`: sines and cosines of every step.
    private let table: Tensor

    /// An embedding of `4 · width` channels for the steps `0..<steps`.
    public init(_ scope: ParameterScope, width: Int, steps: Int = 1000) throws(PFrameError) {
        first = try Linear(scope["first"], width, 4 * width)
        second = try Linear(scope["second"], 4 * width, 4 * width)
        let half = width / 2
        let frequencies = (0..<half).map { Float(exp(-log(10_000) * Double($0) / Double(half - 1))) }
        let rows = (0..<steps).flatMap { step in
            frequencies.map { sinf(Float(step) * $0) } + frequencies.map { cosf(Float(step) * $0) }
        }
        table = try Tensor(rows, shape: [steps, 2 * half], device: scope.device).to(scope.precision.type)
    }

    /// Steps, int64 `(B)`, to `(B, 4 · width)`.
    public func callAsFunction(_ steps: Tensor) throws(PFrameError) -> Tensor {
        try second(first(table.selected(steps)).gelu())
    }
}

@available(*, unavailable)
extension TimeEmbedding: Sendable {}
