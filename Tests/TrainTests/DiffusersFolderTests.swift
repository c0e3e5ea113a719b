import Codec
import Foundation
import Storage
import SystemPackage
import TestSupport
import Testing
import Train

/// Folders as diffusers saves them, float32 and float16, whole and in shards (`Tests/Peers/diffusers_expected.py`).
@Suite struct DiffusersFolderTests {
    private static let fixtures = FilePath(#filePath).removingLastComponent()
        .appending("../../fixtures/train/diffusers")

    /// A copy of a folder to change.
    private static func withCopy(of name: String, _ body: (FilePath) throws -> Void) throws {
        try withTemporaryFolder { scratch in
            let copy = scratch.appending("model")
            try FileManager.default.copyItem(atPath: fixtures.appending(name).string, toPath: copy.string)
            try body(copy)
        }
    }

    /// Whole images against diffusers' pipeline, from the same noise: prompts that differ, one with a negative prompt.
    @Test(arguments: ["sd1", "sd2"]) func imagesEqualDiffusers(_ name: String) throws {
        let model = try TextToImage(DiffusersFolder(Self.fixtures.appending(name)))
        #expect(model.factor == 2 && model.size == Size(width: 16, height: 16))
        let requests = [
            ImageRequest(name: "a", prompt: "a red ball!", negativePrompt: "blue", seed: 5),
            ImageRequest(name: "b", prompt: "two people", seed: 6),
        ]
        var told: [Int] = []
        #expect(model.schedule.kind == .ddim)
        let images = try model.images(
            requests, size: Size(width: 8, height: 16), options: model.schedule.options(steps: 4), guidance: 3
        ) { told.append($0) }
        #expect(told == [1, 2, 3, 4])
        let file = try SafetensorsFile(Self.fixtures.appending("images.safetensors"))
        #expect(file[name]?.shape == [2, 16, 8, 3])
        #expect(images.map(\.width) == [8, 8] && images.map(\.height) == [16, 16])
        let expected = try file.withBytes(of: name) { Array($0) }
        let differences = zip(images.flatMap(\.pixels), expected).map { abs(Int($0) - Int($1)) }
        #expect(differences.count == expected.count && differences.allSatisfy { $0 <= 1 }, "\(differences.max() ?? 0)")
        // Alone an image is the same but for rounding.
        let alone = try model.images(
            [requests[1]], size: Size(width: 8, height: 16), options: model.schedule.options(steps: 4), guidance: 3)
        #expect(zip(alone[0].pixels, images[1].pixels).allSatisfy { abs(Int($0) - Int($1)) <= 1 })
    }

    @Test func sameSeedSameImage() throws {
        let model = try TextToImage(DiffusersFolder(Self.fixtures.appending("sd1")))
        func image(seed: UInt64, guidance: Double = 1) throws -> [UInt8] {
            let request = ImageRequest(name: "a", prompt: "a ball", negativePrompt: "red", seed: seed)
            let options = model.schedule.options(.dpm, steps: 3)
            return try model.images([request], size: model.size, options: options, guidance: guidance)[0].pixels
        }
        let first = try image(seed: 1)
        #expect(try image(seed: 1) == first)
        #expect(try image(seed: 2) != first)
        #expect(try image(seed: 1, guidance: 4) != first)
    }

    /// Reduced precision follows the full one.
    @Test func computesInBFloat16() throws {
        let folder = try DiffusersFolder(Self.fixtures.appending("sd2"))
        let latents = try made("latents", [1, 4, 4, 4])
        let full = try folder.autoencoder().decode(latents).floats()
        let low = try folder.autoencoder(precision: .bfloat16).decode(latents).floats()
        let scale = full.map(abs).max() ?? 0
        #expect(zip(full, low).allSatisfy { abs($0 - $1) < 0.05 * scale })
        let (context, steps) = (try made("context", [1, 5, 8]), try Tensor([500] as [Int64]))
        let exact = try folder.unet()(latents, steps: steps, context: context).floats()
        let rounded = try folder.unet(precision: .bfloat16)(
            latents.to(.bfloat16), steps: steps, context: context.to(.bfloat16))
        let reach = exact.map(abs).max() ?? 0
        #expect(try zip(exact, rounded.floats()).allSatisfy { abs($0 - $1) < 0.05 * reach })
        #expect(rounded.type == .bfloat16 && !rounded.requiresGradient)
    }

    /// Names that older versions of diffusers and transformers gave to tensors, and what they saved besides.
    @Test func readsOlderNames() throws {
        try Self.withCopy(of: "sd1") { folder in
            let latents = try made("latents", [1, 2, 2, 4])
            let wanted = try DiffusersFolder(folder).autoencoder().decode(latents).floats()
            let changes = [
                (".to_q.", ".query."), (".to_k.", ".key."), (".to_v.", ".value."), (".to_out.0.", ".proj_attn."),
            ]
            try Self.rewrite(folder.appending("vae/diffusion_pytorch_model.safetensors")) { name in
                name.contains("mid_block.attentions") ? changes.reduce(name) { $0.replacing($1.0, with: $1.1) } : name
            }
            #expect(try DiffusersFolder(folder).autoencoder().decode(latents).floats() == wanted)
            let texts = [[Int32]](repeating: [552] + Array(repeating: 553, count: 76), count: 1)
            let sequence = try DiffusersFolder(folder).textEncoder()(texts).sequence.floats()
            try Self.rewrite(
                folder.appending("text_encoder/model.safetensors"),
                more: [("text_model.embeddings.position_ids", .int64, [1, 77])]
            ) { "text_model." + $0 }
            #expect(try DiffusersFolder(folder).textEncoder()(texts).sequence.floats() == sequence)
        }
    }

    /// The whole sequence against transformers', of Stable Diffusion 1's shape and of 2's, which is cut off before its last
    /// layer.
    @Test(arguments: [("sd1", 24, 48, 2, 3, "quick_gelu"), ("sd2", 32, 64, 3, 2, "gelu")])
    func textEncoderEqualsTransformers(
        _ model: String, _ width: Int, _ hidden: Int, _ layers: Int, _ heads: Int, _ activation: String
    ) throws {
        try Self.withCopy(of: "sd1") { folder in
            let configuration = """
                {"model_type": "clip_text_model", "hidden_size": \(width), "intermediate_size": \(hidden), \
                "num_hidden_layers": \(layers), "num_attention_heads": \(heads), "hidden_act": "\(activation)", \
                "vocab_size": 914}
                """
            try put(Array(configuration.utf8), at: folder.appending("text_encoder/config.json"))
            var shapes = [
                ("embeddings.token_embedding", [914, width]), ("embeddings.position_embedding", [77, width]),
                ("final_layer_norm", [width]),
            ]
            for layer in (0..<layers).map({ "encoder.layers.\($0)." }) {
                shapes += ["q", "k", "v", "out"].map { (layer + "self_attn.\($0)_proj", [width, width]) }
                shapes += [(layer + "layer_norm1", [width]), (layer + "layer_norm2", [width])]
                shapes += [(layer + "mlp.fc1", [hidden, width]), (layer + "mlp.fc2", [width, hidden])]
            }
            let tensors = shapes.flatMap { name, shape in
                [(name: name + ".weight", shape: shape)]
                    + (name.hasPrefix("embeddings") ? [] : [(name: name + ".bias", shape: [shape[0]])])
            }
            let path = folder.appending("text_encoder/model.safetensors")
            var writer = try SafetensorsWriter(path: path, entries: tensors.map { ($0.name, .float32, $0.shape) })
            for (name, shape) in tensors {
                let values = try madeParameter("\(model) text/\(name)", shape).bytes()
                try values.withUnsafeBytes { try writer.append($0) }
            }
            try writer.finish()
            let bpe = Self.fixtures.appending("../bpe")
            let tokenizer = try BPETokenizer(
                merges: bpe.appending("merges.txt"), vocabulary: bpe.appending("vocab.json"),
                padding: model == "sd2" ? "!" : nil)
            let encoder = try DiffusersFolder(folder).textEncoder()
            #expect((encoder.width, encoder.contextLength, encoder.projection) == (width, 77, width))
            let output = try encoder(["a red ball!", ""].map { tokenizer.tokens($0) })
            try ExpectedValues("diffusers/networks").expect("\(model) text/output", output.sequence)
        }
    }

    /// Writes a file again with other names, or without a tensor whose new name is nil.
    private static func rewrite(
        _ path: FilePath, more: [(name: String, type: ElementType, shape: [Int])] = [], _ name: (String) -> String?
    ) throws {
        let source = try SafetensorsFile(path)
        let kept = source.names.filter { name($0) != nil }
        let entries = try kept.map { old in
            let entry = try #require(source[old])
            return (name: name(old) ?? old, type: entry.type, shape: entry.shape)
        }
        var writer = try SafetensorsWriter(path: path, entries: entries + more)
        for old in kept { try source.withBytes(of: old) { (bytes) throws(PFrameError) in try writer.append(bytes) } }
        for (name, type, shape) in more {
            let bytes = try made(name, shape).to(type).bytes()
            try bytes.withUnsafeBytes { try writer.append($0) }
        }
        try writer.finish()
    }

    /// Each file, a change of its text, and what the error says.
    @Test(arguments: [
        ("model_index.json", "\"StableDiffusionPipeline\"", "\"StableDiffusionXLPipeline\"", "\"_class_name\" is"),
        ("model_index.json", "\"PNDMScheduler\"", "\"HeunDiscreteScheduler\"", "\"scheduler\" is"),
        ("model_index.json", "\"vae\"", "\"transformer\"", "\"vae\" is null"),
        ("model_index.json", "\"vae\": [", "\"refiner\": [1], \"vae\": [", "has the key \"refiner\""),
        ("unet/config.json", "\"act_fn\": \"silu\"", "\"act_fn\": \"gelu\"", "\"act_fn\" is \"gelu\""),
        ("unet/config.json", "\"act_fn\"", "\"extra\": 7, \"act_fn\"", "has the key \"extra\" (7)"),
        ("unet/config.json", "\"norm_num_groups\": 4", "\"norm_num_groups\": 3", "\"norm_num_groups\" is 3"),
        ("unet/config.json", "\"attention_head_dim\": 2", "\"attention_head_dim\": 3", "\"attention_head_dim\" is 3"),
        ("unet/config.json", "\"class_embed_type\": null", "\"class_embed_type\": \"id\"", "\"class_embed_type\" is"),
        ("unet/config.json", "\"UpBlock2D\"", "\"AttnUpBlock2D\"", "\"up_block_types\" is"),
        ("unet/config.json", "\"DownBlock2D\"\n", "\"DownBlock2D\", \"DownBlock2D\"\n", "one for each of block_out"),
        ("unet/config.json", "\"in_channels\": 4", "\"in_channels\": 9", "\"in_channels\" is 9"),
        ("unet/config.json", "\"in_channels\": 4", "\"in_channels\": -4", "\"in_channels\" is -4: expected is a whole"),
        ("unet/config.json", "\"in_channels\": 4", "\"in_channels\": 4,,", "at byte"),
        ("unet/config.json", "layers_per_block\": 1", "layers_per_block\": 9999999", "from 1 to 100"),
        ("vae/config.json", "    4,\n    8", "    \(String(repeating: "8, ", count: 70))8", "at most 16"),
        ("unet/config.json", "\"cross_attention_dim\": 8", "\"cross_attention_dim\": 16", "attention_dim\" is 16"),
        ("vae/config.json", "\"shift_factor\": null", "\"shift_factor\": 0.1", "\"shift_factor\" is 0.1"),
        ("vae/config.json", "\"scaling_factor\": 0.18215", "\"scaling_factor\": 0", "\"scaling_factor\" is 0"),
        ("text_encoder/config.json", "\"hidden_act\": \"quick_gelu\"", "\"hidden_act\": \"relu\"", "\"hidden_act\" is"),
        ("text_encoder/config.json", "\"layer_norm_eps\": 1e-05", "\"layer_norm_eps\": 1e-06", "\"layer_norm_eps\" is"),
        ("text_encoder/config.json", "clip_text_model", "bert", "\"model_type\" is \"bert\""),
        ("tokenizer/tokenizer_config.json", "\"CLIPTokenizer\"", "\"T5Tokenizer\"", "\"tokenizer_class\" is"),
        ("tokenizer/tokenizer_config.json", "max_length\": 77", "max_length\": 70", "\"model_max_length\" is 70"),
        ("tokenizer/merges.txt", "#version", "version", "no '#version'"),
        ("scheduler/scheduler_config.json", "\"epsilon\"", "\"flow\"", "\"prediction_type\" is \"flow\""),
        ("scheduler/scheduler_config.json", "\"leading\"", "\"linspace\"", "\"timestep_spacing\" is \"linspace\""),
        ("scheduler/scheduler_config.json", "0.012", "0.013", "\"beta_end\" is 0.013"),
        ("scheduler/scheduler_config.json", "prk_steps\": true", "prk_steps\": false", "\"skip_prk_steps\" is false"),
        ("scheduler/scheduler_config.json", "\"trained_betas\": null", "\"trained_betas\": [0.1]", "\"trained_betas\""),
    ]) func namesFileAndKey(_ file: String, _ old: String, _ new: String, _ message: String) throws {
        try Self.withCopy(of: "sd1") { folder in
            let path = folder.appending(file)
            let text = String(decoding: try contents(of: path), as: UTF8.self)
            try #require(text.contains(old))
            try put(Array(text.replacing(old, with: new, maxReplacements: 1).utf8), at: path)
            let error = try #require(throws: PFrameError.self) { try TextToImage(DiffusersFolder(folder)) }
            #expect(error.path == path && error.message.contains(message), "\(error)")
        }
    }

    /// Missing files: of a model in one file and of one in shards.
    @Test(arguments: [
        ("sd1", "model_index.json", "no model_index.json"), ("sd1", "unet/config.json", "No such file"),
        ("sd1", "unet/diffusion_pytorch_model.safetensors", "holds no diffusion_pytorch_model.safetensors"),
        ("sd1", "text_encoder/model.safetensors", "holds no model.safetensors"),
        ("sd1", "tokenizer/merges.txt", "holds neither vocab.json with merges.txt nor tokenizer.json"),
        ("sd2", "unet/diffusion_pytorch_model.fp16-00002-of-00004.safetensors", "No such file"),
        ("sd2", "vae/diffusion_pytorch_model.safetensors.index.fp16.json", "holds no diffusion_pytorch_model"),
    ]) func saysWhatIsMissing(_ model: String, _ file: String, _ message: String) throws {
        try Self.withCopy(of: model) { folder in
            try FileManager.default.removeItem(atPath: folder.appending(file).string)
            let error = try #require(throws: PFrameError.self) { try TextToImage(DiffusersFolder(folder)) }
            #expect(error.description.contains(message) && error.code == .missing, "\(error)")
            #expect(try #require(error.path).string.hasPrefix(folder.string))
        }
    }

    @Test(arguments: [
        "unet/diffusion_pytorch_model.safetensors", "vae/diffusion_pytorch_model.safetensors",
        "text_encoder/model.safetensors",
    ]) func saysWhatIsCutShort(_ file: String) throws {
        try Self.withCopy(of: "sd1") { folder in
            let path = folder.appending(file)
            let bytes = try contents(of: path)
            for length in [0, 7, 100, bytes.count - 1] {
                try put(Array(bytes.prefix(length)), at: path)
                let error = try #require(throws: PFrameError.self) { try TextToImage(DiffusersFolder(folder)) }
                #expect(error.code == .damaged && error.path == path, "\(error)")
            }
        }
    }

    /// Tensors that the configuration does not call for, that are missing, and of another shape.
    @Test(arguments: [
        ("unet/diffusion_pytorch_model.safetensors", "conv_in.weight", "missing: conv_in.weight"),
        ("vae/diffusion_pytorch_model.safetensors", "decoder.conv_out.bias", "missing: decoder.conv_out.bias"),
        ("text_encoder/model.safetensors", "final_layer_norm.bias", "holds no tensor 'final_layer_norm.bias'"),
    ]) func namesTensors(_ file: String, _ tensor: String, _ missing: String) throws {
        func message(
            _ name: (String) -> String?, _ more: [(name: String, type: ElementType, shape: [Int])]
        ) throws -> String {
            var found = ""
            try Self.withCopy(of: "sd1") { folder in
                try Self.rewrite(folder.appending(file), more: more, name)
                found = try #require(throws: PFrameError.self) { try TextToImage(DiffusersFolder(folder)) }.message
            }
            return found
        }
        let without = { (name: String) -> String? in name == tensor ? nil : name }
        #expect(try message(without, []).contains(missing))
        #expect(try message(without, [(tensor, .float32, [7])]).contains(tensor))
        let extra = try message({ $0 }, [("lora.weight", .float32, [2, 2])])
        #expect(extra.contains("lora.weight"), "\(extra)")
    }

    @Test(arguments: ["{}", "{\"weight_map\": {\"a\": 1}}", "{\"weight_map\": {\"a\": \"../a\"}}", "["])
    func refusesADamagedIndex(_ text: String) throws {
        try Self.withCopy(of: "sd2") { folder in
            let path = folder.appending("unet/diffusion_pytorch_model.safetensors.index.fp16.json")
            try put(Array(text.utf8), at: path)
            let error = try #require(throws: PFrameError.self) { try DiffusersFolder(folder).unet() }
            #expect(error.code == .damaged && error.path == path, "\(error)")
        }
    }

    @Test(arguments: [Size(width: 7, height: 8), Size(width: 8, height: 0), Size(width: -2, height: 8)])
    func refusesSizes(_ size: Size) throws {
        let model = try TextToImage(DiffusersFolder(Self.fixtures.appending("sd1")))
        let request = ImageRequest(name: "a", prompt: "a", seed: 0)
        let error = #expect(throws: PFrameError.self) {
            try model.images([request], size: size, options: model.schedule.options(steps: 1), guidance: 1)
        }
        #expect(error?.code == .usage && error?.message.contains("multiples of 2") == true)
    }

