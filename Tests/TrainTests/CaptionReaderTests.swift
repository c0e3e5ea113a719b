import Dataset
import Foundation
import Storage
import SystemPackage
import TestSupport
import Testing
import Train

@Suite struct CaptionReaderTests {
    /// CLIP's features, which `CLIPTests` compares with transformers', at a mean square of 1; the same after `config.json`.
    @Test func clipReadsCaptions() throws {
        try withTemporaryFolder { folder in
            let files = try SmallCLIP(folder)
            let reader = CaptionReader(try CLIPCaptions(files.weights, merges: files.merges))
            let captions = ["a red dog", "", "a red dog", "two cats"]
            let (values, width) = try features(reader, captions)
            #expect(width == reader.entries && values.count == captions.count * width)
            for (row, caption) in captions.enumerated() {
                let own = try files.model.features(of: caption)
                let scale = (own.reduce(0) { $0 + $1 * $1 } / Float(width)).squareRoot()
                expectClose(
                    Array(values[(row * width)..<((row + 1) * width)]), own.map { $0 / scale }, within: 1e-5, caption)
            }
            #expect(values[..<width] != values[(3 * width)...])
            let path = folder.appending("config.json")
            let again = try CaptionReader(.clip, reader.json, path: path)
            #expect(try features(again, captions).values == values)
            try FileManager.default.removeItem(atPath: files.weights.string)
            let error = try #require(throws: PFrameError.self) { try CaptionReader(.clip, reader.json, path: path) }
            #expect("\(error)".contains("model.safetensors") && "\(error)".contains("is missing"), "\(error)")
            #expect(throws: PFrameError.self) { try CaptionReader(.clip, .object([:]), path: path) }
        }
    }

    /// A model that reads them: other captions, other predictions; and gradients reach the map of features.
    @Test func modelsFollowClip() throws {
        try withTemporaryFolder { folder in
            let files = try SmallCLIP(folder)
            let reader = CaptionReader(try CLIPCaptions(files.weights, merges: files.merges))
            var options = try DiffusionOptions<EDVDM>(
                preset: .compact, frames: 4, height: 32, width: 32, unetWidth: 16, multiples: [1, 2])
            (options.text, options.captionDrop) = (.clip, 0)
            let model = try VideoDiffusion(options, textEntries: reader.entries)
            func loss(_ captions: [String]) throws -> Tensor {
                try model.loss(
                    clean: Tensor.normal([6, 2, 2, 18], seed: 3), first: Tensor.zeros([2, 32, 32, 3]).to(.uint8),
                    captions: reader.tokens(captions: captions), seeds: [RandomSeed(5), RandomSeed(6)])
            }
            let (one, other) = (try loss(["a red dog", "a cat"]), try loss(["two cats", "a cat"]))
            #expect(try one.floats() != other.floats())
            try one.backward()
            let map = try #require(model.store.parameters.first { $0.name == "text.features.weight" })
            #expect(try #require(try map.tensor.gradient()).floats().contains { $0 != 0 })
        }
    }

    private func features(_ reader: CaptionReader, _ captions: [String]) throws -> (values: [Float], width: Int) {
        guard case .features(let values, let width) = try reader.tokens(captions: captions) else {
            Issue.record("not features")
            return ([], 0)
        }
        return (values, width)
    }
}
