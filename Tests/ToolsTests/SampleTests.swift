import Foundation
import TestSupport
import Testing

/// `pframe sample`, and `pframe reconstruct` of what it made.
@Suite(.requires(.libtorch)) struct SampleTests {
    private static let few = ["--steps", "3", "--threads", "1"]
    private static let frames = 8

    private func sample(_ run: String, _ output: String, _ more: [String]) throws -> Outcome {
        try Programs.run(Programs.pframe.path, ["sample", run, "--output", output] + Self.few + more)
    }

    private func contents(_ folder: String, _ names: [String]) throws -> [Data] {
        try names.map { try Data(contentsOf: URL(filePath: "\(folder)/\($0)")) }
    }

    @Test func writesClipsWithMotionAndResidual() throws {
        let models = try SampleModels.ready()
        let scratch = try Scratch()
        let image = try SampleModels.image(scratch)
        let outcome = try sample(
            models.edVDM, scratch.path("out"),
            [
                "--image", image, "--prompt", "a zebra moves", "--count", "3", "--batch", "2", "--seed", "5",
                "--json",
            ])
        #expect(outcome.status == 0, "\(outcome.errors)")
        #expect(outcome.errors == "warning: the model was trained without the word \"zebra\"\n", "\(outcome.errors)")
        #expect(outcome.output.split(separator: "\n").count == 3 && outcome.output.contains("\"status\":\"done\""))
        let names = ["000", "001", "002"].flatMap { name in
            ["first.png", "motion.npy", "mp4", "png", "residual.npy"].map { "\(name).\($0)" }
        }
        #expect(try scratch.names(in: "out") == names + ["samples.jsonl"])
        let rows: [JSON] = try decodeLines(scratch.text("out/samples.jsonl"))
        try #require(rows.map { $0["name"].string } == ["000", "001", "002"])
        #expect(rows.map { $0["seed"].int } == [5, 6, 7])
        #expect(rows[0]["prompt"] == "a zebra moves" && rows[0]["guidance"] == 2)
        #expect(rows[0]["sampler"] == "dpm-solver++" && rows[0]["steps"] == 3)
        #expect(rows[0]["image"].string == image && rows[0]["model"] == "ed-vdm")
        let first = try SampleModels.pixels(image, scratch)
        for name in ["000", "001", "002"] {
            #expect(try SampleModels.pixels(scratch.path("out/\(name).first.png"), scratch) == first)
            try expectRebuilt(scratch, "out/\(name)", first: first)
            let video = try SampleModels.pixels(scratch.path("out/\(name).mp4"), scratch)
            #expect(video.count == Self.frames * first.count)
            let error = zip(video, first).reduce(0.0) { $0 + pow(Double($1.0) - Double($1.1), 2) } / Double(first.count)
            // Colours have half the resolution in the file, and this picture has sharp ones.
            #expect(error < 600, "the first frame of the video differs by \(error)")
        }
    }

    /// Compares the strip with first frame, motion and residual, put together by the definition alone.
    private func expectRebuilt(_ scratch: Scratch, _ prefix: String, first: [UInt8]) throws {
        let motion = try int16Array(scratch.data("\(prefix).motion.npy"))
        let residual = try int16Array(scratch.data("\(prefix).residual.npy"))
        #expect(motion.shape == [7, 4, 4, 2] && residual.shape == [7, 64, 64, 3])
        #expect(motion.values.allSatisfy { $0 % 4 == 0 && abs($0) <= 60 })
        let strip = try SampleModels.frames(
            ofStrip: scratch.path("\(prefix).png"), count: Self.frames, size: 64, scratch)
        var frame = first
        #expect(strip[0] == frame)
        for number in 0..<7 {
            let before = frame
            for place in frame.indices {
                let (channel, x, y) = (place % 3, place / 3 % 64, place / 192)
                let cell = ((number * 4 + y / 16) * 4 + x / 16) * 2
                let u = min(max(x + Int(motion.values[cell]) / 4, 0), 63)
                let v = min(max(y + Int(motion.values[cell + 1]) / 4, 0), 63)
                let value = Int(before[(v * 64 + u) * 3 + channel]) + Int(residual.values[number * 12288 + place])
                frame[place] = UInt8(min(max(value, 0), 255))
            }
            #expect(strip[number + 1] == frame, "frame \(number + 1)")
        }
    }

    @Test(
        arguments: [
            ["--sampler", "dpm-solver++"], ["--sampler", "ddim", "--eta", "0.5", "--residual-steps", "3"],
            ["--sampler", "ddpm", "--residual-steps", "3"],
        ])
    func theSeedAloneDecides(_ options: [String]) throws {
        let models = try SampleModels.ready()
        let scratch = try Scratch()
        let image = try SampleModels.image(scratch)
        func make(_ folder: String, _ more: String...) throws {
            let outcome = try sample(
                models.edVDM, scratch.path(folder), ["--image", image, "--prompt", "a circle"] + options + more)
            #expect(outcome.status == 0, "\(outcome.errors)")
        }
        let names = ["mp4", "motion.npy", "residual.npy", "png"]
        func clip(_ folder: String, _ name: String) throws -> [Data] {
            try contents(scratch.path(folder), names.map { "\(name).\($0)" })
        }
        try make("together", "--count", "5", "--batch", "8")
        try make("again", "--count", "5", "--batch", "8")
        try make("single", "--count", "5", "--batch", "1")
        try make("last", "--seed", "4", "--batch", "1")
        try make("other", "--seed", "9", "--batch", "1")
        for name in ["000", "001", "002", "003", "004"] {
            #expect(try clip("together", name) == clip("again", name), "\(name)")
        }
        #expect(try clip("single", "004") == clip("last", "000"))
        #expect(try clip("other", "000") != clip("last", "000"))
    }

    @Test func reconstructGivesTheSameVideo() throws {
        let models = try SampleModels.ready()
        let scratch = try Scratch()
        let made = try sample(
            models.edVDM, scratch.path("out"),
            ["--image", SampleModels.image(scratch), "--prompt", "a circle", "--fps", "7.5"])
        #expect(made.status == 0, "\(made.errors)")
        for (argument, name) in [("out/000", "a.mp4"), ("out/000.motion.npy", "b.mp4")] {
            let outcome = try Programs.pframe(
                "reconstruct", scratch.path(argument), "--output", scratch.path(name))
            #expect(outcome.status == 0 && outcome.output.contains("8 frames of 64x64"), "\(outcome.errors)")
            #expect(try scratch.data(name) == scratch.data("out/000.mp4"))
        }
        let array = try Programs.pframe("reconstruct", scratch.path("out/000"), "--output", scratch.path("f.npy"))
        #expect(array.status == 0, "\(array.errors)")
        let bytes = try scratch.data("f.npy")
        let header = String(decoding: bytes[..<128], as: UTF8.self)
        #expect(header.contains("'|u1', 'fortran_order': False, 'shape': (8, 64, 64, 3)"), "\(header)")
        let strip = try SampleModels.frames(ofStrip: scratch.path("out/000.png"), count: 8, size: 64, scratch)
        #expect(Array(bytes.dropFirst(128)) == strip.flatMap(\.self))
        #expect(try Programs.ffprobe(scratch.path("a.mp4"), "stream=avg_frame_rate") == "15/2\n")
    }

    @Test func reconstructRefusesWhatDoesNotFit() throws {
        let models = try SampleModels.ready()
        let scratch = try Scratch()
        let image = try SampleModels.image(scratch)
        let made = try sample(models.edVDM, scratch.path("out"), ["--image", image, "--prompt", "a circle"])
        #expect(made.status == 0, "\(made.errors)")
        func expectRefused(_ file: String, _ words: String, _ change: (inout Data) -> Void) throws {
            let url = URL(filePath: scratch.path("out/000.\(file)"))
            let whole = try Data(contentsOf: url)
            var changed = whole
            change(&changed)
            try changed.write(to: url)
            let outcome = try Programs.pframe("reconstruct", scratch.path("out/000"), "--output", scratch.path("x.mp4"))
            #expect(outcome.status == 1 && outcome.errorLines.count == 1, "\(file): \(outcome.errors)")
            #expect(outcome.errors.contains("000.\(file)") && outcome.errors.contains(words), "\(outcome.errors)")
            #expect(!scratch.exists("x.mp4"))
            try whole.write(to: url)
        }
        func replace(_ data: inout Data, _ from: String, _ to: String) {
            if let range = data.range(of: Data(from.utf8)) { data.replaceSubrange(range, with: Data(to.utf8)) }
        }
        try expectRefused("motion.npy", "multiples of 4") { $0[128] = 3 }
        try expectRefused("motion.npy", "header says") { $0.removeLast(9) }
        try expectRefused("motion.npy", "wants [4, 4, 4, 2]") {
            replace(&$0, "(7, 4, 4, 2)", "(4, 7, 4, 2)")
        }
        try expectRefused("motion.npy", "uint16 and not int16") { replace(&$0, "<i2", "<u2") }
        try expectRefused("residual.npy", "[0, 0, 0, 1] is 256") { ($0[130], $0[131]) = (0, 1) }
        try expectRefused("residual.npy", "wants [7, 64, 64, 3]") { replace(&$0, "(7, 64, 64, 3)", "(7, 64, 32, 6)") }
        try expectRefused("first.png", "picture") { $0 = Data("no picture".utf8) }
        let wrong = try Programs.pframe("reconstruct", scratch.path("out/000"), "--output", scratch.path("x.yuv"))
        #expect(wrong.status == 2 && wrong.errors.contains(".npy, .mp4 or .mkv"), "\(wrong.errors)")
        try FileManager.default.removeItem(atPath: scratch.path("out/000.motion.npy"))
        let other = try Programs.pframe("reconstruct", scratch.path("out/000"), "--output", scratch.path("x.mp4"))
        #expect(other.status == 1 && other.errors.contains("only ed-vdm makes motion"), "\(other.errors)")
    }

    @Test func goesOnWhereItWas() throws {
        let models = try SampleModels.ready()
        let scratch = try Scratch()
        let image = try SampleModels.image(scratch)
        let options = ["--image", image, "--prompt", "a circle", "--count", "3", "--batch", "1"]
        let names = ["000.mp4", "001.mp4", "002.mp4", "samples.jsonl"]
        #expect(try sample(models.edVDM, scratch.path("whole"), options).status == 0)
        let expected = try contents(scratch.path("whole"), names)
        let out = scratch.path("out")
        #expect(try sample(models.edVDM, out, options).status == 0)
        // One clip lost a file, another was changed by hand, without anyone noticing.
        try FileManager.default.removeItem(atPath: out + "/000.residual.npy")
        try Data("mine".utf8).write(to: URL(filePath: out + "/001.mp4"))
        let again = try sample(models.edVDM, out, options)
        #expect(again.status == 0, "\(again.errors)")
        #expect(again.output.contains("1 clip of 8 frames") && again.output.contains("2 there before"))
        #expect(try scratch.data("out/001.mp4") == Data("mine".utf8))
        // Made in another way, nothing is kept.
        let other = try sample(models.edVDM, out, options + ["--guidance", "3"])
        #expect(other.output.contains("3 clips") && !other.output.contains("before"))
        #expect(try contents(out, names) != expected)
        try sampleImage(replacing: image, scratch)
        let replaced = try sample(models.edVDM, out, options + ["--guidance", "3"])
        #expect(!replaced.output.contains("before"), "another picture of that name: \(replaced.output)")
    }

    private func sampleImage(replacing image: String, _ scratch: Scratch) throws {
        try Programs.ffmpeg(["-v", "error", "-f", "lavfi", "-i", "color=red:size=64x64", "-frames:v", "1", image])
    }

    @Test func leavesNothingHalfWrittenWhenStopped() throws {
        let models = try SampleModels.ready()
        let scratch = try Scratch()
        let image = try SampleModels.image(scratch)
        let options = ["--image", image, "--prompt", "a circle", "--count", "24", "--batch", "1"] + Self.few
        for signal in [SIGINT, SIGKILL] {
            let process = Process()
            process.executableURL = Programs.pframe
            process.arguments = ["sample", models.edVDM, "--output", scratch.path("out\(signal)")] + options
            let errors = Pipe()
            process.standardError = errors
            process.standardOutput = FileHandle.nullDevice
            try process.run()
            while !scratch.exists("out\(signal)/001.mp4"), process.isRunning { usleep(1000) }
            kill(process.processIdentifier, signal)
            process.waitUntilExit()
            let text = String(decoding: errors.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
            if signal == SIGINT {
                #expect(process.terminationReason == .exit && process.terminationStatus == 1)
                #expect(text.contains("interrupted") && text.contains("the same command makes the rest"), "\(text)")
                #expect(try scratch.names(in: "out\(signal)").allSatisfy { !$0.hasPrefix(".") })
            }
            let rows = try scratch.text("out\(signal)/samples.jsonl").split(separator: "\n").count
            #expect((1..<24).contains(rows))
            let rest = try Programs.run(
                Programs.pframe.path, ["sample", models.edVDM, "--output", scratch.path("out\(signal)")] + options)
            #expect(rest.status == 0 && rest.output.contains("\(rows) there before"), "\(rest.output)\(rest.errors)")
        }
        for number in 0..<24 {
            let name = (number < 10 ? "00" : "0") + "\(number).mp4"
            #expect(try scratch.data("out\(SIGINT)/\(name)") == scratch.data("out\(SIGKILL)/\(name)"))
        }
    }

    @Test func takesFirstFramesOfADataset() throws {
        let models = try SampleModels.ready()
        let scratch = try Scratch()
        let outcome = try sample(models.vdm, scratch.path("out"), ["--dataset", models.clips, "--first", "3"])
        // A slow machine shows progress.
        #expect(outcome.status == 0 && !outcome.errors.contains("warning"), "\(outcome.errors)")
        let rows: [JSON] = try decodeLines(scratch.text("out/samples.jsonl"))
        let files = try FileManager.default.contentsOfDirectory(atPath: models.clips).sorted()
        let table = try #require(files.first { $0.hasPrefix("clips-") && $0.hasSuffix(".jsonl") })
        let wanted: [JSON] = try String(contentsOfFile: "\(models.clips)/\(table)", encoding: .utf8)
            .split(separator: "\n").prefix(3).map { try decode($0) }
        #expect(rows.map { $0["name"].string } == wanted.map { $0["key"].string })
        #expect(
            rows.map { $0["prompt"].string }
                == wanted.map { $0["metadata"]["label"].string })
        for (row, name) in zip(wanted, rows.compactMap { $0["name"].string }) {
            let member = row["members"]["first.npy"].ints
            try #require(member.count == 2)
            let shard = try FileHandle(
                forReadingFrom: URL(filePath: "\(models.clips)/" + table.replacing(".jsonl", with: ".tar")))
            try shard.seek(toOffset: UInt64(member[0] + 128))
            let first = try #require(try shard.read(upToCount: 64 * 64 * 3))
            #expect(try SampleModels.pixels(scratch.path("out/\(name).first.png"), scratch) == Array(first))
        }
    }

    /// Pixels that are not scaled are those of FFmpeg's crop and pad; what is as large as the clips stays as it is.
    @Test(arguments: [
        ("crop", "96x64", "crop=64:64:16:0"), ("pad", "64x48", "pad=64:64:0:8"), ("stretch", "64x64", "null"),
    ])
    func fitsFirstFrames(_ fit: String, _ size: String, _ filter: String) throws {
        let models = try SampleModels.ready()
        let scratch = try Scratch()
        let source = ["-v", "error", "-f", "lavfi", "-i", "testsrc2=s=\(size)", "-frames:v", "1"]
        for (name, filters) in [("image.png", []), ("expected.png", ["-vf", "format=rgb24,\(filter)"])] {
            let made = try Programs.ffmpeg(source + filters + ["-pix_fmt", "rgb24", scratch.path(name)])
            try #require(made.status == 0, "\(made.errors)")
        }
        let outcome = try sample(
            models.edVDM, scratch.path("out"),
            ["--image", scratch.path("image.png"), "--fit", fit, "--prompt", "a circle"])
        #expect(outcome.status == 0, "\(outcome.errors)")
        let expected = try SampleModels.pixels(scratch.path("expected.png"), scratch)
        #expect(try SampleModels.pixels(scratch.path("out/000.first.png"), scratch) == expected)
    }

    @Test func saysWhatIsWrongWithTheRequest() throws {
        let models = try SampleModels.ready()
        let scratch = try Scratch()
        let image = try SampleModels.image(scratch)
        let large = try SampleModels.image(scratch, "large.png", size: 96)
        try Data("no picture".utf8).write(to: URL(filePath: scratch.path("text.png")))
        try Data(contentsOf: URL(filePath: image)).prefix(900).write(to: URL(filePath: scratch.path("cut.png")))
        let cases: [(run: String, options: [String], status: Int32, words: [String])] = [
            (models.edVDM, ["--image", large, "--prompt", "a"], 1, ["large.png", "96x96", "crop, pad"]),
            (models.edVDM, ["--image", scratch.path("none.png"), "--prompt", "a"], 1, ["none.png", "No such file"]),
            (models.edVDM, ["--image", scratch.path("text.png"), "--prompt", "a"], 1, ["text.png"]),
            (models.edVDM, ["--image", scratch.path("cut.png"), "--prompt", "a"], 1, ["cut.png", "complete"]),
            (models.edVDM, ["--image", image], 2, ["--prompt"]),
            (models.edVDM, ["--prompt", "a"], 2, ["--image"]),
            (models.edVDM, ["--image", image, "--prompt", "a", "--temperature", "0"], 2, ["above 0"]),
            (models.edVDM, ["--image", image, "--prompt", "a", "--residual-steps", "0"], 2, ["takes 1 to 1000"]),
            (models.joint, ["--image", image, "--prompt", "a", "--temperature", "1"], 1, ["comes first"]),
            (models.edVDM, ["--image", image, "--prompt", "a", "--steps", "0"], 2, ["--steps takes 1 to 1000"]),
            (models.edVDM, ["--image", image, "--prompt", "a", "--eta", "0.5"], 2, ["--eta is for"]),
            (models.edVDM, ["--image", image, "--dataset", models.clips], 2, ["excludes"]),
            (models.edVDM, ["--dataset", scratch.path("nothing")], 1, ["nothing"]),
            (models.dVDM, ["--image", image, "--prompt", "a"], 2, ["trained without text", "--prompt"]),
            (models.dVDM, ["--image", image, "--guidance", "2"], 2, ["trained without text", "--guidance"]),
            (models.vdm, ["--image", image, "--prompt", "so"], 1, ["knows no label \"so\"; it knows"]),
            (models.autoencoder, ["--image", image, "--prompt", "a"], 1, ["holds a vae", "run of a diffusion model"]),
            (scratch.path("nowhere"), ["--image", image], 1, ["is not a run"]),
        ]
        for (run, options, status, words) in cases {
            let outcome = try sample(run, scratch.path("out"), options)
            #expect(outcome.status == status, "\(options): \(outcome.errors)")
            #expect(words.allSatisfy { outcome.errors.contains($0) }, "\(options): \(outcome.errors)")
            #expect(status == 2 || outcome.errorLines.count == 1, "\(options): \(outcome.errors)")
            #expect(!scratch.exists("out/000.mp4"))
        }
        let without = try sample(models.dVDM, scratch.path("out"), ["--image", image])
        #expect(without.status == 0, "\(without.errors)")
        #expect(try scratch.names(in: "out") == ["000.first.png", "000.mp4", "000.png", "samples.jsonl"])
    }

    @Test func saysWhatIsWrongWithTheRun() throws {
        let models = try SampleModels.ready()
        let scratch = try Scratch()
        let image = try SampleModels.image(scratch)
        let files = FileManager.default
        func expect(_ words: String..., change: (String) throws -> Void) throws {
            let run = scratch.path("run")
            if files.fileExists(atPath: run) { try files.removeItem(atPath: run) }
            try files.copyItem(atPath: models.edVDM, toPath: run)
            try change(run)
            let outcome = try sample(run, scratch.path("out"), ["--image", image, "--prompt", "a"])
            #expect(outcome.status == 1 && outcome.errorLines.count == 1, "\(words): \(outcome.errors)")
            #expect(words.allSatisfy { outcome.errors.contains($0) }, "\(words): \(outcome.errors)")
        }
        let checkpoint = "/checkpoint.safetensors"
        try expect("checkpoint.safetensors", "no checkpoint yet", "train it for longer") {
            try files.removeItem(atPath: $0 + checkpoint)
        }
        try expect("checkpoint.safetensors", "holds the model d-vdm, not ed-vdm") {
            try files.removeItem(atPath: $0 + checkpoint)
            try files.copyItem(atPath: models.dVDM + checkpoint, toPath: $0 + checkpoint)
        }
        for share in [0.0, 0.001, 0.5, 0.999] {
            try expect("checkpoint.safetensors") {
                let whole = try Data(contentsOf: URL(filePath: $0 + checkpoint))
                try whole.prefix(Int(share * Double(whole.count))).write(to: URL(filePath: $0 + checkpoint))
            }
        }
        for vae in ["", "/vae"] {
            try expect("checkpoint.safetensors", "holds NaN or infinity", "take an older run") {
                try plantNaN($0 + vae + checkpoint)
            }
        }
        try expect("vae", "is missing", "copy the run of `pframe train vae` there") {
            try files.removeItem(atPath: $0 + "/vae")
        }
        try expect("config.json", "no vocabulary") {
            let config = try String(contentsOfFile: $0 + "/config.json", encoding: .utf8)
            try config.replacing("\"captions\"", with: "\"no captions\"")
                .write(toFile: $0 + "/config.json", atomically: true, encoding: .utf8)
        }
        try expect("config.json") { try Data("{\"model\": ".utf8).write(to: URL(filePath: $0 + "/config.json")) }
        try expect("no valid \"options\"") {
            try Data("{\"model\": \"ed-vdm\"}".utf8).write(to: URL(filePath: $0 + "/config.json"))
        }
    }

    /// Makes a weight of the moving average no number.
    private func plantNaN(_ path: String) throws {
        var bytes = try Data(contentsOf: URL(filePath: path))
        let length = bytes.prefix(8).enumerated().reduce(0) { $0 | Int($1.element) << (8 * $1.offset) }
        let header: [String: JSON] = try decode(String(decoding: bytes[8..<(8 + length)], as: UTF8.self))
        let name = try #require(header.keys.filter { $0.hasPrefix("average.") }.min())
        let start = 8 + length + (try #require(header[name]?["data_offsets"].elements.first?.int))
        bytes.replaceSubrange(start..<(start + 4), with: [0, 0, 0xC0, 0x7F])
        try bytes.write(to: URL(filePath: path))
    }
}
