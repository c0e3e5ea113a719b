import Dataset
import Glibc
import Storage
import SystemPackage

/// A published file of CLIP weights, asked by the names of `CLIPWeights`.
final class CLIPWeightSource {
    private enum Contents {
        case script([String: Tensor])
        case safetensors([SafetensorsFile])

        var names: [String] {
            switch self {
            case .script(let tensors): Array(tensors.keys)
            case .safetensors(let files): files.flatMap(\.names)
            }
        }
    }

    /// How a publisher calls things; `*` stands for `q`, `k` and `v`.
    private struct Naming {
        let names: [String: String]
        let parts: [String: String]
        let blocks: [String: String]
        /// Whether the projections are `(W, P)`.
        let isTransposed: Bool

        static let textPrefix = "text_model."

        /// The same without the prefix of the text tower.
        var withoutTextPrefix: Naming {
            func shortened(_ names: [String: String]) -> [String: String] {
                names.mapValues { $0.hasPrefix(Self.textPrefix) ? String($0.dropFirst(Self.textPrefix.count)) : $0 }
            }
            return Naming(
                names: shortened(names), parts: parts, blocks: shortened(blocks), isTransposed: isTransposed)
        }

        static let openAI = Naming(
            names: [
                "text.tokens": "token_embedding.weight", "text.positions": "positional_embedding",
                "text.norm": "ln_final", "text.projection": "text_projection", "image.patches": "visual.conv1.weight",
                "image.class": "visual.class_embedding", "image.positions": "visual.positional_embedding",
                "image.before": "visual.ln_pre", "image.norm": "visual.ln_post", "image.projection": "visual.proj",
            ],
            parts: [
                "norm1": "ln_1.", "attention": "attn.in_proj_", "output": "attn.out_proj.", "norm2": "ln_2.",
                "up": "mlp.c_fc.", "down": "mlp.c_proj.",
            ],
            blocks: ["text": "transformer.resblocks.", "image": "visual.transformer.resblocks."], isTransposed: true)

        static let huggingFace = Naming(
            names: [
                "text.tokens": "text_model.embeddings.token_embedding.weight",
                "text.positions": "text_model.embeddings.position_embedding.weight",
                "text.norm": "text_model.final_layer_norm", "text.projection": "text_projection.weight",
                "image.patches": "vision_model.embeddings.patch_embedding.weight",
                "image.class": "vision_model.embeddings.class_embedding",
                "image.positions": "vision_model.embeddings.position_embedding.weight",
                // Misspelt in every file.
                "image.before": "vision_model.pre_layrnorm", "image.norm": "vision_model.post_layernorm",
                "image.projection": "visual_projection.weight",
            ],
            parts: [
                "norm1": "layer_norm1.", "attention": "self_attn.*_proj.", "output": "self_attn.out_proj.",
                "norm2": "layer_norm2.", "up": "mlp.fc1.", "down": "mlp.fc2.",
            ],
            blocks: ["text": "text_model.encoder.layers.", "image": "vision_model.encoder.layers."],
            isTransposed: false)
    }

    let path: FilePath
    private let contents: Contents
    private let naming: Naming
    private let configuration: JSONValue?

    init(_ path: FilePath) throws(PFrameError) {
        let file = try MappedFile(path)
        let isArchive = try file.withBytes { bytes throws(PFrameError) in bytes.starts(with: Array("PK".utf8)) }
        self.path = path
        if isArchive {
            (contents, naming) = (.script(try ScriptModule(path).parameters()), .openAI)
            configuration = nil
        } else {
            (contents, naming) = (.safetensors([try SafetensorsFile(path)]), .huggingFace)
            let beside = path.removingLastComponent().appending("config.json")
            configuration = access(beside.string, F_OK) == 0 ? try JSONValue(ofFile: beside) : nil
        }
        if published("visual.layer1.0.conv1.weight") != nil {
            throw PFrameError(
                .unsupported, path: path, "is a CLIP model with a ResNet; only those with a vision transformer are read"
            )
        }
    }

    /// The text tower of a model in a folder of its own, in one or more files.
    init(textTower files: [SafetensorsFile]) {
        path = files[0].path
        contents = .safetensors(files)
        // Versions of transformers from 5 on leave the prefix out.
        let hasPrefix = files.contains { $0.names.contains { $0.hasPrefix(Naming.textPrefix) } }
        naming = hasPrefix ? .huggingFace : .huggingFace.withoutTextPrefix
        configuration = nil
    }

