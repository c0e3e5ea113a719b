package import ArgumentParser
package import SystemPackage
import ToolOptions

/// The files of CLIP, which users bring.
package struct CLIPOptions: ParsableArguments {
    @Option(help: "ViT-B-32.pt or model.safetensors of CLIP.", completion: .file())
    package var clip: FilePath?

    @Option(help: "The merges of CLIP's tokenizer: merges.txt or bpe_simple_vocab_16e6.txt.", completion: .file())
    package var clipVocabulary: FilePath?

    package init() {}

    package mutating func validate() throws {
        if (clip == nil) != (clipVocabulary == nil) {
            throw ValidationError("--clip MODEL and --clip-vocabulary FILE belong together")
        }
    }
}
