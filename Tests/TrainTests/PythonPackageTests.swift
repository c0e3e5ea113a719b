import Codec
import Shards
import Storage
import SystemPackage
import TestSupport
import Testing
import Train

/// Runs as the package in `Python/` opens them: what its networks make of the same input is within 1e-4 of what the
/// networks here make of it (`Tests/Peers/package_values.py`).
@Suite(.requires(.pythonPackage)) struct PythonPackageTests {
    /// What Python makes of a run.
    private static func values(of run: FilePath, _ arguments: [String] = []) throws -> ExpectedValues {
        let (python, output) = (try #require(Python.pframe), run.appending("values.safetensors"))
        let script = "Tests/Peers/package_values.py"
        let outcome = try Python.run([python, script, run.string, output.string] + arguments)
        try #require(outcome.status == 0, "\(outcome.errors)")
        return try ExpectedValues(path: output)
    }

    /// Writes a run as it is before its first step.
    private static func write(
        _ run: FilePath, _ model: String, _ options: some ModelOptions, _ store: ParameterStore,
        _ more: [String: JSONValue] = [:]
    ) throws {
        let members = try ["model": .text(model), "options": JSONValue(encoding: options)].merging(more) { $1 }
        _ = try RunFolder(making: run, .object(members))
        try Checkpoint.write(run: run, model: model, optimiser: AdamW(store), position: LoaderPosition())
    }

    /// A run of an autoencoder whose weights follow from their names.
    @discardableResult
    private static func autoencoder(
        _ run: FilePath, widths: [Int] = [8, 16, 24], patch: Int = 4, blocks: Int = 1
    ) throws -> ResidualAutoencoder {
        var options = try AutoencoderOptions(preset: .compact, height: 32, width: 32)
        (options.widths, options.patch, options.blocks) = (widths, patch, blocks)
        let model = try ResidualAutoencoder(options)
        try fill(model.store, for: "run")
        try write(run, "vae", options, model.store)
        return model
    }

    /// The shapes of both presets, narrower.
    @Test(arguments: [([8, 16, 24], 4, 1), ([8, 8, 16, 16, 24], 1, 2)])
    func autoencoders(widths: [Int], patch: Int, blocks: Int) throws {
        try withTemporaryFolder { run in
            let model = try Self.autoencoder(run, widths: widths, patch: patch, blocks: blocks)
            let expected = try Self.values(of: run)
            let moments: (mean: Tensor, logVariance: Tensor) = try model.encode(made("residual", [2, 32, 32, 3], 5))
            try expected.expect("mean", moments.mean)
            try expected.expect("variance", moments.logVariance)
            try expected.expect("decoded", model.decode(made("latents", [2, 2, 2, 16], 0.1)))
        }
    }

    @Test func conditionalAutoencoder() throws {
        try withTemporaryFolder { run in
            let options = try AutoencoderOptions(preset: .compact, coding: .conditional, height: 32, width: 32)
            let model = try ConditionalAutoencoder(options)
            try fill(model.store, for: "run")
            try Self.write(run, "vae", options, model.store)
            let expected = try Self.values(of: run)
            let prediction = try made("prediction", [2, 32, 32, 3], 100, 128)
            try expected.expect("latents", model.encode(made("residual", [2, 32, 32, 3], 5), beside: prediction))
            try expected.expect("decoded", model.decode(made("latents", [2, 2, 2, 16], 0.1), beside: prediction))
        }
    }

    @Test func edVDM() throws {
        try withTemporaryFolder { run in
            var options = try DiffusionOptions<EDVDM>(
                preset: .compact, frames: 4, height: 32, width: 32, unetWidth: 16, multiples: [1, 2])
            (options.textWidth, options.minSNR, options.motionRadius) = (24, 5, nil)
            let words = ["a", "red", "cross", "straße", "ära", "σασ"].map { JSONValue.text($0) }
            let reader = try CaptionReader(.vocabulary, .object(["words": .list(words)]), path: run)
            let statistics = JSONValue.object([
                "means": .list((0..<18).map { .number(Double($0) / 8 - 1) }),
                "deviations": .list((0..<18).map { .number(1 + Double($0) / 16) }), "radius": .integer(15),
            ])
            // Letters of other scripts, marks that are composed or not, and a word that the run does not know.
            let captions = ["A red, red CROSS a\u{0308}ra ΣΑΣ", "Straße\u{2014}zebra"]
            try Self.expectEqual(options, run, reader, captions, ["statistics": statistics]) {
                try Self.autoencoder(run.appending("vae"))
            }
        }
    }

    /// Motion first: the losses of both stages, and samples of both samplers with guidance.
    @Test(arguments: [nil, ["a red cross", "ära"]]) func edVDMMotionFirst(captions: [String]?) throws {
        try withTemporaryFolder { run in
            var options = try DiffusionOptions<EDVDM>(
                preset: .compact, frames: 4, height: 32, width: 64, unetWidth: 16, multiples: [1, 2])
            (options.textWidth, options.minSNR, options.motionRadius, options.captionDrop) = (24, 5, 4, 0)
            let words = ["a", "red", "cross", "ära"].map { JSONValue.text($0) }
            let reader = try captions.map { _ in
                try CaptionReader(.vocabulary, .object(["words": .list(words)]), path: run)
            }
            options.text = captions == nil ? .none : .vocabulary
            let model = try MotionFirst(options, textEntries: reader?.entries ?? 0)
            try fill(model.store, for: "run")
            let statistics = JSONValue.object([
                "means": .list((0..<18).map { _ in .number(0) }),
                "deviations": .list((0..<18).map { .number(1 + Double($0) / 16) }), "radius": .integer(4),
                "least_norm": .number(0.5),
            ])
            var members = ["statistics": statistics]
            members["captions"] = reader?.json
            try Self.write(run, EDVDM.name, options, model.store, members)
            try Self.autoencoder(run.appending("vae"))
            let expected = try Self.values(of: run, captions ?? [])

            let bytes = madeValues("first", 2 * 32 * 64 * 3, 127.5, 127.5).map { UInt8($0) }
            let first = try Tensor(elements: bytes, type: .uint8, shape: [2, 32, 64, 3])
            let tokens = try reader?.tokens(captions: captions ?? [])
            // Whole vectors; every third block is coded.
            let places = 2 * 3 * 2 * 4
            let clean = madeValues("clean", places * 18).enumerated().map { index, value in
                index % 18 < 2 ? (value * 4).rounded(.toNearestOrEven) : index / 18 % 3 == 0 ? value : 0
            }
            let inputs = try model.inputs(
                clean: Tensor(clean, shape: [6, 2, 4, 18]), first: first, captions: tokens,
                seeds: [RandomSeed(3), RandomSeed(4)])
            let found = try model.batchLoss(inputs)
            try expected.expect("loss", found.loss)
            try expected.expect("motion loss", found.metrics[0])
            try expected.expect("latent loss", found.metrics[1])
            let sampled = try model.sample(
                first: first, captions: tokens, seeds: [RandomSeed(3), RandomSeed(1 << 63)],
                options: SamplerOptions(kind: .ddim, steps: 4, eta: 0.5, temperature: 0.75, residualSteps: 3),
                guidance: reader == nil ? 1 : 1.5)
            try expected.expect("sampled", sampled, within: 1e-3)
        }
    }

    @Test func edVDMWithCLIP() throws {
        try withTemporaryFolder { folder in
            let files = try SmallCLIP(folder)
            let reader = CaptionReader(try CLIPCaptions(files.weights, merges: files.merges))
            var options = try DiffusionOptions<EDVDM>(
                preset: .paper, frames: 3, height: 32, width: 32, unetWidth: 8, multiples: [1])
            (options.textWidth, options.text, options.schedule) = (16, .clip, .linear)
            let statistics = JSONValue.object([
                "means": .list((0..<18).map { _ in .number(0) }), "deviations": .list((0..<18).map { _ in .number(1) }),
                "radius": .integer(7),
            ])
            let run = folder.appending("run")
            try Self.expectEqual(options, run, reader, ["a red dog", "two cats"], ["statistics": statistics]) {
                try Self.autoencoder(run.appending("vae"))
            }
        }
    }

    @Test func dVDMWithLabels() throws {
        try withTemporaryFolder { run in
            var options = try DiffusionOptions<DVDM>(
                preset: .paper, frames: 4, height: 8, width: 16, unetWidth: 8, multiples: [1, 2])
            (options.firstFrameWidths, options.firstFrameChannels, options.textWidth) = ([16], 8, 16)
            (options.text, options.schedule) = (.labels, .linear)
            let labels = JSONValue.object(["labels": .list(["down", "left", "up"].map { .text($0) })])
            let reader = try CaptionReader(.labels, labels, path: run)
            try Self.expectEqual(options, run, reader, ["up", "down"])
        }
    }

    @Test func vdmWithoutText() throws {
        try withTemporaryFolder { run in
            var options = try DiffusionOptions<VDM>(
                preset: .compact, frames: 3, height: 8, width: 8, unetWidth: 8, multiples: [1, 2])
            (options.text, options.target, options.schedule) = (.none, .clean, .ldmLinear)
            options.zeroTerminalSNR = true
            try Self.expectEqual(options, run, nil, [])
        }
    }

    /// Expects the same predictions with captions and without, the same loss and the same diffused clips.
    private static func expectEqual<Family: VideoDiffusionFamily>(
        _ options: DiffusionOptions<Family>, _ run: FilePath, _ reader: CaptionReader?, _ captions: [String],
        _ more: [String: JSONValue] = [:], then complete: () throws -> Void = {}
    ) throws {
        var options = options
        // The loss counts every caption and all channels alike.
        (options.captionDrop, options.motionShare) = (0, nil)
        let model = try VideoDiffusion(options, textEntries: reader?.entries ?? 0)
        try fill(model.store, for: "run")
        let recorded = reader.map { ["captions": $0.json] } ?? [:]
        try write(run, Family.name, options, model.store, recorded.merging(more) { $1 })
        try complete()
        let tokens = try reader?.tokens(captions: captions)
        let sampling = SamplerOptions(kind: .ddim, steps: 4, eta: 0.5)
        let expected = try values(of: run, arguments(tokens, captions, run))

        let values = madeValues("first", 2 * options.height * options.width * 3, 127.5, 127.5)
        let first = try Tensor(
            elements: values.map { UInt8($0) }, type: .uint8, shape: [2, options.height, options.width, 3])
        let shape = options.clipShape
        let x = try made("x", [2 * shape[0]] + shape.dropFirst())
        var condition = Condition(firstFrame: try model.features(first: first))
        for (name, isGiven) in [("given", 1), ("empty", 0)] as [(String, Int64)] {
            if let tokens {
                // The model's own encoder is not to be had; one with parameters of the same names has its values.
                let store = ParameterStore()
                let encoder = try TextEncoder(
                    store.root["text"], kind: options.text, entries: reader?.entries ?? 0, width: options.textWidth)
                try fill(store, for: "run")
                condition.text = try encoder(encoder.tensor(tokens), isGiven: Tensor([isGiven, isGiven]))
            }
            try expected.expect(name, model.predict(x, steps: Tensor([17, 803] as [Int64]), condition: condition))
        }
        let loss = try model.loss(
            clean: made("clean", x.shape), first: first, captions: tokens, seeds: [RandomSeed(3), RandomSeed(4)])
        try expected.expect("loss", loss)
        let sampled = try model.sample(
            first: first, captions: tokens, seeds: [RandomSeed(3), RandomSeed(1 << 63)], options: sampling,
            guidance: reader == nil ? 1 : 1.5)
        try expected.expect("sampled", sampled, within: 1e-3)
    }

    /// Captions as the script takes them: texts, or CLIP's features of any length, which the package scales.
    private static func arguments(
        _ tokens: CaptionTokens?, _ captions: [String], _ run: FilePath
    ) throws -> [String] {
        guard case .features(let values, let width) = tokens else { return captions }
        let file = run.appending("features.safetensors")
        var writer = try SafetensorsWriter(path: file, entries: [("features", .float32, [captions.count, width])])
        let bytes = values.map { 3 * $0 }.withUnsafeBytes { Array($0) }
        try bytes.span.bytes.withUnsafeBytes { (bytes) throws(PFrameError) in try writer.append(bytes) }
        try writer.finish()
        return ["--features", file.string]
    }
}
