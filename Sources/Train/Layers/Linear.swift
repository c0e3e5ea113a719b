/// `x Wᵀ + b` over the last dimension.
public struct Linear {
    /// `(outputs, inputs)`.
    public let weight: Tensor
    /// `(outputs)`.
    public let bias: Tensor?

    /// A map with PyTorch's initialisation.
    public init(
        _ scope: ParameterScope, _ inputs: Int, _ outputs: Int, bias: Bool = true, isFixed: Bool = false
    ) throws(TrainError) {
        weight = try scope.parameter("weight", [outputs, inputs], .fan(inputs), isFixed: isFixed)
        self.bias = bias ? try scope.parameter("bias", [outputs], .fan(inputs), isFixed: isFixed) : nil
    }

    /// `(…, inputs)` to `(…, outputs)`.
    public func callAsFunction(_ x: Tensor) throws(TrainError) -> Tensor { try x.linear(weight, bias) }
}

@available(*, unavailable)
extension Linear: Sendable {}
