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
    ) throws(TrainError) {
        let start = startsAtZero ? Initialisation.constant(0) : .fan(inputs * kernel * kernel)
        weight = try scope.parameter("weight", [outputs, inputs, kernel, kernel], start, isFixed: isFixed)
        bias = try scope.parameter("bias", [outputs], start, isFixed: isFixed)
        self.stride = stride
        self.padding = padding ?? kernel / 2
    }

    /// `(N, H, W, inputs)` to `(N, H / stride, W / stride, outputs)`.
    public func callAsFunction(_ x: Tensor) throws(TrainError) -> Tensor {
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
    public init(_ scope: ParameterScope, _ inputs: Int, _ outputs: Int) throws(TrainError) {
        weight = try scope.parameter("weight", [inputs, outputs, 4, 4], .fan(outputs * 16))
        bias = try scope.parameter("bias", [outputs], .fan(outputs * 16))
    }

    /// `(N, H, W, inputs)` to `(N, 2H, 2W, outputs)`.
    public func callAsFunction(_ x: Tensor) throws(TrainError) -> Tensor {
        try x.transposedConvolution(weight, bias, stride: 2, padding: 1)
    }
}

@available(*, unavailable)
extension Convolution: Sendable {}

@available(*, unavailable)
extension Upsampling: Sendable {}
