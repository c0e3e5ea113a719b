package import Codec
package import Storage

/// CLIP's image encoder (Radford et al. 2021), frozen, in float32: a vision transformer (Dosovitskiy et al. 2021).
package struct CLIPImageEncoder {
    /// Pixels of the side of the square it looks at.
    package let imageSize: Int
    /// P, features of an image.
    package let projection: Int
    private let device: Device
    private let patchSize: Int
    private let patches: Tensor
    private let classToken: Tensor
    private let positions: Tensor
    private let before: (weight: Tensor, bias: Tensor)
    private let norm: (weight: Tensor, bias: Tensor)
    private let projector: Tensor
    private let blocks: [TransformerBlock]
    private let mean: Tensor
    private let deviation: Tensor

    /// Images that go through it at once, so that long clips need no more memory than short ones.
    private static let batch = 16

    /// The encoder of a model.
    ///
    /// - Throws: `PFrameError` if its weights cannot be read, or do not fit in memory.
    package init(_ weights: CLIPWeights, device: Device = .cpu) throws(PFrameError) {
        func pair(_ name: String) throws(PFrameError) -> (weight: Tensor, bias: Tensor) {
            (try weights.tensor(name + ".weight").to(device), try weights.tensor(name + ".bias").to(device))
        }
        (imageSize, patchSize, projection) = (weights.imageSize, weights.patchSize, weights.projection)
        self.device = device
        patches = try weights.tensor("image.patches").to(device).channelsLastInMemory()
        classToken = try weights.tensor("image.class").to(device).reshaped([1, 1, weights.image.width])
        positions = try weights.tensor("image.positions").to(device)
        (before, norm) = (try pair("image.before"), try pair("image.norm"))
        projector = try weights.tensor("image.projection").to(device)
        blocks = try weights.blocks(of: "image", weights.image, device: device)
        mean = try Tensor([0.481_454_66, 0.457_827_5, 0.408_210_73] as [Float], device: device)
        deviation = try Tensor([0.268_629_54, 0.261_302_58, 0.275_777_11] as [Float], device: device)
    }

    /// Features of images.
    ///
    /// - Parameter pixels: `(N, imageSize, imageSize, 3)` as `pixels(_:)` makes them.
    /// - Returns: `(N, P)`, not of unit length.
    package func callAsFunction(_ pixels: Tensor) throws(PFrameError) -> Tensor {
        try withoutGradients { () throws(PFrameError) in
            let count = pixels.shape[0]
            let grid = try pixels.convolution(patches, nil, stride: patchSize, padding: 0)
            let width = grid.shape[3]
            let tokens = try Tensor.concatenated(
                [classToken.expanded([count, 1, width]), grid.reshaped([count, -1, width])], along: 1)
            var x = try (tokens + positions).layerNorm(before.weight, before.bias)
            for block in blocks { x = try block(x) }
            let pooled = try x.sliced(0..<1, along: 1).reshaped([count, width])
            return try pooled.layerNorm(norm.weight, norm.bias).linear(projector, nil)
        }
    }

    /// Features of frames as they are shown.
    ///
    /// - Parameters:
    ///   - frames: uint8 RGB `(N, H, W, 3)`, contiguous.
    ///   - size: W and H in pixels.
    /// - Returns: float32 `(N, P)`, row by row, not of unit length.
    /// - Throws: if these are not whole frames.
    package func features(of frames: Span<UInt8>, size: Size) throws(PFrameError) -> [Float] {
        let images = try Tensor.frames(frames, size: size)
        let count = images.shape[0]
        var result: [Float] = []
        for start in stride(from: 0, to: count, by: Self.batch) {
            let piece = try images.sliced(start..<min(count, start + Self.batch), along: 0)
            result += try callAsFunction(pixels(piece)).floats()
        }
        return result
    }

    /// What the encoder looks at: the frame with its shorter side resized to `imageSize`, cut to the square in its middle,
    /// with CLIP's mean and deviation.
    ///
    /// Bicubic with antialiasing, along the rows and then along the columns, with a result of whole numbers 0…255 after
    /// each, as Pillow does it on uint8. Pillow's fixed-point weights change up to 4 % of the levels by one or two of 255
    /// (0.015 and 0.03 here); Pillow 13 takes the columns first where it shrinks frames more than twice as high as wide.
    ///
    /// - Parameter images: uint8 RGB `(N, H, W, 3)`.
    /// - Returns: float32 `(N, imageSize, imageSize, 3)`.
    package func pixels(_ images: Tensor) throws(PFrameError) -> Tensor {
        let shape = images.shape
        precondition(shape.count == 4 && shape[3] == 3, "images of shape \(shape)")
        return try withoutGradients { () throws(PFrameError) in
            let (height, width) = (shape[1], shape[2])
            let shorter = min(height, width)
            let (newHeight, newWidth) = (imageSize * height / shorter, imageSize * width / shorter)
            var x = try images.to(device).to(.float32)
            for (h, w) in [(height, newWidth), (newHeight, newWidth)] where x.shape[1] != h || x.shape[2] != w {
                x = try x.resizedBicubically(height: h, width: w).rounded().clamped(0, 255)
            }
            let (top, left) = ((newHeight - imageSize) / 2, (newWidth - imageSize) / 2)
            x = try x.sliced(top..<top + imageSize, along: 1).sliced(left..<left + imageSize, along: 2)
            return try ((x * (1 / 255.0) - mean) / deviation).contiguous()
        }
    }
}

