public import Storage
public import SystemPackage

/// A text-to-image model as diffusers' `StableDiffusionPipeline.save_pretrained` writes it: `model_index.json`, `unet/`,
/// `vae/`, `text_encoder/`, `tokenizer/` and `scheduler/`, with weights in safetensors files.
///
/// A key of a configuration whose value would change the result in a way that PFrame does not have is an error. The safety
/// checker of a folder is not run.
public struct DiffusersFolder: Sendable {
    /// The file that makes a folder one of these.
    public static let indexName = "model_index.json"

    /// The folder.
    public let path: FilePath

    /// Whether a folder claims to be one.
    public static func isOne(_ path: FilePath) -> Bool { fileSize(path.appending(indexName)) != nil }

    /// Opens a folder and checks what it says that it is made of.
    ///
    /// - Throws: `PFrameError` if the folder is none, or is of another pipeline than text to image.
    public init(_ path: FilePath) throws(PFrameError) {
        self.path = path
        guard Self.isOne(path) else {
            throw PFrameError(.missing, path: path, "is not a folder of diffusers: no \(Self.indexName)")
        }
        var index = try DiffusersConfiguration(path.appending(Self.indexName))
        _ = try index.name("_class_name", default: nil, of: ["StableDiffusionPipeline"])
        let parts = [
            ("unet", "diffusers", ["UNet2DConditionModel"]), ("vae", "diffusers", ["AutoencoderKL"]),
            ("text_encoder", "transformers", ["CLIPTextModel"]),
            ("tokenizer", "transformers", ["CLIPTokenizer", "CLIPTokenizerFast"]),
            ("scheduler", "diffusers", DiffusersSchedule.classes),
        ]
        for (name, library, classes) in parts {
            let found = index.value(name)?.array?.map { $0.string ?? $0.json() }
            guard let found, found.count == 2, found[0] == library, classes.contains(found[1]) else {
                throw index.unsupported(name, "it has \(classes.joined(separator: ", ")) of \(library)")
            }
        }
        try index.expect("image_encoder", .null, .list([.null, .null]))
        index.ignore("safety_checker", "feature_extractor", "requires_safety_checker")
        try index.finish()
    }

    /// A part's configuration.
    func configuration(_ part: String, _ name: String = "config.json") throws(PFrameError) -> DiffusersConfiguration {
        try DiffusersConfiguration(path.appending(part).appending(name))
    }

    /// The weights of a part: one file, or the shards that an index lists; where a folder holds float32 and float16 (named
    /// `.fp16`), the float32.
    ///
    /// - Parameter name: what the files are called before the first dot.
    /// - Throws: `PFrameError` if there are none, a shard is missing, or a file is damaged.
    func weights(_ part: String, _ name: String) throws(PFrameError) -> [SafetensorsFile] {
        let folder = path.appending(part)
        for variant in ["", ".fp16"] {
            let file = folder.appending("\(name)\(variant).safetensors")
            if fileSize(file) != nil { return [try SafetensorsFile(file)] }
            let index = folder.appending("\(name).safetensors.index\(variant).json")
            if fileSize(index) != nil { return try shards(index) }
        }
        let remedy = "save the model with safe_serialization=True, or copy the file"
        throw PFrameError(
            .missing, path: folder, "holds no \(name).safetensors, nor \(name).fp16.safetensors: \(remedy)")
    }

    /// The shards that an index lists.
    private func shards(_ index: FilePath) throws(PFrameError) -> [SafetensorsFile] {
        guard let map = try JSONValue(ofFile: index)["weight_map"]?.members else {
            throw PFrameError(.damaged, path: index, "has no object \"weight_map\" of tensors and their files")
        }
        let names = map.values.compactMap(\.string)
        guard names.count == map.count, !names.isEmpty, names.allSatisfy({ !$0.contains("/") && !$0.isEmpty }) else {
            throw PFrameError(.damaged, path: index, "\"weight_map\" must name a file beside it for each tensor")
        }
        var files: [SafetensorsFile] = []
        for name in Set(names).sorted() {
            files.append(try SafetensorsFile(index.removingLastComponent().appending(name)))
        }
        return files
    }
}

/// The parts of the folder as networks, with their weights, which do not learn.
extension DiffusersFolder {
    /// The autoencoder.
    ///
    /// - Throws: `PFrameError` for a key or a value that PFrame does not have, and for weights that are missing, damaged, or
    ///   not those of the configuration, as the functions below.
    public func autoencoder(
        precision: Precision = .float32, device: Device = .cpu
    ) throws(PFrameError) -> AutoencoderKL {
        let options = try autoencoderOptions()
        let store = ParameterStore(precision: precision, device: device, isLoaded: true)
        let network = try AutoencoderKL(store.root, options)
        try store.load(weights("vae", "diffusion_pytorch_model")) { Self.currentName($0) }
        try store.freeze("*")
        return network
    }

    /// The U-Net.
    ///
    /// - Parameters:
    ///   - steps: of the diffusion process.
    ///   - precision: what it computes in.
    ///   - device: where it computes.
    public func unet(
        steps: Int = 1000, precision: Precision = .float32, device: Device = .cpu
    ) throws(PFrameError) -> UNet2DConditional {
        var options = try unetOptions().0
        options.steps = steps
        let store = ParameterStore(precision: precision, device: device, isLoaded: true)
        let network = try UNet2DConditional(store.root, options)
        try store.load(weights("unet", "diffusion_pytorch_model"))
        try store.freeze("*")
        return network
    }

    /// The text encoder, in float32.
    package func textEncoder(device: Device = .cpu) throws(PFrameError) -> CLIPTextEncoder {
        let (tower, size) = try textOptions()
        return try CLIPTextEncoder(weights("text_encoder", "model"), tower, size: size, device: device)
    }

    /// The name that diffusers has given a tensor of attention since version 0.17.
    private static func currentName(_ name: String) -> String {
        guard name.contains("mid_block.attentions.") else { return name }
        let changes = [
            (".query.", ".to_q."), (".key.", ".to_k."), (".value.", ".to_v."), (".proj_attn.", ".to_out.0."),
        ]
        return changes.reduce(name) { $0.replacing($1.0, with: $1.1) }
    }
}
