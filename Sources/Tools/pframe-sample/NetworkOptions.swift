import ArgumentParser
import EngineOptions
import Storage
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

    @OptionGroup var clipFiles: CLIPArguments

    /// Opens those that are given.
    func open(_ device: Device) throws(PFrameError) -> EvaluationNetworks {
        try EvaluationNetworks(
            i3d: i3d, lpips: lpips, inception: inception, clip: clipFiles.clip?.path,
            clipMerges: clipFiles.clipVocabulary?.path, device: device)
    }
}
