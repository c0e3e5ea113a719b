import Foundation
import TestSupport
import Testing

/// The scripts in Examples: what several processes build is what one builds.
@Suite struct ExamplesTests {
    private static let folder = Programs.root.appending(path: "Examples")
    private static let quick = ["--size", "64", "--frames", "6", "--videos-per-shard", "2"]

    /// Eight videos with captions, one more that is none, and what a single process builds of them.
    private static func prepare(_ scratch: Scratch) throws -> [String: Data] {
        let made = try Programs.pframe(
            "synth", "--output", scratch.path("videos"), "--videos", "8", "--size", "64", "--seconds", "1.5")
        #expect(made.status == 0, "\(made.errors)")
        try Data().write(to: URL(filePath: scratch.path("videos/empty.mp4")))
        let captions = try scratch.text("videos/captions.csv") + "empty.mp4,nothing,,\n"
        try Data(captions.utf8).write(to: URL(filePath: scratch.path("videos/captions.csv")))
        let whole = try BuildTests.build(inputs(scratch), output: scratch.path("whole"))
        #expect(whole.status == 1 && whole.errors.contains("empty.mp4"), "\(whole.errors)")
        return try BuildTests.files(scratch.path("whole"))
    }

    private static func inputs(_ scratch: Scratch) -> [String] {
        [scratch.path("videos"), "--captions", scratch.path("videos/captions.csv")] + quick
    }

    /// In the place of srun, mpirun: two tasks on the processor train one run.
    @Test(.requires(.libtorch), .requires(.mpirun)) func slurmTasksTrainTogether() throws {
        let models = try SampleModels.ready()
        let scratch = try Scratch()
        let srun = """
            #!/bin/bash
            while [ "${1#--}" != "$1" ]; do echo "$1" >> "$0.options"; shift; done
            exec mpirun -n 2 --bind-to none --oversubscribe "$@"
            """
        let path = try Self.programs(scratch, "srun", srun)
        let program = Programs.pframe.deletingLastPathComponent().appending(path: "pframe-train").path
        let outcome = try Self.run(
            "train-slurm.sh",
            ["vae", models.clips, scratch.path("run"), "--steps", "2", "--batch", "1"] + SampleModels.alone,
            [
                "PATH=\(path)", "PFRAME_TRAIN=\(program)", "DEVICE=cpu", "SLURM_CPUS_PER_TASK=3",
                "OMPI_ALLOW_RUN_AS_ROOT=1", "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1",
            ])
        #expect(outcome.status == 0, "\(outcome.output)\(outcome.errors)")
        #expect(try scratch.text("bin/srun.options") == "--mpi=pmix\n--cpus-per-task=3\n")
        #expect(try scratch.text("run/metrics.jsonl").split(separator: "\n").count == 2)
        #expect(outcome.errors.contains("vae on \(models.clips), cpu, float32"), "\(outcome.errors)")
    }

    /// `PATH` with a folder before it in which a script has the name of a program.
    private static func programs(_ scratch: Scratch, _ name: String, _ script: String) throws -> String {
        try FileManager.default.createDirectory(atPath: scratch.path("bin"), withIntermediateDirectories: false)
        try Data(script.utf8).write(to: URL(filePath: scratch.path("bin/\(name)")))
        try FileManager.default.setAttributes([.posixPermissions: 0o755], ofItemAtPath: scratch.path("bin/\(name)"))
        return scratch.path("bin") + ":" + (ProcessInfo.processInfo.environment["PATH"] ?? "/usr/bin:/bin")
    }

    /// Runs a script with `pframe` of this build and more variables; its standard error goes with its output.
    private static func run(_ script: String, _ arguments: [String], _ variables: [String]) throws -> Outcome {
        let program = folder.appending(path: script).path
        return try Programs.run(
            "/usr/bin/env", ["PFRAME=\(Programs.pframe.path)"] + variables + [program] + arguments, limit: 300)
    }

    /// One of the videos is none: the rank that meets it must not end the others.
    @Test(.requires(.mpirun)) func mpiBuildsTheSameBytes() throws {
        let scratch = try Scratch()
        let expected = try Self.prepare(scratch)
        #expect(expected.count == 5 * 2 + 3 && expected["rejects.jsonl"]?.isEmpty == false, "\(expected.keys.sorted())")
        let variables = [
            "OMPI_ALLOW_RUN_AS_ROOT=1", "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1",
            "MPIRUN=mpirun --bind-to none --oversubscribe",
        ]
        let arguments = ["2", scratch.path("parts")] + Self.inputs(scratch)
        let built = try Self.run("build-mpi.sh", arguments, variables)
        #expect(built.status == 0, "\(built.output)\(built.errors)")
        #expect((built.output + built.errors).contains("part 1 of 2"), "\(built.errors)")
        #expect(try BuildTests.files(scratch.path("parts")) == expected)

        // A shard is lost: the same again brings it back.
        try FileManager.default.removeItem(atPath: scratch.path("parts/clips-000002.tar"))
        let mended = try Self.run("build-mpi.sh", arguments, variables)
        #expect(mended.status == 0, "\(mended.output)\(mended.errors)")
        #expect(try BuildTests.files(scratch.path("parts")) == expected)
    }

    /// A shell in place of ssh, which takes its command as one argument, behind options and a host.
    @Test func hostsBuildTheSameBytes() throws {
        let scratch = try Scratch()
        let expected = try Self.prepare(scratch)
        let shell = "#!/bin/sh\n[ \"$1\" = -n ] && [ \"$2\" != '' ] && exec sh -c \"$3\"\n"
        try Data(shell.utf8).write(to: URL(filePath: scratch.path("shell")))
        try FileManager.default.setAttributes([.posixPermissions: 0o755], ofItemAtPath: scratch.path("shell"))
        let output = scratch.path("it's here")
        let built = try Self.run(
            "build-ssh.sh", [output] + Self.inputs(scratch), ["HOSTS=a b", "SSH=\(scratch.path("shell"))"])
        #expect(built.status == 0, "\(built.output)\(built.errors)")
        #expect(built.output.contains("b: part 1 of 2"), "\(built.output)")
        #expect(try BuildTests.files(output) == expected)
    }

    /// Under the variables that `srun` sets: Slurm itself is not here.
    @Test func slurmTasksBuildTheSameBytes() throws {
        let scratch = try Scratch()
        let expected = try Self.prepare(scratch)
        // In the place of srun, a script that starts both tasks as it does.
        let srun = """
            #!/bin/bash
            while [ "${1#--}" != "$1" ]; do shift; done
            for task in 0 1; do SLURM_STEP_ID=0 SLURM_NTASKS=2 SLURM_PROCID=$task "$@" & done
            wait
            exit 1
            """
        let path = try Self.programs(scratch, "srun", srun)
        let one = try Self.run(
            "build-slurm.sh", [scratch.path("one")] + Self.inputs(scratch), ["PATH=\(path)", "SLURM_NTASKS=2"])
        #expect(one.status == 0, "\(one.output)\(one.errors)")
        #expect(try BuildTests.files(scratch.path("one")) == expected)

        for element in ["1", "0"] {
            let part = try Self.run(
                "build-slurm.sh", [scratch.path("array")] + Self.inputs(scratch),
                ["SLURM_ARRAY_TASK_ID=\(element)", "SLURM_ARRAY_TASK_COUNT=2"])
            #expect(part.errors.contains("part \(element) of 2"), "\(part.errors)")
        }
        #expect(try Programs.pframe("index", scratch.path("array")).status == 0)
        #expect(try BuildTests.files(scratch.path("array")) == expected)
    }
}
