import Codec
package import Storage
import SystemPackage

/// What the configurations of a folder say of its networks and its tokenizer.
extension DiffusersFolder {
    private static let sizes = "PFrame takes divisors"

    /// The shape of the U-Net, and the size of images that it was trained on, in positions of the latents.
    func unetOptions() throws(PFrameError) -> (UNet2DOptions, size: Size?) {
        var file = try configuration("unet")
        var options = UNet2DOptions()
        options.inputs = try file.integer("in_channels", default: 4)
        options.outputs = try file.integer("out_channels", default: 4)
        let widths = try file.integers("block_out_channels", default: [320, 640, 1280, 1280])
        let count = widths.count
        let downs = try file.names(
            "down_block_types",
            default: Array(repeating: "CrossAttnDownBlock2D", count: 3) + ["DownBlock2D"],
            of: ["CrossAttnDownBlock2D", "DownBlock2D"], count: count)
        let ups = try file.names(
            "up_block_types", default: ["UpBlock2D"] + Array(repeating: "CrossAttnUpBlock2D", count: 3),
            of: ["CrossAttnUpBlock2D", "UpBlock2D"], count: count)
        // What is called the width of a head has always been the number of heads.
        let standard = Array(repeating: 8, count: count)
        let heads = try file.integers("attention_head_dim", default: standard, count: count)
        let transformers = try file.integers(
            "transformer_layers_per_block", default: Array(repeating: 1, count: count), count: count, most: 100)
        options.groups = try file.integer("norm_num_groups", default: 32)
        options.levels = (0..<count).map { index in
            UNet2DOptions.Level(
                width: widths[index], heads: heads[index],
                downTransformers: downs[index].hasPrefix("Cross") ? transformers[index] : 0,
                upTransformers: ups[count - 1 - index].hasPrefix("Cross") ? transformers[index] : 0)
        }
        options.middleTransformers = transformers[count - 1]
        options.blocks = try file.integer("layers_per_block", default: 2, most: 100)
        options.context = try file.integer("cross_attention_dim", default: 1280)
        options.epsilon = try file.number("norm_eps", default: 1e-5)
        options.isLinear = try file.bool("use_linear_projection", default: false)
        options.isUpcast = try file.bool("upcast_attention", default: false)
        for (index, level) in options.levels.enumerated() {
            let hasHeads = level.downTransformers + level.upTransformers > 0 || index == count - 1
            guard !hasHeads || level.width.isMultiple(of: level.heads) else {
                throw file.unsupported("attention_head_dim", "\(Self.sizes) of the \(level.width) block_out_channels")
            }
            guard level.width.isMultiple(of: options.groups) else {
                throw file.unsupported("norm_num_groups", "\(Self.sizes) of the \(level.width) block_out_channels")
            }
        }
        try Self.expectPlainUNet(&file)
        let size = try Self.size(&file)
        try file.finish()
        return (options, size)
    }

    /// Refuses every variant of diffusers' U-Net that Stable Diffusion 1 and 2 do not use.
    private static func expectPlainUNet(_ file: inout DiffusersConfiguration) throws(PFrameError) {
        try file.expect("center_input_sample", .bool(false))
        try file.expect("flip_sin_to_cos", .bool(true))
        try file.expect("freq_shift", .integer(0))
        try file.expect("mid_block_type", .text("UNetMidBlock2DCrossAttn"))
        try file.expect("only_cross_attention", .bool(false))
        try file.expect("mid_block_only_cross_attention", .null, .bool(false))
        try file.expect("downsample_padding", .integer(1))
        try file.expect("mid_block_scale_factor", .integer(1))
        try file.expect("dropout", .integer(0))
        try file.expect("act_fn", .text("silu"), .text("swish"))
        try file.expect("dual_cross_attention", .bool(false))
        try file.expect("resnet_time_scale_shift", .text("default"))
        try file.expect("resnet_skip_time_act", .bool(false))
        try file.expect("resnet_out_scale_factor", .integer(1))
        try file.expect("time_embedding_type", .text("positional"))
        try file.expect("conv_in_kernel", .integer(3))
        try file.expect("conv_out_kernel", .integer(3))
        try file.expect("attention_type", .text("default"))
        try file.expect("class_embeddings_concat", .bool(false))
        try file.expectNothing(
            "num_attention_heads", "reverse_transformer_layers_per_block", "encoder_hid_dim", "encoder_hid_dim_type",
            "class_embed_type", "addition_embed_type", "addition_time_embed_dim", "num_class_embeds",
            "time_embedding_dim", "time_embedding_act_fn", "timestep_post_act", "time_cond_proj_dim",
            "projection_class_embeddings_input_dim", "cross_attention_norm")
        // Of the embedding that `addition_embed_type` is refused for.
        file.ignore("addition_embed_type_num_heads")
    }

    /// `sample_size`, one number or height and width.
    private static func size(_ file: inout DiffusersConfiguration) throws(PFrameError) -> Size? {
        guard file.has("sample_size") else { return nil }
        let sides = try file.integers("sample_size", default: [], count: 2)
        return sides.isEmpty ? nil : Size(width: sides[1], height: sides[0])
    }

