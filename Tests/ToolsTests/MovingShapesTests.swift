import Foundation
import Testing

/// From videos to samples in about a minute: a small ED-VDM learns which way captions say that shapes move.
@Suite struct MovingShapesTests {
    @Test func shapesGoWhereCaptionsSay() throws {
        guard FileManager.default.fileExists(atPath: SampleModels.sampler.path), let python = Peers.python else {
            print("skipped: built without libtorch, or no Python to judge with")
            return
        }
        let scratch = try Scratch()
        func run(_ arguments: [String], allowing status: Int32 = 0) throws {
            let outcome = try Programs.run(Programs.pframe.path, arguments, limit: 900)
            try #require([0, status].contains(outcome.status), "\(arguments): \(outcome.errors)")
        }
        let videos = ["--size", "64", "--fps", "8", "--seconds", "1.3", "--speed", "3", "--output"]
        let build = ["--size", "64", "--frames", "8", "--motion-source", "search", "--output"]
        for (name, count, seed) in [("train", "300", "1"), ("held-out", "40", "2")] {
            try run(["synth", "--videos", count, "--seed", seed] + videos + [scratch.path(name)])
            let captions = ["--captions", scratch.path("\(name)/captions.csv")]
            // Videos with a cut are too short for a clip: the set is built without them, and build says so.
            try run(["build", scratch.path(name)] + captions + build + [scratch.path("\(name)-clips")], allowing: 1)
        }
        let (clips, held) = (scratch.path("train-clips"), scratch.path("held-out-clips"))
        func output(_ name: String) -> [String] { ["--output", scratch.path(name), "--threads", "1"] }
        try run(["train", "vae", clips, "--steps", "10", "--warm-up", "5", "--average-decay", "0.9"] + output("vae"))
        try run(["encode", clips, "--vae", scratch.path("vae")] + output("latents"))
        try run(
            ["train", "ed-vdm", scratch.path("latents"), "--multiples", "1,2", "--steps", "600", "--batch", "8"]
                + ["--learning-rate", "1.5e-3", "--warm-up", "20", "--average-decay", "0.99"] + output("run"))
        try run(
            // Of so short a training guidance overshoots.
            ["sample", scratch.path("run"), "--dataset", held, "--steps", "8", "--guidance", "1"] + output("samples"))
        let judged = try Programs.run(
            python, [Peers.folder.appending(path: "moving_shapes.py").path, held, scratch.path("samples")])
        let answer = try #require(
            try JSONSerialization.jsonObject(with: Data(judged.output.utf8)) as? [String: Any], "\(judged.errors)")
        let (right, real) = (answer["right"] as? Double, answer["real_right"] as? Double)
        #expect(try #require(real) == 1, "the judge itself errs: \(judged.output)")
        // Where nothing moves it is none; noise has other pixels in number, which the judge does not let pass.
        #expect(try #require(right) > 0.7, "\(judged.output)")
    }
}
