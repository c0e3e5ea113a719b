import Storage

/// The network of masked diffusion: which tokens the hidden places of a clip hold.
///
/// Each kind of token has a table with a row for each class and one for the mask. A place enters a ``UNet3D`` as the sum
/// of its rows; the U-Net's outputs are the logits of all kinds.
struct TokenNetwork {
    private let classes: [Int]
    private let tables: [Tensor]
    private let unet: UNet3D

    /// A network with fresh parameters.
    ///
    /// - Parameters:
    ///   - options: of the U-Net; its inputs and outputs follow from the classes.
    ///   - classes: of each kind of token, the mask not counted.
    init(_ scope: ParameterScope, _ options: UNetOptions, classes: [Int]) throws(PFrameError) {
        var options = options
        (options.inputs, options.outputs) = (options.width, classes.reduce(0, +))
        self.classes = classes
        var tables: [Tensor] = []
        for (index, count) in classes.enumerated() {
            tables.append(try scope["tables"][index].parameter("weight", [count + 1, options.width], .normal(1)))
        }
        self.tables = tables
        unet = try UNet3D(scope["unet"], options)
    }

    /// Logits of tokens.
    ///
    /// - Parameters:
    ///   - tokens: for each kind int64 `(B·T, h, w)`.
    ///   - steps: the share of hidden places of each clip in thousandths, int64 `(B)` below 1000.
    ///   - condition: of the clips.
    /// - Returns: for each kind `(B·T, h, w, classes)`.
    func callAsFunction(_ tokens: [Tensor], steps: Tensor, condition: Condition) throws(PFrameError) -> [Tensor] {
        var x = try tables[0].embedded(tokens[0])
        for (table, kind) in zip(tables, tokens).dropFirst() { x = try x + table.embedded(kind) }
        let logits = try unet(x, frame: condition.firstFrame, steps: steps, text: condition.text)
        var result: [Tensor] = []
        var start = 0
        for count in classes {
            result.append(try logits.sliced(start..<start + count, along: 3))
            start += count
        }
        return result
    }
}

@available(*, unavailable)
extension TokenNetwork: Sendable {}
