/// Group normalisation (Wu & He 2018) of `(N, P, C)` over the positions P and the channels of a group, with what usually
/// follows it: scale and shift, and SiLU.
public struct GroupNorm {
    /// `(C)`.
    public let weight: Tensor
    /// `(C)`.
    public let bias: Tensor
    let groups: Int

    /// Normalisation that begins as the identity.
    public init(_ scope: ParameterScope, _ channels: Int, groups: Int = 8) throws(TrainError) {
        weight = try scope.parameter("weight", [channels], .constant(1), keepsFloat: true)
        bias = try scope.parameter("bias", [channels], .constant(0), keepsFloat: true)
        self.groups = groups
    }

    /// Normalises images `(B·T, H, W, C)` over all T frames of a clip.
    ///
    /// - Parameter modulation: `(B, 2C)`, scale and shift.
    public func callAsFunction(
        _ x: Tensor, frames: Int, modulation: Tensor? = nil, silu: Bool = true
    ) throws(TrainError) -> Tensor {
        let shape = x.shape
        let clips = try x.reshaped([shape[0] / frames, frames * shape[1] * shape[2], shape[3]])
        return try clips.groupNorm(groups, weight, bias, modulation: modulation, silu: silu).reshaped(shape)
    }
}

/// Normalisation over the channels at each position (Ba et al. 2016), without a bias.
public struct ChannelNorm {
    /// `(C)`.
    public let weight: Tensor

    /// Normalisation that begins as the identity.
    public init(_ scope: ParameterScope, _ channels: Int) throws(TrainError) {
        weight = try scope.parameter("weight", [channels], .constant(1), keepsFloat: true)
    }

    /// `(…, C)` to the same shape.
    public func callAsFunction(_ x: Tensor) throws(TrainError) -> Tensor { try x.layerNorm(weight, nil) }
}

@available(*, unavailable)
extension GroupNorm: Sendable {}

@available(*, unavailable)
extension ChannelNorm: Sendable {}
