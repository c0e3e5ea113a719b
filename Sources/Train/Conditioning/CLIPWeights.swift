package import Storage
package import SystemPackage

/// The weights of a CLIP model with a vision transformer (Radford et al. 2021), under one set of names for every
/// publisher.
///
/// Names, with W the width of the tower and P that of the features:
/// `text.tokens` (vocabulary, W), `text.positions` (context, W), `image.patches` (W, 3, p, p), `image.class` (W),
/// `image.positions` (1 + patches, W), `image.before.{weight,bias}`; and of either tower `T`: `T.blocks.N.` with the names
/// that `TransformerBlock` asks for, `T.norm.{weight,bias}`, `T.projection` (P, W). Everything else follows from the shapes.
package final class CLIPWeights {
    /// What a tower is made of.
    package struct Tower: Sendable, Equatable {
        /// W, channels of a token.
        package let width: Int
        /// Transformer blocks.
        package let layers: Int
        /// Attention heads of a block: as `config.json` says, else one for every 64 channels.
        package let heads: Int
        /// Channels within a feed-forward layer.
        package let hidden: Int
        /// As `config.json` says, else `quickGELU`.
        package let activation: TransformerActivation

        /// The blocks' weights and those of the last normalisation, with their shapes.
        func shapes(_ name: String) -> [(name: String, shape: [Int])] {
            let parts = [
                ("norm1", width, 0), ("attention", 3 * width, width), ("output", width, width), ("norm2", width, 0),
                ("up", hidden, width), ("down", width, hidden),
            ]
            let blocks = (0..<layers).flatMap { layer in
                parts.flatMap { part, outputs, inputs in
                    let place = "\(name).blocks.\(layer).\(part)"
                    return [
                        (name: place + ".weight", shape: [outputs] + (inputs == 0 ? [] : [inputs])),
                        (name: place + ".bias", shape: [outputs]),
                    ]
                }
            }
            return blocks + ["weight", "bias"].map { (name: "\(name).norm.\($0)", shape: [width]) }
        }
    }

    /// The file.
    package let path: FilePath
    /// The text encoder.
    package let text: Tower
    /// The image encoder.
    package let image: Tower
    /// Numbers that a token can be.
    package let vocabulary: Int
    /// Tokens of a text.
    package let contextLength: Int
    /// Pixels of a patch's side.
    package let patchSize: Int
    /// Pixels of an image's side.
    package let imageSize: Int
    /// P, features of a text or an image.
    package let projection: Int
    private let source: CLIPWeightSource

    /// Opens OpenAI's TorchScript archive (`ViT-B-32.pt`) or Hugging Face's `model.safetensors` of a `CLIPModel`, with the
    /// `config.json` beside it where there is one.
    ///
    /// - Throws: `PFrameError` if the file cannot be read, or a tensor is missing or has another shape than the others
    ///   call for, naming it.
    package init(_ path: FilePath) throws(PFrameError) {
        let source = try CLIPWeightSource(path)
        let tokens = try source.shape("text.tokens", "(vocabulary, width)") { $0.count == 2 }
        let positions = try source.shape("text.positions", "(context, width)") { $0.count == 2 }
        let patches = try source.shape("image.patches", "(width, 3, p, p)") {
            $0.count == 4 && $0[1] == 3 && $0[2] == $0[3]
        }
        let projection = try source.shape("text.projection", "(features, width)") { $0.count == 2 }[0]
        let grid = try source.shape("image.positions", "(1 + n², width)") {
            $0.count == 2 && Self.root($0[0] - 1) != nil
        }
        text = try Self.tower("text", width: tokens[1], source)
        image = try Self.tower("image", width: patches[0], source)
        try source.expect("text.positions", [positions[0], text.width])
        try source.expect("image.class", [image.width])
        try source.expect("image.positions", [grid[0], image.width])
        for end in ["weight", "bias"] { try source.expect("image.before.\(end)", [image.width]) }
        for (name, tower) in [("text", text), ("image", image)] {
            try source.expect("\(name).projection", [projection, tower.width])
        }
        (vocabulary, contextLength, patchSize, self.projection) = (tokens[0], positions[0], patches[2], projection)
        imageSize = (Self.root(grid[0] - 1) ?? 0) * patches[2]
        (self.path, self.source) = (path, source)
    }

    /// A weight by its name here, float32 on the CPU.
    package func tensor(_ name: String) throws(PFrameError) -> Tensor { try source.tensor(name) }

    /// The text encoder.
    func textEncoder(device: Device) throws(PFrameError) -> CLIPTextEncoder {
        try CLIPTextEncoder(source, text, (vocabulary, contextLength), hasProjection: true, device: device)
    }

    /// The blocks of a tower, `text` or `image`.
    func blocks(of name: String, _ tower: Tower, device: Device) throws(PFrameError) -> [TransformerBlock] {
        try source.blocks(of: name, tower, device: device)
    }

    /// Infers a tower and checks that all of it is there.
    private static func tower(
        _ name: String, width: Int, _ source: CLIPWeightSource
    ) throws(PFrameError) -> Tower {
        let layers = max(1, source.layers(of: name))
        let hidden = try source.shape("\(name).blocks.0.up.weight", "(hidden, width)") { $0.count == 2 }[0]
        let told = try source.configuration(of: name)
        guard let heads = told.heads ?? (width % 64 == 0 ? width / 64 : nil), heads > 0, width % heads == 0 else {
            let remedy = "put the model's own config.json (num_attention_heads) beside it"
            throw PFrameError(
                .unsupported, path: source.path, "\(name) tower of \(width) channels: how many heads? \(remedy)")
        }
        let tower = Tower(
            width: width, layers: layers, heads: heads, hidden: hidden, activation: told.activation ?? .quickGELU)
        for (weight, shape) in tower.shapes(name) { try source.expect(weight, shape) }
        return tower
    }

    /// n of n², from 1 on.
    private static func root(_ square: Int) -> Int? {
        let root = Int(Double(max(0, square)).squareRoot())
        return root > 0 && root * root == square ? root : nil
    }
}

extension CLIPWeightSource {
    /// The blocks of a tower, `text` or `image`.
    func blocks(of name: String, _ tower: CLIPWeights.Tower, device: Device) throws(PFrameError) -> [TransformerBlock] {
        var blocks: [TransformerBlock] = []
        for layer in 0..<tower.layers {
            blocks.append(
                try TransformerBlock(heads: tower.heads, activation: tower.activation) { part throws(PFrameError) in
                    try tensor("\(name).blocks.\(layer).\(part)").to(device)
                })
        }
        return blocks
    }
}

@available(*, unavailable)
extension CLIPWeights: Sendable {}
