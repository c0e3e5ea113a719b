import Foundation
import TestSupport
import Testing

/// `pframe train`: what it takes, that kills, ranks and accumulation change nothing, and what it refuses.
@Suite(.requires(.libtorch)) struct TrainingTests {
    private static let program = Programs.pframe.deletingLastPathComponent().appending(path: "pframe-train")

    private static func latents(_ models: SampleModels) -> String {
        URL(filePath: models.edVDM).deletingLastPathComponent().appending(path: "latents").path
    }

    private static func arguments(_ set: String, _ run: String, steps: Int, _ more: [String] = []) -> [String] {
        [
            "train", "ed-vdm", set, "--output", run, "--steps", "\(steps)", "--batch", "2", "--warm-up", "2",
            "--picture-every", "0", "--checkpoint-every", "3", "--threads", "1",
        ] + more
    }

    /// Loss and norm of every step of a run.
    private func steps(_ run: String) throws -> [[Double]] {
        let text = try String(contentsOf: URL(filePath: "\(run)/metrics.jsonl"), encoding: .utf8)
        return try text.split(separator: "\n").map { line in
            let row: [String: Double] = try decode(line)
            return try ["step", "loss", "gradient_norm"].map { try #require(row[$0]) }
        }
    }

    @Test(arguments: [("ed-vdm", 78.0), ("d-vdm", 8611.0), ("vdm", 8814.0)])
    func planIsThePapers(_ model: String, _ expected: Double) throws {
        let outcome = try Programs.pframe("train", model, "--preset", "paper", "--plan", "--json")
        let plan: JSON = try decode(outcome.output)
        let found = try #require(plan["gflop_per_clip"].number)
        #expect(abs(found / expected - 1) < 0.02, "\(model): \(found) GFLOP, the paper says \(expected)")
        #expect(try #require(plan["parameters"].int) > 100_000_000)
        #expect(try #require(plan["memory_bytes"].int) > 1_000_000_000)
    }

    /// Where there is no GPU: the largest batches of common sizes by plain arithmetic, a fifth of the memory left over.
    @Test func plansForGPUs() throws {
        let outcome = try Programs.pframe(
            "train", "ed-vdm", "--preset", "paper", "--plan", "--device", "cuda", "--json")
        #expect(outcome.status == 0, "\(outcome.errors)")
        let plan: JSON = try decode(outcome.output)
        let gpus = plan["gpus"].elements
        let here = outcome.errors.contains("planning for common sizes of GPUs") ? 3 : 1
        #expect(gpus.count == here, "\(outcome.errors)")
        func memory(_ batch: Int) throws -> JSON {
            let one = try Programs.pframe(
                "train", "ed-vdm", "--preset", "paper", "--plan", "--batch", "\(batch)", "--json")
            let plan: JSON = try decode(one.output)
            return plan["memory_bytes_by_precision"]
        }
        for gpu in gpus {
            let bytes = try #require(gpu["memory_bytes"].number)
            for precision in ["float32", "bfloat16"] {
                let largest = try #require(gpu["largest_batch"][precision].int)
                let (fits, over) = (try memory(largest), try memory(largest + 1))
                #expect(try #require(fits[precision].number) <= 0.8 * bytes)
                #expect(try #require(over[precision].number) > 0.8 * bytes)
            }
        }
        let text = try Programs.pframe("train", "ed-vdm", "--preset", "paper", "--plan", "--device", "cuda").output
        #expect(text.contains("\na GPU of "), "\(text)")
        // The processor has no such lines.
        let processor = try Programs.pframe("train", "ed-vdm", "--preset", "paper", "--plan").output
        #expect(!processor.contains("GPU"), "\(processor)")
    }

    @Test(arguments: ["cuda:x", "gpu", "meta"]) func refusesOtherDevices(device: String) throws {
        let outcome = try Programs.pframe("train", "vdm", "--plan", "--device", device)
        #expect(outcome.status == 2 && outcome.errors.contains("'\(device)' is invalid"), "\(outcome.errors)")
    }

    /// What a clip more takes, as the kernel counts the memory of whole runs, is what the plan says of each precision.
    @Test func memoryIsThePlans() throws {
        let models = try SampleModels.ready()
        let scratch = try Scratch()
        let measure = """
            import resource, subprocess, sys
            done = subprocess.run(sys.argv[1:], stdout=sys.stderr)
            print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * 1024)
            sys.exit(done.returncode)
            """
        func plan(_ batch: Int) throws -> JSON {
            let outcome = try Programs.pframe(
                "train", "vdm", "--size", "64", "--frames", "8", "--batch", "\(batch)", "--plan", "--json")
            let plan: JSON = try decode(outcome.output)
            return plan["memory_bytes_by_precision"]
        }
        let (small, large) = (try plan(1), try plan(3))
        for precision in ["float32", "bfloat16"] {
            let found = try [1, 3].map { batch in
                let outcome = try Programs.run(
                    "/usr/bin/env",
                    [
                        "python3", "-c", measure, Self.program.path, "train", "vdm", models.clips, "--output",
                        scratch.path("\(precision)\(batch)"), "--steps", "1", "--batch", "\(batch)", "--precision",
                        precision, "--picture-every", "0",
                    ] + SampleModels.alone, limit: 600)
                return try #require(Double(outcome.output.split(separator: "\n").last ?? ""), "\(outcome.errors)")
            }
            let planned = try #require(large[precision].number) - #require(small[precision].number)
            let ratio = (found[1] - found[0]) / planned
            #expect((0.6...1.4).contains(ratio), "\(precision): \(found), planned \(planned)")
        }
    }

    /// The command of a run on so many ranks.
    private static func command(ranks: Int, _ arguments: [String]) -> [String] {
        let launcher = [
            "OMPI_ALLOW_RUN_AS_ROOT=1", "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1", "mpirun", "-n", "\(ranks)", "--bind-to",
            "none", "--oversubscribe",
        ]
        return (ranks > 1 ? launcher : []) + [program.path] + arguments
    }

    /// `make soak` kills more often, and a rank of two.
    @Test func resumesAfterKills() throws {
        try expectToResume(ranks: 1, after: Soak.isOn ? Array(stride(from: 1, to: 39, by: 2)) : [4, 12])
    }

    @Test(.enabled(if: Soak.isOn, "only `make soak`"), .requires(.mpirun))
    func resumesAfterKillsOfARank() throws {
        try expectToResume(ranks: 2, after: Array(stride(from: 1, to: 39, by: 2)))
    }

    /// Kills a run of 40 steps when it has made so many, and expects what a run makes that nobody kills.
    private func expectToResume(ranks: Int, after moments: [Int]) throws {
        let models = try SampleModels.ready()
        let scratch = try Scratch()
        let (whole, killed) = (scratch.path("whole"), scratch.path("killed"))
        let (set, count) = (Self.latents(models), 40)
        func command(_ run: String) -> [String] {
            Self.command(ranks: ranks, Self.arguments(set, run, steps: count))
        }
        let outcome = try Programs.run("/usr/bin/env", command(whole), limit: 300)
        #expect(outcome.status == 0, "\(outcome.errors)")
        var interrupted = 0
        for moment in moments {
            let process = Process()
            process.executableURL = URL(filePath: "/usr/bin/env")
            process.arguments = command(killed)
            process.standardError = FileHandle.nullDevice
            process.standardOutput = FileHandle.nullDevice
            try process.run()
            let deadline = Date().addingTimeInterval(120)
            while process.isRunning, Date() < deadline {
                let text = (try? String(contentsOf: URL(filePath: "\(killed)/metrics.jsonl"), encoding: .utf8)) ?? ""
                if text.split(separator: "\n").count >= moment { break }
                usleep(1000)
            }
            // At any point of a step.
            usleep(.random(in: 0..<50_000))
            if ranks == 1 {
                kill(process.processIdentifier, SIGKILL)
            } else {
                // The newest process of the run is one of its ranks; the launcher ends the others.
                _ = try Programs.run("/usr/bin/env", ["pkill", "-KILL", "-n", "-f", killed])
            }
            process.waitUntilExit()
            if process.terminationStatus != 0 { interrupted += 1 }
        }
        #expect(interrupted > 0, "no run was killed")
        let last = try Programs.run("/usr/bin/env", command(killed), limit: 300)
        #expect(last.status == 0 && last.errors.contains("from step"), "\(last.errors)")
        let (expected, found) = (try steps(whole), try steps(killed))
        #expect(expected.count == count)
        #expect(found == expected)
        let sums = try ["whole", "killed"].map { try scratch.data("\($0)/checkpoint.safetensors") }
        #expect(sums[0] == sums[1])
    }

    @Test func accumulationIsOneLargerBatch() throws {
        try expectOneLargerBatch(ranks: 1, ["--batch", "1", "--accumulation", "2"])
    }

    @Test(.requires(.mpirun)) func ranksAreOneLargerBatch() throws {
        try expectOneLargerBatch(ranks: 2, ["--batch", "1"])
    }

    /// Expects the losses of a run in batches of 2.
    private func expectOneLargerBatch(ranks: Int, _ options: [String]) throws {
        let models = try SampleModels.ready()
        let scratch = try Scratch()
        var losses: [[Double]] = []
        for (name, ranks, options) in [("whole", 1, []), ("parts", ranks, options)] {
            let arguments = Self.arguments(Self.latents(models), scratch.path(name), steps: 20, options)
            let outcome = try Programs.run("/usr/bin/env", Self.command(ranks: ranks, arguments), limit: 300)
            #expect(outcome.status == 0, "\(outcome.errors)")
            losses.append(try steps(scratch.path(name)).map { $0[1] })
        }
        #expect(losses.allSatisfy { $0.count == 20 })
        for (one, other) in zip(losses[0], losses[1]) {
            #expect(abs(one - other) <= 1e-5 * max(1, one), "\(losses)")
        }
    }

    @Test func refusesWhatDoesNotFit() throws {
        let models = try SampleModels.ready()
        let scratch = try Scratch()
        let set = Self.latents(models)
        // Merges that are not the model's.
        let clip = [
            "--clip", Programs.fixture("train/clip/model.safetensors"), "--clip-vocabulary",
            Programs.fixture("train/bpe/merges.txt"),
        ]
        let cases: [([String], Int32, String)] = [
            (Self.arguments(models.clips, scratch.path("a"), steps: 2), 1, "pframe encode"),
            (["train", "vae", set, "--output", scratch.path("b"), "--steps", "1"], 1, "residual.npy"),
            (["train", "ed-vdm", scratch.path("nowhere"), "--output", scratch.path("c")], 1, "nowhere"),
            (["train", "ed-vdm", set], 2, "--output"),
            (["train", "ed-vdm", set, "--output", scratch.path("d"), "--multiples", "1,2,4,8"], 1, "multiples"),
            (
                ["train", "ed-vdm", set, "--output", models.edVDM, "--learning-rate", "1"], 1,
                "--learning-rate 1.0 (the run: 0.0002)"
            ),
            (["train", "ed-vdm", set, "--output", scratch.path("e"), "--text", "clip"], 2, "--clip MODEL"),
            (["train", "ed-vdm", set, "--output", scratch.path("f"), "--clip", "m"], 2, "go together"),
            (Self.arguments(set, scratch.path("g"), steps: 2, ["--text", "clip"] + clip), 1, "vocabulary of 40"),
        ]
        for (arguments, status, words) in cases {
            let outcome = try Programs.run(Self.program.path, arguments, limit: 120)
            #expect(outcome.status == status && outcome.errors.contains(words), "\(arguments): \(outcome.errors)")
        }
        for name in ["a", "b", "c", "d", "e", "f", "g"] { #expect(!scratch.exists(name), "\(name) is left behind") }
    }

    /// The help of a model lists the options that it reads, and those of training.
    @Test(arguments: [
        ("ed-vdm", ["--width", "--min-snr", "--motion", "--motion-share", "--vae"], []),
        ("vae", ["--preset", "--size", "--coding"], ["--frames", "--width", "--motion-share", "--vae"]),
        ("d-vdm", ["--width", "--min-snr"], ["--motion-share", "--vae"]),
    ])
    func helpIsOfTheModel(_ model: String, _ own: [String], _ others: [String]) throws {
        let help = try Programs.pframe("train", model, "--help")
        #expect(help.status == 0 && help.output.contains("USAGE: pframe train \(model) "), "\(help.errors)")
        let options = Set(
            help.output.split(separator: "\n").compactMap { line in
                line.split(separator: " ").first { $0.hasPrefix("--") }.map(String.init)
            })
        #expect(options.isSuperset(of: own + ["--steps", "--learning-rate", "--from", "--precision"]), "\(options)")
        #expect(options.isDisjoint(with: others), "\(options)")
        let all = try Programs.pframe("train", "--help").output
        #expect(all.contains("  \(model) ") && all.contains("pframe train vae clips"), "\(all)")
    }

    /// The model need not stand first.
    @Test func takesTheModelAnywhere() throws {
        let outcomes = try [["vdm", "--plan", "--json"], ["--plan", "vdm", "--json"], ["--json", "--plan", "vdm"]].map {
            try Programs.run(Self.program.path, ["train"] + $0)
        }
        #expect(Set(outcomes.map(\.output)).count == 1 && outcomes[0].status == 0, "\(outcomes[0].errors)")
    }

    @Test(arguments: [
        (["nonsense", "set", "--output", "run"], "provide one of 'vae', 'ed-vdm', 'd-vdm' or 'vdm'"),
        (["--plan"], "--plan needs a model: vae, ed-vdm, d-vdm or vdm"), ([], "give a folder for the run"),
        (["--output", "run"], "which model: vae, ed-vdm, d-vdm or vdm?"), (["vae"], "give a folder for the run"),
        (["vae", "--output", "run"], "give a data set"),
    ])
    func saysWhatIsMissing(_ words: [String], _ message: String) throws {
        let outcome = try Programs.run(Self.program.path, ["train"] + words)
        #expect(outcome.status == 2 && outcome.errors.contains(message), "\(outcome.errors)")
    }

    /// A run begins with the weights of another one, and goes on without it.
    @Test func beginsFromAnotherRun() throws {
        let models = try SampleModels.ready()
        let scratch = try Scratch()
        let (set, run) = (Self.latents(models), scratch.path("run"))
        func train(_ steps: Int, _ more: [String] = []) throws -> (status: Int32, errors: String) {
            let outcome = try Programs.run(Self.program.path, Self.arguments(set, run, steps: steps, more), limit: 120)
            return (outcome.status, outcome.errors)
        }
        let other = try train(2, ["--from", models.dVDM])
        #expect(other.status == 1 && other.errors.contains("holds a model d-vdm, but a ed-vdm is needed"), "\(other)")
        let wide = try train(2, ["--from", models.edVDM, "--width", "16"])
        #expect(wide.status == 1 && wide.errors.contains("but the new run wants F32 ["), "\(wide)")
        #expect(!scratch.exists("run"))
        let first = try train(2, ["--from", models.edVDM])
        try #require(first.status == 0, "\(first)")
        #expect(try scratch.text("run/config.json").contains("\"from\""))
        let changed = try train(4, ["--from", models.dVDM])
        #expect(changed.status == 1 && changed.errors.contains("--from "), "\(changed)")
        let second = try train(4)
        #expect(second.status == 0 && second.errors.contains("from step 2"), "\(second)")
    }

    /// Wrong options leave no folder that would refuse the right ones.
    @Test(
        arguments: [
            (["ed-vdm", "--batch", "0"], "--batch takes 1 or more, not 0"),
            (["ed-vdm", "--learning-rate", "nan"], "--learning-rate takes a number above 0, not nan"),
            (["ed-vdm", "--width", "12"], "--width takes a multiple of 8, not 12"),
            (["ed-vdm", "--lr", "1e-3"], "did you mean --learning-rate 1e-3?"),
            (["ed-vdm", "--batch-size", "4"], "did you mean --batch 4?"),
            (["ed-vdm", "--motion", "first"], "--motion"),
            (["ed-vdm", "--motion-share", "0.5"], "--motion-share is for --motion joint"),
            (["ed-vdm", "--motion", "tokens", "--motion-share", "0.5"], "--motion-share is for --motion joint"),
            (["vae", "--width", "8"], "--width is for ed-vdm, d-vdm and vdm: vae does not read it"),
            (["vae", "--vae", "x"], "--vae is for ed-vdm"),
            (["vae", "--text", "none"], "--text is for ed-vdm, d-vdm and vdm"),
            (["vdm", "--motion-share", "0.5"], "--motion-share is for ed-vdm: vdm does not read it"),
        ])
    func refusesOptionsBeforeItBegins(_ options: [String], _ words: String) throws {
        let scratch = try Scratch()
        let outcome = try Programs.run(
            Self.program.path, ["train", options[0], "set", "--output", scratch.path("run")] + options.dropFirst())
        #expect(outcome.status == 2 && outcome.errors.contains(words), "\(outcome.errors)")
        #expect(!scratch.exists("run"))
    }

    /// The first line says what runs where, before anything that takes long; a processor without bfloat16 is warned of;
    /// no share of the peak is above 1.
    @Test func saysWhatItDoesBeforeItBegins() throws {
        let models = try SampleModels.ready()
        let scratch = try Scratch()
        let (set, run) = (Self.latents(models), scratch.path("run"))
        let outcome = try Programs.run(
            Self.program.path, Self.arguments(set, run, steps: 4, ["--precision", "bfloat16"]), limit: 300)
        #expect(outcome.status == 0, "\(outcome.errors)")
        #expect(outcome.errorLines.first == "\(run): ed-vdm on \(set), cpu, bfloat16", "\(outcome.errors)")
        let processor = try String(contentsOf: URL(filePath: "/proc/cpuinfo"), encoding: .utf8)
        let hasBFloat16 = ["avx512_bf16", "amx_bf16", " bf16"].contains { processor.contains($0) }
        #expect(outcome.errors.contains("warning: this processor has no bfloat16") == !hasBFloat16)
        let lines = try scratch.text("run/metrics.jsonl").split(separator: "\n")
        #expect(lines.count == 4)
        for line in lines {
            let row: [String: Double] = try decode(line)
            let share = try #require(row["share_of_peak"])
            #expect(share > 0 && share <= 1)
        }
    }

    /// A run that another version began goes on.
    @Test func goesOnWithAnotherVersion() throws {
        let models = try SampleModels.ready()
        let scratch = try Scratch()
        let run = scratch.path("run")
        let first = try Programs.run(
            Self.program.path, Self.arguments(Self.latents(models), run, steps: 2), limit: 120)
        try #require(first.status == 0, "\(first.errors)")
        let config = try scratch.text("run/config.json")
        // That one kept the data set as it was typed.
        let older = config.replacing("\"tool\": \"pframe ", with: "\"tool\": \"pframe 0.0.")
            .replacing("/latents\"", with: "/latents/\"")
        try #require(older.contains("pframe 0.0.") && older.contains("/latents/\""))
        try Data(older.utf8).write(to: URL(filePath: run + "/config.json"))
        let second = try Programs.run(
            Self.program.path, Self.arguments(Self.latents(models), run, steps: 3), limit: 120)
        #expect(second.status == 0 && second.errors.contains("from step 2"), "\(second.errors)")
    }
}
