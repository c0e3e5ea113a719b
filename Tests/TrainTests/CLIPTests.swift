import Codec
import Dataset
import Storage
import SystemPackage
import TestSupport
import Testing
import Train

/// CLIP's encoders against transformers' (`Tests/Peers/clip_expected.py`), from both publishers' files of the same weights.
@Suite struct CLIPTests {
    private static let fixtures = FilePath(#filePath).removingLastComponent().appending("../../fixtures/train")
    private static let folder = fixtures.appending("clip")
    private static let mean: [Float] = [0.48145466, 0.4578275, 0.40821073]
    private static let deviation: [Float] = [0.26862954, 0.26130258, 0.27577711]

    private static func expected() throws -> JSONValue {
        try JSONValue(contents(of: folder.appending("expected.json")), path: folder)
    }

    private static func floats(_ value: JSONValue?) throws -> [Float] {
        try #require(value?.array).map { Float(try #require($0.double)) }
    }

    private static func tokens(_ expected: JSONValue) throws -> [[Int32]] {
        try #require(expected["tokens"]?.array).map { row in
            try #require(row.array).map { Int32(try #require($0.int)) }
        }
    }

    /// What `frame` in the script makes.
    private static func frame(_ number: Int, _ size: Size) -> [UInt8] {
        (0..<size.height).flatMap { y in
            (0..<size.width).flatMap { x in
                (0..<3).map { c in
                    let value = x * (3 + c) + y * (5 - c) + 40 * number + (x * y * 7 + 13 * c) % 31
                    return UInt8((x + number * 5) % 24 < 12 ? value % 256 : 255 - value % 200)
                }
            }
        }
    }

    private static func sizes(_ expected: JSONValue) throws -> [Size] {
        try #require(expected["sizes"]?.array).map { pair in
            let pair = try #require(pair.array)
            return Size(width: try #require(pair[0].int), height: try #require(pair[1].int))
        }
    }

    /// The pixels that transformers' encoder looked at.
    private static func pixels(_ expected: JSONValue) throws -> [Float] {
        try floats(expected["levels"]).enumerated().map { ($1 / 255 - mean[$0 % 3]) / deviation[$0 % 3] }
    }

    private static func difference(_ one: [Float], _ other: [Float]) -> Float {
        guard one.count == other.count else { return .infinity }
        return zip(one, other).reduce(0) { max($0, abs($1.0 - $1.1)) }
    }

    private static func check(_ weights: CLIPWeights, _ variant: String) throws {
        let expected = try expected()
        let values = try #require(expected[variant])
        let text = try CLIPTextEncoder(weights)
        let output = try text(tokens(expected))
        #expect(output.features.shape == [3, 24] && output.sequence.shape == [3, 77, 128])
        #expect(try difference(output.features.floats(), floats(values["text"])) < 1e-4)
        let chosen = try output.sequence.selected(Tensor([0, 3, 20, 76] as [Int64]), along: 1)
        #expect(try difference(chosen.floats(), floats(values["sequence"])) < 1e-4)
        #expect(!output.features.requiresGradient)
        let image = try CLIPImageEncoder(weights)
        let features = try image(Tensor(pixels(expected), shape: [4, 32, 32, 3]))
        #expect(features.shape == [4, 24] && !features.requiresGradient)
        #expect(try difference(features.floats(), floats(values["image"])) < 1e-4)
    }

    @Test(arguments: ["model.safetensors", "openai.pt"]) func equalsTransformers(_ name: String) throws {
        let weights = try CLIPWeights(Self.folder.appending(name))
        let (text, image) = (weights.text, weights.image)
        #expect((text.width, text.layers, text.heads, text.hidden) == (128, 1, 2, 64))
        #expect((image.width, image.layers, image.heads, image.hidden) == (64, 2, 1, 96))
        #expect(text.activation == .quickGELU && image.activation == .quickGELU)
        #expect((weights.vocabulary, weights.contextLength, weights.projection) == (40, 77, 24))
        #expect((weights.patchSize, weights.imageSize) == (8, 32))
        try Self.check(weights, "quick_gelu")
    }

