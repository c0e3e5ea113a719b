import ArgumentParser
import SystemPackage
import Train

/// The field's own networks, which users bring.
struct NetworkOptions: ParsableArguments {
    @Option(help: "i3d_torchscript.pt of StyleGAN-V: FVD, cFVD and sFVD.", completion: .file())
    var i3d: FilePath?

    @Option(help: "vgg16.pt of StyleGAN2-ADA: LPIPS.", completion: .file())
    var lpips: FilePath?

    @Option(help: "inception-2015-12-05.pt of StyleGAN2-ADA: FID and Inception score of frames.", completion: .file())
    var inception: FilePath?

    @Option(help: "ViT-B-32.pt or model.safetensors of CLIP: CLIP score.", completion: .file())
    var clip: FilePath?

    @Option(help: "The merges of CLIP's tokenizer: merges.txt or bpe_simple_vocab_16e6.txt.", completion: .file())
    var clipVocabulary: FilePath?

    mutating func validate() throws {
        if (clip == nil) != (clipVocabulary == nil) {
            throw ValidationError("--clip MODEL and --clip-vocabulary FILE belong together")
        }
    }

    /// Opens those that are given.
    func open(_ device: Device) throws(TrainError) -> EvaluationNetworks {
        try EvaluationNetworks(
            i3d: i3d, lpips: lpips, inception: inception, clip: clip, clipMerges: clipVocabulary, device: device)
    }
}
