package import Storage

/// Features of the given first frame, τ(x⁰), trained with the model.
///
/// Each level halves height and width; without levels the features have the frame's own size.
package struct FirstFrameEncoder {
    private let stem: Convolution
    private let stemNorm: GroupNorm
    private let levels: [(shrink: Convolution, norm: GroupNorm)]
    private let blocks: [ResidualBlock]
    private let output: Convolution

    /// An encoder from RGB to `outputs` channels.
    ///
    /// - Parameters:
    ///   - widths: the channels of each level; one alone is at full size.
    ///   - blocks: residual blocks of the last level.
    package init(_ scope: ParameterScope, widths: [Int], blocks: Int, outputs: Int) throws(PFrameError) {
        let first = widths[0]
        let shrinksFirst = widths.count > 1
        stem =
            shrinksFirst
            ? try Convolution(scope["stem"], 3, first, kernel: 4, stride: 2, padding: 1)
            : try Convolution(scope["stem"], 3, first)
        stemNorm = try GroupNorm(scope["stem_norm"], first)
        var levels: [(shrink: Convolution, norm: GroupNorm)] = []
        for (index, (inputs, outputs)) in zip(widths, widths.dropFirst()).enumerated() {
            let place = scope["levels"][index]
            let shrink = try Convolution(place["shrink"], inputs, outputs, kernel: 4, stride: 2, padding: 1)
            levels.append((shrink, try GroupNorm(place["norm"], outputs)))
        }
        self.levels = levels
        let last = widths[widths.count - 1]
        var deepest: [ResidualBlock] = []
        for index in 0..<blocks {
            deepest.append(try ResidualBlock(scope["blocks"][index], last, last, condition: nil))
        }
        self.blocks = deepest
        output = try Convolution(scope["output"], last, outputs)
    }

    /// `(B, H, W, 3)` in −1…1 to `(B, H / 2ˡ, W / 2ˡ, outputs)`, with l the number of widths, or 0 for one width.
    package func callAsFunction(_ x: Tensor) throws(PFrameError) -> Tensor {
        var h = try stemNorm(stem(x), frames: 1)
        for level in levels { h = try level.norm(level.shrink(h), frames: 1) }
        for block in blocks { h = try block(h, frames: 1) }
        return try output(h)
    }
}

@available(*, unavailable)
extension FirstFrameEncoder: Sendable {}
