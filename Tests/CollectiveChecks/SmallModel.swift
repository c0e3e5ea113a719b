package import Storage
package import Train

/// A convolution and two linear maps; one parameter that is never used and one that is frozen.
package struct SmallModel {
    private let convolution: Convolution
    private let first: Linear
    private let second: Linear

    package init(_ scope: ParameterScope) throws(PFrameError) {
        convolution = try Convolution(scope["convolution"], 3, 8)
        first = try Linear(scope["first"], 8 * 36, 16)
        _ = try scope.parameter("unused", [10], .constant(1))
        _ = try scope.parameter("frozen", [10], .constant(1), isFixed: true)
        second = try Linear(scope["second"], 16, 4)
    }

    /// The mean squared error over the clips of a step, each drawn from its number.
    package func loss(_ step: Int, _ clips: Range<Int>) throws(PFrameError) -> Tensor {
        var (inputs, targets): ([Tensor], [Tensor]) = ([], [])
        for clip in clips {
            let seed = UInt64(step * 1000 + clip)
            inputs.append(try Tensor.normal([1, 6, 6, 3], seed: seed))
            targets.append(try Tensor.normal([1, 4], seed: seed + 500))
        }
        let device = first.weight.device
        let input = try Tensor.concatenated(inputs, along: 0).to(device).to(first.weight.type)
        let target = try Tensor.concatenated(targets, along: 0).to(device)
        let hidden = try convolution(input).silu().reshaped([clips.count, -1])
        return try (second(first(hidden).silu()).to(.float32) - target).squared().mean()
    }
}