    /// The shape of a weight, checked to be as `expected` says.
    func shape(_ name: String, _ expected: String, _ isRight: ([Int]) -> Bool) throws(PFrameError) -> [Int] {
        let names = publishedNames(name)
        var total: [Int] = []
        for (index, published) in names.enumerated() {
            guard var shape = self.published(published) else {
                throw PFrameError(.damaged, path: path, "holds no tensor '\(published)', which a CLIP model has")
            }
            if naming.isTransposed, name.hasSuffix(".projection") { shape.reverse() }
            // Queries, keys and values lie one below the other.
            if index == 0 {
                total = shape
            } else if shape.count == total.count, !shape.isEmpty, shape.dropFirst() == total.dropFirst() {
                total[0] += shape[0]
            } else {
                throw PFrameError(.damaged, path: path, "tensor '\(published)' has another shape than '\(names[0])'")
            }
        }
        guard isRight(total) else {
            let what = "tensor '\(names.joined(separator: "', '"))' has the shape \(total)"
            throw PFrameError(.damaged, path: path, "\(what); expected is \(expected)")
        }
        return total
    }

    func expect(_ name: String, _ shape: [Int]) throws(PFrameError) {
        _ = try self.shape(name, "\(shape)") { $0 == shape }
    }

    /// Blocks of a tower: one more than the highest number among the names.
    func layers(of tower: String) -> Int {
        guard let prefix = naming.blocks[tower] else { return 0 }
        let numbers = contents.names.filter { $0.hasPrefix(prefix) }.compactMap {
            Int($0.dropFirst(prefix.count).prefix { $0 != "." })
        }
        return (numbers.max() ?? -1) + 1
    }

    /// A weight as float32.
    func tensor(_ name: String) throws(PFrameError) -> Tensor {
        var parts: [Tensor] = []
        for published in publishedNames(name) {
            switch contents {
            case .script(let tensors):
                guard let tensor = tensors[published] else {
                    throw PFrameError(.damaged, path: path, "holds no '\(published)'")
                }
                parts.append(try tensor.to(.float32).to(.cpu))
            case .safetensors(let files):
                guard let file = files.first(where: { $0[published] != nil }), let entry = file[published] else {
                    throw PFrameError(.damaged, path: path, "holds no '\(published)'")
                }
                let tensor = try file.withBytes(of: published) { bytes throws(PFrameError) in
                    try Tensor(bytes: bytes, type: entry.type, shape: entry.shape)
                }
                parts.append(try tensor.to(.float32))
            }
        }
        let whole = parts.count == 1 ? parts[0] : try Tensor.concatenated(parts, along: 0)
        return naming.isTransposed && name.hasSuffix(".projection")
            ? try whole.permuted([1, 0]).contiguous() : whole
    }

    /// Checks that there are no tensors but those of weights.
    ///
    /// - Throws: `PFrameError` naming a tensor that is none of them.
    func expectOnly(_ weights: [String]) throws(PFrameError) {
        let known = Set(weights.flatMap(publishedNames))
        // Older versions of transformers saved the numbers 0…76 as position_ids.
        let alien = contents.names.sorted().first { !known.contains($0) && !$0.hasSuffix("embeddings.position_ids") }
        guard let alien else { return }
        throw PFrameError(
            .conflict, path: path, "holds the tensor '\(alien)', which its configuration does not call for")
    }

    /// What `config.json` says of a tower.
    func configuration(of tower: String) throws(PFrameError) -> (heads: Int?, activation: TransformerActivation?) {
        let part = configuration?[tower == "text" ? "text_config" : "vision_config"]
        let name = part?["hidden_act"]?.string
        let activation = name.flatMap(TransformerActivation.init)
        if let name, activation == nil {
            let known = TransformerActivation.allCases.map(\.rawValue).joined(separator: ", ")
            throw PFrameError(
                .unsupported, path: path, "its config.json asks for '\(name)' (hidden_act); known are \(known)")
        }
        return (part?["num_attention_heads"]?.int, activation)
    }

    /// The publisher's names of what is one weight here.
    private func publishedNames(_ name: String) -> [String] {
        if let whole = naming.names[name] { return [whole] }
        let pieces = name.split(separator: ".").map(String.init)
        if pieces.count == 3, let norm = naming.names[pieces[0] + "." + pieces[1]] { return [norm + "." + pieces[2]] }
        guard pieces.count == 5, let blocks = naming.blocks[pieces[0]], let part = naming.parts[pieces[3]] else {
            preconditionFailure("no CLIP model has a weight '\(name)'")
        }
        let around = part.split(separator: "*", omittingEmptySubsequences: false)
        let parts = around.count == 1 ? [part] : ["q", "k", "v"].map { around.joined(separator: $0) }
        return parts.map { blocks + pieces[2] + "." + $0 + pieces[4] }
    }

    /// The shape of a tensor by its publisher's name.
    private func published(_ name: String) -> [Int]? {
        switch contents {
        case .script(let tensors): tensors[name]?.shape
        case .safetensors(let files): files.lazy.compactMap { $0[name]?.shape }.first
        }
    }
}

@available(*, unavailable)
extension CLIPWeightSource: Sendable {}
