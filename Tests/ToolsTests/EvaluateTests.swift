import Foundation
import TestSupport
import Testing

/// `pframe-sample evaluate` and `score` on tiny runs, trained for two steps.
@Suite(.requires(.libtorch)) struct EvaluateTests {
    private static let train = Programs.pframe.deletingLastPathComponent().appending(path: "pframe-train").path
    private static let sample = SampleModels.sampler.path

    private static func run(_ program: String, _ arguments: [String]) throws -> Outcome {
        let outcome = try Programs.run(program, arguments)
        try #require(outcome.status == 0, "\(arguments): \(outcome.errors)")
        return outcome
    }

    private static func json(_ outcome: Outcome) throws -> JSON {
        try decode(outcome.output)
    }

    private static let network = Programs.fixture("train/script/network.pt")

    @Test func evaluatesWhatWasTrained() throws {
        let (train, sample) = (Self.train, Self.sample)
        let scratch = try Scratch()
        let (videos, clips, vae) = (scratch.path("videos"), scratch.path("clips"), scratch.path("vae"))
        let (latents, model) = (scratch.path("latents"), scratch.path("run"))
        _ = try Self.run(
            Programs.pframe.path, ["synth", "--output", videos, "--videos", "4", "--size", "64", "--seconds", "1"])
        _ = try Self.run(
            Programs.pframe.path,
            ["build", videos, "--captions", videos + "/captions.csv", "--output", clips]
                + ["--size", "64", "--frames", "4", "--represent", "motion-residual"])
        let few = ["--steps", "2", "--batch", "2"]
        _ = try Self.run(train, ["train", "vae", clips, "--output", vae] + few)
        #expect(scratch.exists("vae/components.safetensors"))
        _ = try Self.run(train, ["encode", clips, "--vae", vae, "--output", latents])
        _ = try Self.run(train, ["train", "ed-vdm", latents, "--output", model] + few)
        #expect(try scratch.data("run/vae/components.safetensors") == scratch.data("vae/components.safetensors"))

        let options = ["--steps", "2", "--clips", "3", "--i3d", Self.network, "--subject-column", "subject"]
        let evaluate = ["evaluate", model, clips] + options
        let first = try Self.run(sample, evaluate + ["--json", "--batch", "2"])
        let report = try Self.json(first)
        let rows = report["rows"].elements
        #expect(rows.map { $0["name"].string } == ["ed-vdm", "copy-first"])
        for row in rows {
            for metric in ["psnr", "ssim", "psnr_last", "ssim_last", "epe", "epe_own", "motion_frechet", "fvd"] {
                #expect(row[metric].number?.isFinite == true, "\(metric)")
            }
        }
        let told = report["protocol"]
        #expect(told["real_clips"] == 3 && told["steps"] == 2 && told["size"] == "64x64")
        #expect(try Self.run(sample, evaluate + ["--json", "--batch", "2"]).output == first.output)
        let table = try Self.run(sample, evaluate).output
        let shown = [
            "copy-first", "EPE own", "FVD", "sampler: dpm-solver++", "guidance: 2.0", "seed: 0", "2,048 clips",
        ]
        for text in shown {
            #expect(table.contains(text), "\(text) in \(table)")
        }

        let coding = try Self.run(sample, ["evaluate", "--reconstruction", "--vae", vae, clips])
        for text in ["copy-first", "motion", "dct", "pca", "vae", "PSNR closed", "SSIM last open", "clips: "] {
            #expect(coding.output.contains(text), "\(text) in \(coding.output)")
        }
        try FileManager.default.removeItem(atPath: vae + "/components.safetensors")
        let without = try Self.run(sample, ["evaluate", "--reconstruction", "--vae", vae, clips, "--clips", "2"])
        #expect(without.output.contains("no row pca") && !without.output.contains("\npca "))

        let wrong = try Programs.run(sample, ["evaluate", model, latents, "--steps", "2"])
        #expect(wrong.status == 1 && wrong.errors.contains("give no frames"), "\(wrong.errors)")
    }

    @Test func refusesWhatBelongsNotTogether() throws {
        for (arguments, message) in [
            (["evaluate", "run"], "give a run and a data set"),
            (["evaluate", "a", "b", "--clip", "c"], "go together"),
            (["evaluate", "--reconstruction", "set"], "needs --vae"),
            (["evaluate", "a", "b", "--vae", "c"], "its own vae"),
            (["evaluate", "a", "b", "--clips", "1"], "--clips takes 2"),
            (["score", "set", "--clip", "m"], "clip-vocabulary"),
        ] {
            let outcome = try Programs.run(Self.sample, arguments)
            #expect(outcome.status == 2 && outcome.errors.contains(message), "\(arguments): \(outcome.errors)")
        }
        let missing = try Programs.run(Self.sample, ["evaluate", "/nowhere/run", "/nowhere/set"])
        #expect(missing.status == 1 && missing.errors.contains("/nowhere/run"), "\(missing.errors)")
    }
}