    /// The shape of the autoencoder.
    func autoencoderOptions() throws(PFrameError) -> AutoencoderKLOptions {
        var file = try configuration("vae")
        var options = AutoencoderKLOptions()
        options.widths = try file.integers("block_out_channels", default: [64])
        let count = options.widths.count
        _ = try file.names(
            "down_block_types", default: ["DownEncoderBlock2D"], of: ["DownEncoderBlock2D"], count: count)
        _ = try file.names("up_block_types", default: ["UpDecoderBlock2D"], of: ["UpDecoderBlock2D"], count: count)
        options.latentChannels = try file.integer("latent_channels", default: 4)
        options.blocks = try file.integer("layers_per_block", default: 1, most: 100)
        options.groups = try file.integer("norm_num_groups", default: 32)
        options.scalingFactor = try file.number("scaling_factor", default: 0.18215)
        options.hasAttention = try file.bool("mid_block_add_attention", default: true)
        options.hasQuantConvolution = try file.bool("use_quant_conv", default: true)
        options.hasPostQuantConvolution = try file.bool("use_post_quant_conv", default: true)
        if let width = options.widths.first(where: { !$0.isMultiple(of: options.groups) }) {
            throw file.unsupported("norm_num_groups", "\(Self.sizes) of the \(width) block_out_channels")
        }
        try file.expect("in_channels", .integer(3))
        try file.expect("out_channels", .integer(3))
        try file.expect("act_fn", .text("silu"), .text("swish"))
        try file.expectNothing("shift_factor", "latents_mean", "latents_std")
        // Of tiles, and of float16.
        file.ignore("sample_size", "force_upcast")
        try file.finish()
        return options
    }

    /// The shape of the text encoder, numbers that a token can be, and tokens of a text.
    func textOptions() throws(PFrameError) -> (CLIPWeights.Tower, size: (vocabulary: Int, context: Int)) {
        var file = try configuration("text_encoder")
        let activations = TransformerActivation.allCases.map(\.rawValue)
        let activation = try file.name("hidden_act", default: "quick_gelu", of: activations)
        let tower = CLIPWeights.Tower(
            width: try file.integer("hidden_size", default: 512),
            layers: try file.integer("num_hidden_layers", default: 12, most: 1000),
            heads: try file.integer("num_attention_heads", default: 8),
            hidden: try file.integer("intermediate_size", default: 2048),
            activation: TransformerActivation(rawValue: activation) ?? .quickGELU)
        guard tower.width.isMultiple(of: tower.heads) else {
            throw file.unsupported("num_attention_heads", "\(Self.sizes) of hidden_size, \(tower.width)")
        }
        let size = (
            vocabulary: try file.integer("vocab_size", default: 49_408),
            context: try file.integer("max_position_embeddings", default: 77, least: 2, most: 4096)
        )
        try file.expect("layer_norm_eps", .number(1e-5))
        try file.expect("model_type", .text("clip_text_model"))
        try file.expect("architectures", .null, .list([.text("CLIPTextModel")]))
        // Of training, of pooling, and of the file.
        file.ignore(
            "attention_dropout", "dropout", "initializer_factor", "initializer_range", "projection_dim", "bos_token_id",
            "eos_token_id", "pad_token_id", "torch_dtype", "dtype", "transformers_version")
        try file.finish()
        return (tower, size)
    }

    /// The tokenizer: of `vocab.json` and `merges.txt`, or of `tokenizer.json` alone.
    ///
    /// - Parameter context: tokens of a text.
    package func tokenizer(context: Int) throws(PFrameError) -> BPETokenizer {
        let folder = path.appending("tokenizer")
        let padding = try paddingToken(folder, context)
        let (vocabulary, merges) = (folder.appending("vocab.json"), folder.appending("merges.txt"))
        if fileSize(vocabulary) != nil, fileSize(merges) != nil {
            return try BPETokenizer(merges: merges, vocabulary: vocabulary, padding: padding)
        }
        let whole = folder.appending("tokenizer.json")
        guard fileSize(whole) != nil else {
            throw PFrameError(.missing, path: folder, "holds neither vocab.json with merges.txt nor tokenizer.json")
        }
        return try BPETokenizer(json: whole, padding: padding)
    }

    /// The text of the token that follows a text's end; nil for what stands for the end.
    private func paddingToken(_ folder: FilePath, _ context: Int) throws(PFrameError) -> String? {
        let (start, end) = ("<|startoftext|>", "<|endoftext|>")
        guard fileSize(folder.appending("tokenizer_config.json")) != nil else { return nil }
        var file = try configuration("tokenizer", "tokenizer_config.json")
        func text(_ value: JSONValue?) -> String? { value?.string ?? value?["content"]?.string }
        for (key, expected) in [("bos_token", start), ("eos_token", end), ("unk_token", end)] {
            guard let found = text(file.value(key)), found != expected else { continue }
            throw file.unsupported(key, "it has \(expected)")
        }
        var padding = text(file.value("pad_token"))
        // As transformers has it: the older file counts where the newer list is absent.
        let older = folder.appending("special_tokens_map.json")
        if !file.has("added_tokens_decoder"), fileSize(older) != nil {
            padding = text(try JSONValue(ofFile: older)["pad_token"]) ?? padding
        }
        for (_, token) in file.value("added_tokens_decoder")?.members ?? [:] {
            guard let added = text(token), [start, end, padding].contains(added) else {
                throw file.unsupported("added_tokens_decoder", "it has the tokens of start, end and padding")
            }
        }
        if let length = file.value("model_max_length")?.double, length < Double(context) {
            throw file.unsupported("model_max_length", "it takes the \(context) tokens of the text encoder")
        }
        _ = try file.name("tokenizer_class", default: "CLIPTokenizer", of: ["CLIPTokenizer", "CLIPTokenizerFast"])
        try file.expect("do_lower_case", .bool(true))
        try file.expect("add_prefix_space", .bool(false))
        try file.expect("errors", .text("replace"))
        try file.expect("additional_special_tokens", .null, .list([]))
        try file.expect("extra_special_tokens", .null, .list([]), .object([:]))
        file.ignore(
            "name_or_path", "special_tokens_map_file", "tokenizer_file", "backend", "is_local", "local_files_only",
            "clean_up_tokenization_spaces", "processor_class")
        try file.finish()
        return padding == end ? nil : padding
    }
}
