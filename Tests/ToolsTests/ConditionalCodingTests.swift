import Foundation
import TestSupport
import Testing

/// `--coding conditional` from training to video.
@Suite(.requires(.libtorch)) struct ConditionalCodingTests {
    private static func run(_ arguments: [String]) throws -> Outcome {
        let outcome = try Programs.run(Programs.pframe.path, arguments, limit: 300)
        try #require(outcome.status == 0, "\(arguments): \(outcome.errors)")
        return outcome
    }

    private static func train(_ model: String, _ set: String, _ run: String, steps: Int, _ more: [String] = []) throws {
        let options = ["--steps", "\(steps)", "--batch", "2", "--warm-up", "1", "--picture-every", "2"]
        _ = try Self.run(["train", model, set, "--output", run] + options + more + SampleModels.alone)
    }

    private static func losses(_ run: String) throws -> [Double?] {
        let lines: [JSON] = try decodeLines(String(contentsOf: URL(filePath: "\(run)/metrics.jsonl"), encoding: .utf8))
        return lines.map { $0["loss"].number }
    }

    @Test func trainsResumesAndBeatsComponents() throws {
        let (models, scratch) = (try SampleModels.ready(), try Scratch())
        let (whole, parts) = (scratch.path("whole"), scratch.path("parts"))
        let conditional = ["--coding", "conditional"]
        try Self.train("vae", models.clips, whole, steps: 4, conditional + ["--course", "constant"])
        try Self.train("vae", models.clips, parts, steps: 2, conditional + ["--course", "constant"])
        _ = try Self.run(["train", "vae", "--output", parts, "--steps", "4"] + SampleModels.alone)
        let losses = try Self.losses(whole)
        #expect(losses.count == 4 && !losses.contains(nil))
        #expect(try Self.losses(parts) == losses)
        #expect(scratch.exists("whole/samples"))
        let other = try Programs.run(
            Programs.pframe.path, ["train", "vae", "--output", parts, "--steps", "6", "--coding", "residual"])
        let words = "--coding residual (the run: conditional)"
        #expect(other.status == 1 && other.errors.contains(words), "\(other.errors)")

        let outcome = try Self.run(["evaluate", "--reconstruction", "--vae", whole, models.clips, "--json"])
        let report: JSON = try decode(outcome.output)
        func closed(_ name: String) throws -> Double {
            let row = report["rows"].elements.first { $0["name"].string == name && $0["loop"].string == "closed" }
            return try #require(row?["psnr"].number)
        }
        #expect(try closed("vae") > closed("pca") + 0.5, "\(outcome.output)")
    }

    /// Motion and residual of a sample give its frames without the autoencoder, bit for bit.
    @Test func samplesAreRebuilt() throws {
        let (models, scratch) = (try SampleModels.ready(), try Scratch())
        let (vae, latents, run) = (scratch.path("vae"), scratch.path("latents"), scratch.path("run"))
        try Self.train("vae", models.clips, vae, steps: 1, ["--coding", "conditional"])
        _ = try Self.run(["encode", models.clips, "--vae", vae, "--output", latents] + SampleModels.alone)
        try Self.train("ed-vdm", latents, run, steps: 1)
        let image = try SampleModels.image(scratch)
        let made = scratch.path("made")
        let request = ["--image", image, "--prompt", "left", "--steps", "2"]
        _ = try Self.run(["sample", run, "--output", made] + request + SampleModels.alone)
        _ = try Self.run(["reconstruct", made + "/000", "--output", scratch.path("rebuilt.npy")])
        let frames = try SampleModels.frames(ofStrip: made + "/000.png", count: 8, size: 64, scratch)
        #expect(try Array(scratch.data("rebuilt.npy").dropFirst(128)) == frames.flatMap(\.self))
        if let python = Python.pframe {
            let outcome = try Python.run([python, "Tests/Peers/package_check.py", "decode", run, latents, models.clips])
            #expect(outcome.status == 0 && outcome.output == "6\n", "\(outcome.errors)")
        }
    }
}