@available(*, unavailable)
extension CLIPImageEncoder: Sendable {}

/// CLIP's text encoder (Radford et al. 2021), frozen, in float32: a transformer in which a token sees those before it.
package struct CLIPTextEncoder {
    /// What it makes of B texts, W wide, projected to P features.
    package struct Output {
        /// `(B, P)`: the end-of-text token, normalised, and projected where the model has a projection; not of unit length.
        package let features: Tensor
        /// `(B, context, W)`: all tokens, normalised.
        package let sequence: Tensor
    }

    /// Tokens of a text: 77.
    package let contextLength: Int
    /// W, channels of the sequence.
    package let width: Int
    /// Features of a text: P, or W where the model has no projection.
    package let projection: Int
    private let vocabulary: Int
    private let device: Device
    private let tokens: Tensor
    private let positions: Tensor
    private let norm: (weight: Tensor, bias: Tensor)
    private let projector: Tensor?
    private let blocks: [TransformerBlock]
    private let causal: Tensor

    /// The encoder of a model.
    ///
    /// - Throws: `PFrameError` if its weights cannot be read, or do not fit in memory.
    package init(_ weights: CLIPWeights, device: Device = .cpu) throws(PFrameError) {
        self = try weights.textEncoder(device: device)
    }

    /// The encoder of a text tower that is published without an image tower, such as transformers' `CLIPTextModel`.
    ///
    /// - Parameters:
    ///   - files: safetensors files that hold the weights, at least one.
    ///   - tower: what the files must be made of.
    ///   - size: numbers that a token can be, and tokens of a text.
    ///   - device: where it computes.
    /// - Throws: `PFrameError` if a tensor is missing, is not of the tower, or has another shape, naming it.
    package init(
        _ files: [SafetensorsFile], _ tower: CLIPWeights.Tower, size: (vocabulary: Int, context: Int),
        device: Device = .cpu
    ) throws(PFrameError) {
        let source = CLIPWeightSource(textTower: files)
        let shapes =
            [
                (name: "text.tokens", shape: [size.vocabulary, tower.width]),
                (name: "text.positions", shape: [size.context, tower.width]),
            ] + tower.shapes("text")
        for (name, shape) in shapes { try source.expect(name, shape) }
        try source.expectOnly(shapes.map(\.name))
        try self.init(source, tower, size, hasProjection: false, device: device)
    }

    init(
        _ source: CLIPWeightSource, _ tower: CLIPWeights.Tower, _ size: (vocabulary: Int, context: Int),
        hasProjection: Bool, device: Device
    ) throws(PFrameError) {
        (vocabulary, contextLength, width, self.device) = (size.vocabulary, size.context, tower.width, device)
        tokens = try source.tensor("text.tokens").to(device)
        positions = try source.tensor("text.positions").to(device)
        norm = (
            weight: try source.tensor("text.norm.weight").to(device),
            bias: try source.tensor("text.norm.bias").to(device)
        )
        projector = hasProjection ? try source.tensor("text.projection").to(device) : nil
        projection = projector?.shape[0] ?? width
        blocks = try source.blocks(of: "text", tower, device: device)
        let length = contextLength
        // Enough for softmax to give nothing; infinity would make NaN of its own difference.
        let mask = (0..<length).flatMap { i in (0..<length).map { $0 > i ? Float(-1e9) : 0 } }
        causal = try Tensor(mask, shape: [1, length, length], device: device)
            .expanded([tower.heads, length, length])
    }

    /// Encodes texts.
    ///
    /// - Parameter texts: rows of `contextLength` numbers, as `BPETokenizer` makes them with either padding. The first of
    ///   the highest number of a row is taken as its end: CLIP's end-of-text token is the last of its vocabulary.
    /// - Throws: `PFrameError` if a row has another length, or a number is not in the vocabulary.
    package func callAsFunction(_ texts: [[Int32]]) throws(PFrameError) -> Output {
        for (index, text) in texts.enumerated() {
            guard text.count == contextLength else {
                throw PFrameError(
                    .usage, "text \(index) has \(text.count) tokens; this CLIP model takes \(contextLength)")
            }
            if let alien = text.first(where: { !(0..<vocabulary).contains(Int($0)) }) {
                let remedy = "take the merges and vocabulary that belong to the model"
                throw PFrameError(
                    .usage, "text \(index) has token \(alien) of a vocabulary of \(vocabulary): \(remedy)")
            }
        }
        return try withoutGradients { () throws(PFrameError) in
            let indices = try Tensor(
                texts.flatMap { $0.map(Int64.init) }, shape: [texts.count, contextLength], device: device)
            var x = try tokens.embedded(indices) + positions
            for block in blocks { x = try block(x, bias: causal) }
            let sequence = try x.layerNorm(norm.weight, norm.bias)
            let ends = texts.enumerated().map { Int64($0 * contextLength + Self.end(of: $1)) }
            let pooled = try sequence.reshaped([texts.count * contextLength, width])
                .selected(Tensor(ends, device: device))
            return try Output(
                features: projector.map { map throws(PFrameError) in try pooled.linear(map, nil) } ?? pooled,
                sequence: sequence)
        }
    }

    /// Where the highest number first stands.
    private static func end(of text: [Int32]) -> Int {
        text.indices.reduce(0) { text[$1] > text[$0] ? $1 : $0 }
    }
}

@available(*, unavailable)
extension CLIPTextEncoder: Sendable {}

@available(*, unavailable)
extension CLIPTextEncoder.Output: Sendable {}
