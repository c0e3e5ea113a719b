import Foundation
import TestSupport
import Testing

/// `pframe sample` of folders in diffusers' layout (`Tests/Peers/diffusers_expected.py`).
@Suite(.requires(.libtorch)) struct ImageSampleTests {
    private static let folder = Programs.root.appending(path: "fixtures/train/diffusers")

    private func sample(_ model: String, _ output: String, _ more: [String]) throws -> Outcome {
        let path = model.hasPrefix("/") ? model : Self.folder.appending(path: model).path
        return try Programs.run(Programs.pframe.path, ["sample", path, "--output", output, "--threads", "1"] + more)
    }

    /// The first image of diffusers' own pipeline, RGB, 8x16 pixels.
    private func expected(_ model: String) throws -> [UInt8] {
        let bytes = Array(try Data(contentsOf: Self.folder.appending(path: "images.safetensors")))
        let length = bytes.prefix(8).enumerated().reduce(0) { $0 + Int($1.element) << (8 * $1.offset) }
        let header = try JSONDecoder().decode([String: JSON].self, from: Data(bytes[8..<8 + length]))
        let start = try #require(header[model]?["data_offsets"].ints.first) + 8 + length
        return Array(bytes[start..<start + 8 * 16 * 3])
    }

    @Test(arguments: ["sd1", "sd2"]) func imageEqualsDiffusers(model: String) throws {
        let scratch = try Scratch()
        let outcome = try sample(
            model, scratch.path("out"),
            [
                "--prompt", "a red ball!", "--negative-prompt", "blue", "--seed", "5", "--steps", "4", "--guidance",
                "3",
                "--size", "8x16", "--json",
            ])
        #expect(outcome.status == 0 && outcome.errors.isEmpty, "\(outcome.errors)")
        #expect(try scratch.names(in: "out") == ["000.png", "samples.jsonl"])
        let found = try SampleModels.pixels(scratch.path("out/000.png"), scratch)
        let wanted = try expected(model)
        #expect(found.count == wanted.count)
        #expect(zip(found, wanted).allSatisfy { abs(Int($0) - Int($1)) <= 1 })
        let rows: [JSON] = try decodeLines(scratch.text("out/samples.jsonl"))
        #expect(rows.count == 1 && rows[0]["name"] == "000" && rows[0]["seed"] == 5 && rows[0]["steps"] == 4)
        #expect(rows[0]["sampler"] == "ddim" && rows[0]["negative_prompt"] == "blue" && rows[0]["width"] == 8)
        let told: [JSON] = try decodeLines(outcome.output)
        #expect(told.count == 1 && told[0]["status"] == "done" && told[0]["size"] == "8x16")
        #expect(told[0]["image"].string == scratch.path("out/000.png"))
    }

    @Test func sameSeedSameBytes() throws {
        let scratch = try Scratch()
        let options = ["--prompt", "two people", "--steps", "2", "--sampler", "dpm-solver++", "--batch", "2"]
        for name in ["one", "two"] {
            let outcome = try sample("sd1", scratch.path(name), options + ["--count", "3", "--seed", "9"])
            #expect(outcome.status == 0, "\(outcome.errors)")
            #expect(outcome.output.contains("3 images of 16x16"), "\(outcome.output)")
        }
        let names = ["000.png", "001.png", "002.png", "samples.jsonl"]
        #expect(try scratch.names(in: "one") == names)
        for name in names { #expect(try scratch.data("one/\(name)") == scratch.data("two/\(name)")) }
        let images = try names.dropLast().map { try scratch.data("one/\($0)") }
        #expect(Set(images).count == 3)
        // The last one is alone in its batch: with its own seed it is the same image.
        #expect(try sample("sd1", scratch.path("three"), options + ["--seed", "11"]).status == 0)
        #expect(try scratch.data("three/000.png") == images[2])
    }

    @Test func saysWhatIsWrong() throws {
        let scratch = try Scratch()
        let broken = scratch.path("broken")
        try FileManager.default.copyItem(atPath: Self.folder.appending(path: "sd1").path, toPath: broken)
        let weights = broken + "/unet/diffusion_pytorch_model.safetensors"
        try Data(contentsOf: URL(filePath: weights)).prefix(5000).write(to: URL(filePath: weights))
        let cases: [(model: String, options: [String], status: Int32, words: [String])] = [
            ("sd1", [], 2, ["--prompt"]),
            ("sd1", ["--prompt", "a", "--image", "a.png"], 2, ["no --image"]),
            ("sd1", ["--prompt", "a", "--fps", "8"], 2, ["--fps"]),
            ("sd1", ["--prompt", "a", "--size", "7x8"], 2, ["--size", "multiples of 2"]),
            ("sd1", ["--prompt", "a", "--count", "0"], 2, ["--count takes 1 or more"]),
            ("sd1", ["--prompt", "a", "--steps", "1000", "--sampler", "dpm-solver++"], 1, ["take fewer"]),
            (broken, ["--prompt", "a"], 1, ["diffusion_pytorch_model.safetensors", "cut short"]),
            (scratch.path("none"), ["--image", "a.png", "--size", "8"], 2, ["--size", "diffusers"]),
        ]
        for (model, options, status, words) in cases {
            let outcome = try sample(model, scratch.path("out"), options)
            #expect(outcome.status == status, "\(options): \(outcome.errors)")
            #expect(words.allSatisfy { outcome.errors.contains($0) }, "\(options): \(outcome.errors)")
            #expect(!scratch.exists("out"))
        }
    }
}