    @Test func takesHeadsAndActivationOfTheConfiguration() throws {
        try withTemporaryFolder { folder in
            let path = folder.appending("model.safetensors")
            try put(contents(of: Self.folder.appending("model.safetensors")), at: path)
            // None beside it: heads of 64 channels and OpenAI's activation.
            try Self.check(CLIPWeights(path), "quick_gelu")
            func tower(_ heads: Int, _ activation: String) -> String {
                "{\"num_attention_heads\": \(heads), \"hidden_act\": \"\(activation)\"}"
            }
            func configure(_ text: String, _ vision: String) throws {
                let json = "{\"text_config\": \(text), \"vision_config\": \(vision)}"
                try put(Array(json.utf8), at: folder.appending("config.json"))
            }
            try configure(tower(8, "gelu"), tower(4, "gelu"))
            try Self.check(CLIPWeights(path), "gelu")
            try configure(tower(8, "gelu"), tower(4, "relu"))
            var error = try #require(throws: PFrameError.self) { try CLIPWeights(path) }
            #expect(error.message.contains("asks for 'relu' (hidden_act); known are gelu, quick_gelu"), "\(error)")
            try configure(tower(7, "gelu"), tower(4, "gelu"))
            error = try #require(throws: PFrameError.self) { try CLIPWeights(path) }
            #expect(error.message.contains("text tower of 128 channels: how many heads?"), "\(error)")
        }
    }

    @Test func looksAtWhatTransformersLooksAt() throws {
        let expected = try Self.expected()
        let encoder = try CLIPImageEncoder(CLIPWeights(Self.folder.appending("openai.pt")))
        let levels = try Self.floats(expected["levels"])
        let count = 32 * 32 * 3
        for (index, size) in try Self.sizes(expected).enumerated() {
            let frame = Self.frame(index, size)
            let pixels = try encoder.pixels(Tensor.frames(frame.span, size: size)).floats()
            let found = pixels.enumerated().map { ($1 * Self.deviation[$0 % 3] + Self.mean[$0 % 3]) * 255 }
            let wanted = Array(levels[index * count..<(index + 1) * count])
            #expect(Self.difference(found, wanted) < 2.01, "\(size)")
            let unequal = zip(found, wanted).count { abs($0 - $1) > 0.01 }
            #expect(unequal * 50 < count, "\(unequal) of \(count) levels differ at \(size)")
            if index == 0 {
                let corner = try Self.floats(expected["corner"])
                #expect(Self.difference(Array(pixels[..<3]), corner) < 0.031)
            }
        }
    }

    @Test func encodesFramesInBatches() throws {
        let encoder = try CLIPImageEncoder(CLIPWeights(Self.folder.appending("model.safetensors")))
        let size = Size(width: 32, height: 32)
        let expected = try Self.expected()
        let wanted = try Array(Self.floats(expected["quick_gelu"]?["image"])[72...])
        var clip = (0..<34).flatMap { Self.frame($0, size) }
        let features = try encoder.features(of: clip.span, size: size)
        #expect(features.count == 34 * 24)
        // A frame of the encoder's own size is not resized: its features are transformers' own.
        #expect(Self.difference(Array(features[72..<96]), wanted) < 1e-4)
        for index in [0, 15, 16, 33] {
            let alone = try encoder.features(of: Self.frame(index, size).span, size: size)
            #expect(Self.difference(Array(features[index * 24..<(index + 1) * 24]), alone) < 1e-4)
        }
        clip.removeLast()
        let error = #expect(throws: PFrameError.self) { try encoder.features(of: clip.span, size: size) }
        #expect(error?.message.contains("not whole RGB frames of 32x32") == true)
    }