    /// What the schedulers of published folders say.
    @Test func readsSchedules() throws {
        let first = try DiffusersFolder(Self.fixtures.appending("sd1")).schedule()
        let second = try DiffusersFolder(Self.fixtures.appending("sd2")).schedule()
        #expect(first.process.target == .noise && second.process.target == .velocity)
        #expect(first.process.schedule == NoiseSchedule(.ldmLinear))
        let options = first.options(steps: 20)
        #expect(options.kind == .ddim && options.spacing == .leading(offset: 1) && options.endsAtFirstStep)
        try Self.withCopy(of: "sd2") { folder in
            let index = folder.appending("model_index.json")
            let file = folder.appending("scheduler/scheduler_config.json")
            let text = String(decoding: try contents(of: index), as: UTF8.self)
            try put(Array(text.replacing("DDIMScheduler", with: "DPMSolverMultistepScheduler").utf8), at: index)
            let configuration = """
                {"_class_name": "DPMSolverMultistepScheduler", "beta_start": 0.00085, "beta_end": 0.012, \
                "beta_schedule": "scaled_linear", "lambda_min_clipped": -Infinity, "prediction_type": "v_prediction", \
                "rescale_betas_zero_snr": true, "algorithm_type": "dpmsolver++", "use_karras_sigmas": false}
                """
            try put(Array(configuration.utf8), at: file)
            let third = try DiffusersFolder(folder).schedule()
            #expect(third.kind == .dpm && third.options(steps: 9).spacing == .even)
            #expect(third.process.schedule.alphas.last == 0)
            try put(Array(configuration.replacing("false}", with: "true}").utf8), at: file)
            let error = #expect(throws: PFrameError.self) { try DiffusersFolder(folder).schedule() }
            #expect(error?.path == file && error?.message.contains("\"use_karras_sigmas\" is true") == true)
        }
    }
}
