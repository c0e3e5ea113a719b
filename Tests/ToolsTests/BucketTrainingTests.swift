import Foundation
import TestSupport
import Testing

/// Training on clips of several shapes.
@Suite(.requires(.libtorch)) struct BucketTrainingTests {
    /// Wide and tall videos, clips of them in two sizes, and in two lengths.
    private static let made = Result {
        let scratch = try Scratch()
        try FileManager.default.createDirectory(atPath: scratch.path("in"), withIntermediateDirectories: false)
        for (name, size) in [("a", "128x64"), ("b", "64x128"), ("c", "128x64"), ("d", "64x128"), ("e", "96x48")] {
            try Programs.ffmpeg(
                [
                    "-v", "error", "-f", "lavfi", "-i", "testsrc2=s=\(size):r=8", "-frames:v", "10", "-pix_fmt",
                    "yuv420p",
                ]
                    + ["-preset", "ultrafast", scratch.path("in/\(name).mp4")])
        }
        for (name, lengths) in [("sizes", "5"), ("lengths", "4,6")] {
            let outcome = try Programs.pframe(
                "build", scratch.path("in"), "--no-captions", "--output", scratch.path(name), "--buckets",
                "64x32,32x64",
                "--lengths", lengths, "--no-cuts", "--represent", "frames,difference,motion-residual",
                "--motion-source",
                "search")
            try #require(outcome.status == 0, "\(outcome.errors)")
        }
        return scratch
    }

    private static func train(_ arguments: [String]) throws -> Outcome {
        try Programs.run(
            Programs.pframe.path, ["train"] + arguments + ["--seed", "3"], environment: ["OMP_WAIT_POLICY": "PASSIVE"])
    }

    private static let small = [
        "--batch", "2", "--warm-up", "1", "--width", "8", "--multiples", "1,2", "--text", "none",
    ]

    private static func losses(_ run: String) throws -> [Double] {
        let text = try String(contentsOf: URL(filePath: run + "/metrics.jsonl"), encoding: .utf8)
        let lines: [JSON] = try decodeLines(text)
        return lines.compactMap { $0["loss"].number }
    }

    @Test(arguments: ["vdm", "d-vdm"]) func trainsOnSeveralSizes(model: String) throws {
        let scratch = try Scratch()
        let set = try Self.made.get().path("sizes")
        let whole = scratch.path("whole")
        let outcome = try Self.train([model, set, "--output", whole, "--steps", "6"] + Self.small)
        #expect(outcome.status == 0, "\(outcome.errors)")
        let config = try decode(scratch.text("whole/config.json")) as JSON
        #expect(config["options"]["sizes"].elements.map(\.ints) == [[32, 64], [64, 32]])
        let losses = try Self.losses(whole)
        #expect(losses.count == 6 && losses.allSatisfy { $0 > 0 && $0 < 100 })

        // Stopped and resumed: the same batches, the same losses.
        let halved = scratch.path("halved")
        #expect(
            try Self.train([model, set, "--output", halved, "--steps", "3", "--course", "constant"] + Self.small).status
                == 0)
        #expect(try Self.train([model, "--output", halved, "--steps", "6"]).status == 0)
        let straight = scratch.path("straight")
        #expect(
            try Self.train([model, set, "--output", straight, "--steps", "6", "--course", "constant"] + Self.small)
                .status == 0)
        #expect(try Self.losses(halved) == Self.losses(straight))

        let videos = try Self.made.get().path("in")
        let sampled = try Programs.pframe(
            "sample", whole, "--image", videos + "/a.mp4", "--image", videos + "/b.mp4", "--fit", "crop", "--steps",
            "2",
            "--output", scratch.path("samples"))
        #expect(sampled.status == 0 && sampled.output.contains("64x32, 32x64"), "\(sampled.output)\(sampled.errors)")
        for (name, size) in [("000", "64,32"), ("001", "32,64")] {
            let found = try Programs.ffprobe(scratch.path("samples/\(name).mp4"), "stream=width,height")
            #expect(found.trimmingCharacters(in: .whitespacesAndNewlines) == size)
        }
        let evaluated = try Programs.pframe(
            "evaluate", whole, set, "--clips", "2", "--steps", "2", "--batch", "2", "--json")
        #expect(evaluated.status == 0 && evaluated.output.contains("64x32"), "\(evaluated.output)\(evaluated.errors)")
    }

    @Test func refusesWhatAModelDoesNotTake() throws {
        let scratch = try Scratch()
        let made = try Self.made.get()
        let (sizes, lengths) = (made.path("sizes"), made.path("lengths"))
        let run = scratch.path("run")
        let long = try Self.train(["vdm", lengths, "--output", run, "--steps", "2"] + Self.small)
        #expect(long.status == 1 && long.errors.contains("clips of one length, here of 6 frames"), "\(long.errors)")
        #expect(long.errors.contains("filter where width = 32 AND height = 64 AND frames = 4"), "\(long.errors)")
        let vae = try Self.train(["vae", sizes, "--output", run, "--steps", "2", "--batch", "1"])
        #expect(vae.status == 1 && vae.errors.contains("takes clips of one shape"), "\(vae.errors)")
        #expect(!scratch.exists("run"))
        let one = try Self.train(
            ["vae", sizes, "--bucket", "64x32x5", "--output", run, "--steps", "2", "--batch", "1", "--warm-up", "1"])
        #expect(one.status == 0, "\(one.errors)")
        let config = try decode(scratch.text("run/config.json")) as JSON
        #expect(config["options"]["width"] == 64 && config["training"]["bucket"] == "64x32x5")
        let other = try Self.train(["vae", "--output", run, "--bucket", "32x64x5"])
        #expect(other.status == 1 && other.errors.contains("--bucket 32x64x5 (the run: 64x32x5)"), "\(other.errors)")

        let encoded = try Programs.pframe("encode", sizes, "--vae", run, "--output", scratch.path("latents"))
        #expect(encoded.status == 1 && encoded.errors.contains("takes frames of 64x32: encode a set of one"))
        #expect(!scratch.exists("latents"))
        let filtered = try Programs.pframe(
            "filter", sizes, "--output", scratch.path("wide"), "--where", "width = 64 AND height = 32")
        #expect(filtered.status == 0)
        let latents = try Programs.pframe(
            "encode", scratch.path("wide"), "--vae", run, "--output", scratch.path("latents"))
        #expect(latents.status == 0, "\(latents.errors)")
        let shards = (try decode(scratch.text("latents/dataset.json")) as JSON)["shards"].elements
        #expect(!shards.isEmpty && shards.allSatisfy { $0["bucket"] == "64x32x5" })
    }
}