    /// What follows the end does not matter to the features, and no token sees a later one.
    @Test func looksBackOnly() throws {
        let encoder = try CLIPTextEncoder(CLIPWeights(Self.folder.appending("openai.pt")))
        var texts = try Self.tokens(Self.expected())
        let before = try encoder(texts)
        texts[0].replaceSubrange(4..<77, with: repeatElement(0, count: 73))
        let after = try encoder(texts)
        #expect(Self.difference(try before.features.floats(), try after.features.floats()) < 1e-5)
        let (one, other) = (try before.sequence.sliced(0..<4, along: 1), try after.sequence.sliced(0..<4, along: 1))
        #expect(Self.difference(try one.floats(), try other.floats()) < 1e-5)
        #expect(Self.difference(try before.sequence.floats(), try after.sequence.floats()) > 0.1)
    }

    @Test func refusesTokensOfOthers() throws {
        let encoder = try CLIPTextEncoder(CLIPWeights(Self.folder.appending("openai.pt")))
        let row = [Int32](repeating: 39, count: 77)
        let wrong: [([[Int32]], String)] = [
            ([row, Array(row.dropLast())], "text 1 has 76 tokens; this CLIP model takes 77"),
            ([row.dropLast() + [40]], "text 0 has token 40 of a vocabulary of 40"),
            ([[-1] + row.dropFirst()], "text 0 has token -1 of"),
        ]
        for (texts, message) in wrong {
            let error = try #require(throws: PFrameError.self) { try encoder(texts) }
            #expect(error.message.contains(message), "\(error)")
        }
    }

    /// Tensors that are missing or misshapen, made by changing the header of the file.
    @Test(arguments: [
        (
            "\"vision_model.encoder.layers.1.self_attn.v_proj.bias\"",
            "\"vision_model.encoder.layers.1.self_attn.v_proj.bios\"",
            "holds no tensor 'vision_model.encoder.layers.1.self_attn.v_proj.bias'"
        ),
        (
            "\"text_projection.weight\":{\"dtype\":\"F16\",\"shape\":[24,128]",
            "\"text_projection.weight\":{\"dtype\":\"F16\",\"shape\":[128,24]",
            "tensor 'text_projection.weight' has the shape [128, 24]; expected is [128, 128]"
        ),
        (
            "\"vision_model.embeddings.position_embedding.weight\":{\"dtype\":\"F16\",\"shape\":[17,64]",
            "\"vision_model.embeddings.position_embedding.weight\":{\"dtype\":\"F16\",\"shape\":[64,17]",
            "has the shape [64, 17]; expected is (1 + n², width)"
        ),
        (
            "\"text_model.encoder.layers.0.self_attn.k_proj.weight\":{\"dtype\":\"F16\",\"shape\":[128,128]",
            "\"text_model.encoder.layers.0.self_attn.k_proj.weight\":{\"dtype\":\"F16\",\"shape\":[64, 256]",
            "k_proj.weight' has another shape than 'text_model.encoder.layers.0.self_attn.q_proj.weight'"
        ),
    ]) func namesWhatIsWrong(_ old: String, _ new: String, _ message: String) throws {
        try withTemporaryFolder { folder in
            let path = folder.appending("model.safetensors")
            var bytes = try contents(of: Self.folder.appending("model.safetensors"))
            let place = try #require(bytes.firstRange(of: Array(old.utf8)))
            bytes.replaceSubrange(place, with: Array(new.utf8))
            try put(bytes, at: path)
            let error = try #require(throws: PFrameError.self) { try CLIPWeights(path) }
            #expect(error.path == path && error.message.contains(message), "\(error)")
        }
    }

    @Test func refusesOtherFiles() throws {
        let others = [
            ("tensors.safetensors", "holds no tensor 'text_model.embeddings.token_embedding.weight'"),
            ("script/network.pt", "holds no tensor 'token_embedding.weight'"),
            ("script/saved.pt", "is not a TorchScript archive (torch.jit.save)"),
            ("script/expected.json", "is not a safetensors file"),
            ("clip/none.pt", "cannot read"),
        ]
        for (name, message) in others {
            let path = Self.fixtures.appending(name)
            let error = try #require(throws: PFrameError.self) { try CLIPWeights(path) }
            #expect(error.path == path && error.message.contains(message), "\(error)")
        }
    }
}
