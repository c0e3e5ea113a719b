import Foundation
import SystemPackage
import TestSupport
import Testing

/// Several processes under `mpirun` train what one trains alone; a rank that fails ends all of them.
@Suite(.serialized) struct GradientExchangeTests {
    private static let program = URL(filePath: "/proc/self/exe").resolvingSymlinksInPath().deletingLastPathComponent()
        .appending(path: "ExchangeProgram").path

    private struct Answer: Decodable {
        let losses, squares: [Double]
        let ranksThatDiffer: Int
        let usesMPI: Bool
    }

    private struct Outcome {
        let status: Int32
        let output, errors: String
        let seconds: Double

        func answer() throws -> Answer { try JSONDecoder().decode(Answer.self, from: Data(output.utf8)) }
    }

    /// Runs the program, alone or as so many ranks, with the tests' variables less those of a launcher. With `last` the
    /// last of the ranks gets these arguments instead.
    private static func run(
        _ ranks: Int, _ arguments: [String], last: [String]? = nil, variables: [String: String] = [:]
    ) throws -> Outcome {
        let process = Process()
        let launcher = ["mpirun", "--bind-to", "none", "--oversubscribe", "-n", "\(last == nil ? ranks : ranks - 1)"]
        process.executableURL = URL(filePath: "/usr/bin/env")
        process.arguments =
            (ranks == 1 ? [] : launcher) + [program] + arguments + (last.map { [":", "-n", "1", program] + $0 } ?? [])
        let inherited = ProcessInfo.processInfo.environment.filter { name, _ in
            !["OMPI_", "PMI", "SLURM_", "RANK", "WORLD_SIZE"].contains { name.hasPrefix($0) }
        }
        let root = ["OMPI_ALLOW_RUN_AS_ROOT": "1", "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1", "OMP_NUM_THREADS": "1"]
        process.environment = inherited.merging(root) { $1 }.merging(variables) { $1 }
        let folder = FileManager.default.temporaryDirectory.appending(path: "pframe-exchange-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        let files = ["out", "err"].map { folder.appending(path: $0) }
        for file in files { _ = FileManager.default.createFile(atPath: file.path, contents: nil) }
        process.standardInput = FileHandle.nullDevice
        process.standardOutput = try FileHandle(forWritingTo: files[0])
        process.standardError = try FileHandle(forWritingTo: files[1])
        let start = Date()
        try process.run()
        while process.isRunning, Date().timeIntervalSince(start) < 300 { usleep(10_000) }
        if process.isRunning { kill(process.processIdentifier, SIGKILL) }
        process.waitUntilExit()
        let texts = try files.map { String(decoding: try Data(contentsOf: $0), as: UTF8.self) }
        return Outcome(
            status: process.terminationStatus, output: texts[0], errors: texts[1],
            seconds: Date().timeIntervalSince(start))
    }

    private static func isNear(_ left: [Double], _ right: [Double], _ tolerance: Double = 1e-5) -> Bool {
        left.count == right.count && zip(left, right).allSatisfy { abs($0 - $1) <= tolerance * max(abs($0), abs($1)) }
    }

    @Test(
        .requires(.mpirun),
        arguments: [
            (2, []), (3, []), (2, ["--uneven"]), (3, ["--uneven"]), (2, ["--accumulate"]),
            (3, ["--uneven", "--accumulate", "--bucket", "600"]), (2, ["--bucket", "10000000"]),
        ])
    func ranksTrainWhatOneDoes(ranks: Int, options: [String]) throws {
        let alone = try Self.run(1, ["--batch", "\(4 * ranks)"] + options.filter { $0 != "--accumulate" })
        let together = try Self.run(ranks, ["--batch", "4"] + options)
        #expect(alone.status == 0 && together.status == 0, "\(alone.errors)\(together.errors)")
        let (one, several) = (try alone.answer(), try together.answer())
        #expect(one.losses.count == 20 && one.losses[19] != one.losses[0])
        #expect(Self.isNear(one.losses, several.losses), "\(one.losses) \(several.losses)")
        #expect(Self.isNear(one.squares, several.squares), "\(one.squares) \(several.squares)")
        #expect(several.ranksThatDiffer == 0 && several.usesMPI)
        #expect(try Self.run(ranks, ["--batch", "4"] + options).output == together.output, "another time, other bits")
    }

    /// The checks of ``CollectiveTests`` over MPI.
    @Test(.requires(.mpirun), arguments: [2, 3]) func ranksDoAsTheyShould(ranks: Int) throws {
        let outcome = try Self.run(ranks, ["--checks"])
        #expect(outcome.status == 0, "\(outcome.errors)")
        let lines = outcome.output.split(separator: "\n").sorted()
        #expect(lines == (0..<ranks).map { "rank \($0) looked" }, "\(outcome.output)")
    }

    /// Each rank rounds its own gradients to bfloat16, so the sums differ by its 8 bits.
    @Test(.requires(.mpirun)) func bfloat16Gradients() throws {
        let one = try Self.run(1, ["--batch", "8", "--bfloat16"]).answer()
        let two = try Self.run(2, ["--batch", "4", "--bfloat16"]).answer()
        #expect(Self.isNear(one.losses, two.losses, 0.01), "\(one.losses) \(two.losses)")
        #expect(two.ranksThatDiffer == 0)
    }

    @Test func noLauncherNoMPI() throws {
        let outcome = try Self.run(1, ["--steps", "2"])
        #expect(try outcome.status == 0 && !outcome.answer().usesMPI, "\(outcome.errors)")
    }

    @Test func aLauncherThatMPIDoesNotKnow() throws {
        let outcome = try Self.run(1, ["--steps", "2"], variables: ["RANK": "0", "WORLD_SIZE": "2"])
        #expect(outcome.status != 0 && outcome.errors.contains("RANK and WORLD_SIZE tell of 2"), "\(outcome.errors)")
    }

    /// What ends the others, what they print, and how soon.
    @Test(
        .requires(.mpirun),
        arguments: [
            (["--event", "kill"], "process rank 1", 60.0),
            (["--event", "error"], "rank 1 of 3: the disk is full", 60),
            (["--event", "hang", "--patience", "15"], "rank 1 of 3 gave no answer for 15 s at step 5", 60),
            (["--event", "suspend", "--patience", "15"], "rank 1 of 3 gave no answer for 15 s at step 5", 60),
        ])
    func aRankThatFailsEndsAll(options: [String], message: String, seconds: Double) throws {
        let outcome = try Self.run(3, options)
        #expect(outcome.status != 0 && outcome.output.isEmpty && outcome.seconds < seconds, "\(outcome.seconds)")
        #expect(outcome.errors.contains(message), "\(outcome.errors)")
    }

    /// The others wait for a rank that works for longer than their patience lasts.
    @Test(.requires(.mpirun), arguments: ["compute", "disk"]) func aRankThatWorksIsWaitedFor(event: String) throws {
        let outcome = try Self.run(3, ["--event", event, "--patience", "5", "--seconds", "12"])
        #expect(outcome.status == 0 && outcome.seconds > 12, "\(outcome.seconds) s: \(outcome.errors)")
        #expect(try outcome.answer().losses.count == 20)
    }

    /// The first rank alone makes pictures, checkpoints and the page. The others wait for it while it works, and notice
    /// when it does not.
    @Test(.requires(.mpirun), arguments: [("compute", true), ("disk", true), ("hang", false), ("kill", false)])
    func picturesTakeLongerThanPatience(event: String, isWaitedFor: Bool) throws {
        try withTemporaryFolder { folder in
            let frames = TestShards.array("|u1", [2, 4, 4, 3], [UInt8](repeating: 7, count: 96))
            _ = try TestShards(
                in: folder, counts: [6],
                change: { sample, _, _ in sample.members.insert(("frames.npy", frames), at: 0) })
            let run = folder.appending("run")
            let outcome = try Self.run(
                2,
                [
                    "--dataset", folder.string, "--output", run.string, "--event", event, "--patience", "5",
                    "--seconds", "12", "--steps", "6",
                ])
            #expect((outcome.status == 0) == isWaitedFor, "\(outcome.errors)")
            #expect((outcome.output == "trained\n") == isWaitedFor, "\(outcome.output)")
            let pictures = (try? FileManager.default.contentsOfDirectory(atPath: run.appending("samples").string)) ?? []
            #expect(pictures.count == (isWaitedFor ? 3 : 0), "\(pictures)")
            if isWaitedFor { #expect(outcome.seconds > 12) }
            if event == "hang" { #expect(outcome.errors.contains("rank 0 of 2 gave no answer for 5 s")) }
        }
    }

    /// A node that sees an older checkpoint, none, or other weights does not train along.
    @Test(.requires(.mpirun)) func ranksThatBeginElsewhereEndAll() throws {
        try withTemporaryFolder { folder in
            let frames = TestShards.array("|u1", [2, 4, 4, 3], [UInt8](repeating: 7, count: 96))
            _ = try TestShards(
                in: folder, counts: [6],
                change: { sample, _, _ in sample.members.insert(("frames.npy", frames), at: 0) })
            func options(_ run: String, _ others: String...) -> [String] {
                ["--dataset", folder.string, "--output", folder.appending(run).string] + others
            }
            for (run, steps) in [("a", "4"), ("b", "2")] {
                #expect(try Self.run(1, options(run, "--steps", steps)).status == 0)
            }
            for (first, last, words) in [
                (options("a"), options("b"), "begins after step 2, and rank 0 after step 4"),
                (options("a"), options("none"), "begins after step 0, and rank 0 after step 4"),
                (options("c"), options("none", "--number", "2"), "has other weights than rank 0 after step 0"),
            ] {
                let outcome = try Self.run(2, first, last: last)
                #expect(outcome.status != 0 && outcome.output.isEmpty, "\(outcome.output)")
                #expect(outcome.errors.contains("rank 1 of 2: ") && outcome.errors.contains(words), "\(outcome.errors)")
            }
            #expect(try Self.run(2, options("a", "--steps", "6")).output == "trained\n")
        }
    }

    @Test(.requires(.mpirun)) func allStopAtTheSameStep() throws {
        let outcome = try Self.run(3, ["--event", "stop"])
        #expect(outcome.status == 0, "\(outcome.errors)")
        let answer = try outcome.answer()
        #expect(answer.losses.count == 5 && answer.ranksThatDiffer == 0)
    }
}
