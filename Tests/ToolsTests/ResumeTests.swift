import Foundation
import TestSupport
import Testing

/// A run that goes on: what is left out is the run's, what is given must agree, and failures leave nothing behind.
@Suite(.requires(.libtorch)) struct ResumeTests {
    private static let program = Programs.pframe.deletingLastPathComponent().appending(path: "pframe-train").path

    private static func latents(_ models: SampleModels) -> String {
        URL(filePath: models.edVDM).deletingLastPathComponent().appending(path: "latents").path
    }

    @discardableResult
    private static func train(_ arguments: [String]) throws -> Outcome {
        try Programs.run(program, ["train"] + arguments + SampleModels.alone, limit: 300)
    }

    private static func copy(_ run: String, _ scratch: Scratch) throws -> String {
        try FileManager.default.copyItem(atPath: run, toPath: scratch.path("copy"))
        return scratch.path("copy")
    }

    /// Loss and norm of every step.
    private static func losses(_ run: String) throws -> [[Double]] {
        let text = try String(contentsOf: URL(filePath: "\(run)/metrics.jsonl"), encoding: .utf8)
        return try text.split(separator: "\n").map { line in
            let row: [String: Double] = try decode(line)
            return try ["step", "loss", "gradient_norm"].map { try #require(row[$0]) }
        }
    }

    @Test func optionsLeftOutAreTheRuns() throws {
        let (models, scratch) = (try SampleModels.ready(), try Scratch())
        let (whole, parts) = (scratch.path("whole"), scratch.path("parts"))
        let options = [
            "--batch", "2", "--warm-up", "2", "--learning-rate", "1e-3", "--course", "constant", "--seed", "5",
            "--text", "none", "--target", "x0", "--checkpoint-every", "4", "--picture-every", "4",
        ]
        for (run, steps) in [(whole, "8"), (parts, "2")] {
            let outcome = try Self.train(
                ["ed-vdm", Self.latents(models), "--output", run, "--steps", steps] + options)
            try #require(outcome.status == 0, "\(outcome.errors)")
        }
        let longer = try Self.train(["--output", parts, "--steps", "8"])
        #expect(longer.status == 0 && longer.errors.contains("from step 2"), "\(longer.errors)")
        #expect(try Self.losses(parts) == Self.losses(whole))
        #expect(try Self.losses(parts).count == 8)
        // How often pictures are made is the run's too.
        let pictures = try FileManager.default.contentsOfDirectory(atPath: "\(parts)/samples").sorted()
        #expect(pictures == ["0000002.png", "0000004.png", "0000008.png"])

        let before = try FileManager.default.contentsOfDirectory(atPath: parts).sorted()
        let again = try Self.train(["--output", parts])
        #expect(again.status == 0 && again.output.contains("all 8 steps were taken before"), "\(again.errors)")
        #expect(try FileManager.default.contentsOfDirectory(atPath: parts).sorted() == before)
    }

    /// Each option that disagrees is named, with both values; the run stays as it is.
    @Test(
        arguments: [
            (["--batch", "3"], ["--batch 3 (the run: 2)"]),
            (["--text", "none"], ["--text none (the run: vocabulary)"]),
            (["--size", "32", "--seed", "7"], ["--size 32x32 (the run: 64x64)", "--seed 7 (the run: 0)"]),
            (["--precision", "bfloat16"], ["--precision bfloat16 (the run: float32)"]),
            (["--min-snr", "5"], ["--min-snr 5.0 (the run: none)"]),
            (["--zero-terminal-snr"], ["--zero-terminal-snr on (the run: off)"]),
            (["--steps", "1"], ["has taken 2 steps: --steps takes 2 or more, not 1"]),
        ])
    func optionsThatDisagreeAreRefused(_ options: [String], _ words: [String]) throws {
        let (models, scratch) = (try SampleModels.ready(), try Scratch())
        let run = try Self.copy(models.edVDM, scratch)
        let checkpoint = try scratch.data("copy/checkpoint.safetensors")
        let outcome = try Self.train(["--output", run] + options)
        #expect(outcome.status == 1, "\(outcome.errors)")
        for word in words { #expect(outcome.errors.contains(word), "\(outcome.errors)") }
        #expect(try scratch.data("copy/checkpoint.safetensors") == checkpoint)
    }

    @Test func anotherModelOrDataSetIsRefused() throws {
        let (models, scratch) = (try SampleModels.ready(), try Scratch())
        let run = try Self.copy(models.edVDM, scratch)
        let outcome = try Self.train(["vdm", models.clips, "--output", run])
        #expect(outcome.status == 1 && outcome.errors.contains("the model vdm (the run: ed-vdm)"), "\(outcome.errors)")
        #expect(outcome.errors.contains("the data set \(models.clips) (the run: "))
        // A link is no other data set.
        try FileManager.default.createSymbolicLink(
            atPath: scratch.path("link"), withDestinationPath: Self.latents(models))
        let same = try Self.train(["ed-vdm", scratch.path("link"), "--output", run, "--steps", "3"])
        #expect(same.status == 0, "\(same.errors)")
        let nothing = try Self.train(["--output", scratch.path("nowhere")])
        #expect(nothing.status == 2 && nothing.errors.contains("which model"), "\(nothing.errors)")
    }

    /// What was stopped before its first checkpoint holds nothing: other options begin again.
    @Test func aRunWithoutCheckpointIsBegunAnew() throws {
        let (models, scratch) = (try SampleModels.ready(), try Scratch())
        let run = try Self.copy(models.vdm, scratch)
        try FileManager.default.removeItem(atPath: "\(run)/checkpoint.safetensors")
        let outcome = try Self.train(
            [
                "ed-vdm", Self.latents(models), "--output", run, "--steps", "2", "--batch", "1", "--picture-every", "0",
            ])
        #expect(outcome.status == 0, "\(outcome.errors)")
        #expect(try Self.losses(run).map { $0[0] } == [1, 2])
    }

    /// Training, encoding and sampling that fail before the first result leave no folder.
    @Test func failuresLeaveNoFolder() throws {
        let (models, scratch) = (try SampleModels.ready(), try Scratch())
        let folder = scratch.path("out")
        let image = try SampleModels.image(scratch)
        let cases = [
            ["train", "vae", Self.latents(models), "--output", folder],
            ["train", "d-vdm", Self.latents(models), "--output", folder, "--text", "none"],
            ["train", "ed-vdm", models.clips, "--output", folder],
            ["encode", Self.latents(models), "--vae", models.autoencoder, "--output", folder],
        ]
        for arguments in cases {
            let outcome = try Programs.run(Programs.pframe.path, arguments + SampleModels.alone, limit: 120)
            #expect(outcome.status == 1, "\(arguments): \(outcome.errors)")
            #expect(!scratch.exists("out"), "\(arguments)")
        }
        // No file may grow beyond a kilobyte: the first sample cannot be written.
        let limited = try Programs.run(
            "/bin/bash",
            [
                "-c", "trap '' XFSZ; ulimit -f 1; exec \"$@\"", "bash", SampleModels.sampler.path, "sample",
                models.dVDM,
                "--image", image, "--output", folder, "--steps", "2",
            ])
        #expect(limited.status == 1, "\(limited.errors)")
        #expect(!scratch.exists("out"))
        // What was there before stays.
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: false)
        try Data("mine".utf8).write(to: URL(filePath: folder + "/note.txt"))
        try Self.train(["vae", Self.latents(models), "--output", folder])
        #expect(try FileManager.default.contentsOfDirectory(atPath: folder) == ["note.txt"])
    }
}
