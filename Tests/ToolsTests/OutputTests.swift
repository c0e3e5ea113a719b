import Foundation
import TestSupport
import Testing

/// Output that cannot be written is an error that names it; a reader that has gone is none.
@Suite struct OutputTests {
    /// Runs pframe in a shell with a redirection behind it.
    private static func pframe(_ arguments: [String], _ redirection: String) throws -> Outcome {
        try Programs.run(
            "/bin/bash", ["-c", "\"$@\" \(redirection)", "bash", Programs.pframe.path] + arguments, limit: 120)
    }

    private static let cropped = Programs.fixture("cropped.mp4")

    /// Help, tables, lines and objects; of `pframe`, `pframe-train` and `pframe-sample`.
    static var commands: [[String]] {
        [
            ["--help"], ["info", cropped], ["info", cropped, "--json"], ["extract", cropped, "--discard"],
            ["extract", cropped, "--discard", "--json"], ["motion", cropped, "--per-frame"],
            ["--generate-completion-script", "bash"],
        ]
    }
    static let modelCommands = [
        ["train", "--help"], ["train", "vdm", "--plan"], ["train", "vdm", "--plan", "--json"], ["sample", "--help"],
        ["help", "evaluate"], ["score", "--clip", "x", "--help"],
    ]

    private func expectAnError(_ arguments: [String]) throws {
        let full = try Self.pframe(arguments, "> /dev/full")
        #expect(full.status == 1, "\(arguments): \(full.status)")
        #expect(
            full.errorLines.last == "error: cannot write to stdout: No space left on device", "\(arguments): \(full)")
        let closed = try Self.pframe(arguments, ">&-")
        #expect(
            closed.status == 1 && closed.errors.contains("cannot write to stdout: Bad file descriptor"),
            "\(arguments): \(closed)")
    }

    @Test(arguments: commands) func stdoutOnAFullDiskIsAnError(_ arguments: [String]) throws {
        try expectAnError(arguments)
    }

    @Test(.requires(.libtorch), arguments: modelCommands)
    func stdoutOnAFullDiskIsAnErrorOfModels(_ arguments: [String]) throws {
        try expectAnError(arguments)
    }

    /// Keys of a data set, and what `build` and `sample` print last, on stdout.
    @Test func stdoutOfDataSetsOnAFullDiskIsAnError() throws {
        let scratch = try Scratch()
        let set = scratch.path("set")
        let build = try ["build", BuildTests.videos, "--captions", BuildTests.captions] + BuildTests.quick
        try expectAnError(build + ["--output", set, "--json"])
        // The set is whole all the same.
        #expect(try Programs.pframe("check", set).status == 0)
        try expectAnError(["filter", set, "--list", "--motion", "0..."])
        try expectAnError(["check", set])
        try expectAnError(["bench-loader", set, "--list-keys"])
    }

    /// Neither the exit code nor what is printed depends on whether anybody reads it to the end.
    @Test(arguments: [["motion", cropped, "--per-frame"], ["--help"], ["info", cropped, "--json"]])
    func aReaderThatHasGoneIsNoError(_ arguments: [String]) throws {
        let outcome = try Programs.run(
            "/bin/bash",
            [
                "-c", "{ sleep 0.3; \"$@\"; } | true; echo ${PIPESTATUS[0]}", "bash", Programs.pframe.path,
            ] + arguments)
        #expect(outcome.output == "0\n" && outcome.errors.isEmpty, "\(outcome)")
    }

    @Test func stderrThatCannotBeWrittenChangesNothing() throws {
        let scratch = try Scratch()
        let arguments = ["extract", Self.cropped, scratch.path("nowhere.mp4"), "--discard", "--json"]
        let plain = try Programs.run(Programs.pframe.path, arguments)
        #expect(plain.status == 1 && plain.errors.contains("nowhere.mp4"))
        for redirection in ["2> /dev/full", "2>&-"] {
            let outcome = try Self.pframe(arguments, redirection)
            #expect(outcome.status == plain.status && outcome.output == plain.output, "\(redirection): \(outcome)")
        }
    }

    /// The first file that a program opens would else be what it prints into.
    @Test func printsIntoNoFileWhereStdoutIsClosed() throws {
        let scratch = try Scratch()
        #expect(try Self.pframe(["extract", Self.cropped, "--output", scratch.path("plain")], "").status == 0)
        #expect(try Self.pframe(["extract", Self.cropped, "--output", scratch.path("closed")], ">&-").status == 1)
        for name in ["motion.npy", "frames.csv"] {
            #expect(try scratch.data("closed/cropped/\(name)") == scratch.data("plain/cropped/\(name)"))
        }
    }

    /// A file may be larger than its owner is allowed: no crash, but an error like that of a full disk.
    @Test func aLimitOfFileSizeIsAnError() throws {
        let scratch = try Scratch()
        for arguments in [
            ["extract", Self.cropped, "--residual", "npy", "--output", scratch.path("out")],
            ["view", Self.cropped, "--output", scratch.path("film.mp4")],
            ["view", Self.cropped, "--output", scratch.path("figure.png")],
        ] {
            let outcome = try Programs.run(
                "/bin/bash", ["-c", "ulimit -f 1; \"$@\"", "bash", Programs.pframe.path] + arguments)
            #expect(outcome.status == 1 && outcome.errors.contains("File too large"), "\(arguments): \(outcome)")
        }
        for name in ["film.mp4", "figure.png", "out/cropped/motion.npy"] { #expect(!scratch.exists(name), "\(name)") }
    }
}
