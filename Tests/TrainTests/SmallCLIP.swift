import Storage
import SystemPackage
import TestSupport
import Testing
import Train

/// The files of a CLIP model of a few layers whose vocabulary is that of `fixtures/train/bpe`: that of `fixtures/train/clip`
/// with random words for as many tokens as the merges make.
struct SmallCLIP {
    let weights: FilePath
    let merges: FilePath

    init(_ folder: FilePath) throws {
        let fixtures = ScriptModuleTests.folder.appending("..")
        let source = try SafetensorsFile(fixtures.appending("clip/model.safetensors"))
        let words = try #require(source.names.first { source[$0]?.shape == [40, 128] })
        (weights, merges) = (folder.appending("model.safetensors"), fixtures.appending("bpe/merges.txt"))
        var random = SplitMix64(seed: 9)
        let table = (0..<(1000 * 128)).map { _ in Float16(Int(random.next() >> 52)) / 4096 - 0.5 }
        let entries = source.names.compactMap { name in
            source[name].map { (name: name, type: $0.type, shape: name == words ? [1000, 128] : $0.shape) }
        }
        var writer = try SafetensorsWriter(path: weights, entries: entries)
        for name in source.names {
            var bytes = try source.withBytes(of: name) { Array($0) }
            if name == words {
                try #require(source[name]?.type == .float16)
                bytes = table.withUnsafeBytes { Array($0) }
            }
            try bytes.span.bytes.withUnsafeBytes { (bytes) throws(PFrameError) in try writer.append(bytes) }
        }
        try writer.finish()
    }

    var model: CLIPModel { get throws { try CLIPModel(weights, merges: merges) } }
}
