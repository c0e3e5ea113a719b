import Foundation
import TestSupport
import Testing

/// The package in `Python/` on runs and data sets that pframe made.
@Suite(.requires(.libtorch), .requires(.pythonPackage)) struct PythonTests {
    /// Runs `package_check.py`, which says how many it compared.
    private static func expect(_ count: Int, _ arguments: String...) throws {
        let python = try #require(Python.pframe)
        let outcome = try Python.run([python, "Tests/Peers/package_check.py"] + arguments)
        #expect(outcome.status == 0 && outcome.output == "\(count)\n", "\(arguments): \(outcome.errors)")
    }

    private static func latents(_ models: SampleModels) -> String {
        URL(filePath: models.clips).deletingLastPathComponent().appending(path: "latents").path
    }

    /// The decoded clips have the PSNR that `pframe encode` recorded.
    @Test func decodesLatents() throws {
        let models = try SampleModels.ready()
        try Self.expect(6, "decode", models.autoencoder, Self.latents(models), models.clips)
        // The copy that an ED-VDM has.
        try Self.expect(6, "decode", models.edVDM, Self.latents(models), models.clips)
    }

    @Test func recordsAndDiffusedClipsAreTheSame() throws {
        let models = try SampleModels.ready()
        for run in [models.edVDM, models.joint] { try Self.expect(6, "clips", run, Self.latents(models)) }
        for run in [models.dVDM, models.vdm] { try Self.expect(6, "clips", run, models.clips) }
    }

    /// The same seeds give the clips of `pframe sample`.
    @Test func samplesAreThoseOfPFrame() throws {
        let models = try SampleModels.ready()
        let scratch = try Scratch()
        let image = try SampleModels.image(scratch)
        for (run, options) in [
            (
                models.edVDM,
                [
                    "--prompt", "a red zebra moves left", "--sampler", "ddim", "--eta", "0.5", "--temperature", "0.8",
                    "--residual-steps", "3",
                ]
            ),
            (models.joint, ["--prompt", "a red zebra moves left", "--sampler", "ddim", "--eta", "0.5"]),
            (models.dVDM, ["--sampler", "ddpm"]), (models.vdm, ["--prompt", "left"]),
        ] {
            let folder = scratch.path(URL(filePath: run).lastPathComponent)
            let arguments = ["sample", run, "--output", folder, "--image", image, "--steps", "4", "--count", "2"]
            let outcome = try Programs.run(
                Programs.pframe.path, arguments + ["--seed", "7"] + SampleModels.alone + options)
            try #require(outcome.status == 0, "\(outcome.errors)")
            try Self.expect(2, "samples", run, folder)
        }
    }

    @Test func damageIsNamed() throws {
        let models = try SampleModels.ready()
        let scratch = try Scratch()
        try Self.expect(13, "errors", models.edVDM, Self.latents(models), scratch.url.path)
    }

    /// The programs of the page, one after the other, in a folder with what the page names.
    @Test func pageRuns() throws {
        let (models, python) = (try SampleModels.ready(), try #require(Python.pframe))
        let scratch = try Scratch()
        for (name, target) in [
            ("clips", models.clips), ("latents", Self.latents(models)), ("vae", models.autoencoder),
            ("run", models.edVDM), ("joint", models.joint),
        ] {
            try FileManager.default.createSymbolicLink(atPath: scratch.path(name), withDestinationPath: target)
        }
        let page = try String(contentsOf: Programs.root.appending(path: "docs/python.md"), encoding: .utf8)
        let programs = page.split(separator: "```python\n").dropFirst().compactMap { $0.split(separator: "```").first }
        #expect(programs.count >= 3)
        for program in programs {
            try Data(program.utf8).write(to: URL(filePath: scratch.path("program.py")))
            let outcome = try Programs.run(
                python, [scratch.path("program.py")], folder: scratch.url, environment: ["OMP_NUM_THREADS": "1"])
            #expect(outcome.status == 0, "\(program)\n\(outcome.errors)")
        }
        let saved = try scratch.names().filter { $0.hasSuffix(".npy") }
        #expect(saved.count == 6, "\(saved)")
    }
}
