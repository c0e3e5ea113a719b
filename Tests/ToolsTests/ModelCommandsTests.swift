import Foundation
import TestSupport
import Testing

/// `pframe train`, `encode`, `sample` and `evaluate`: programs beside `pframe`, started by it.
@Suite struct ModelCommandsTests {
    @Test(arguments: ["train", "encode", "sample", "evaluate"])
    func areListed(_ command: String) throws {
        let help = try Programs.pframe("--help").output
        let models = try #require(help.range(of: "MODELS SUBCOMMANDS:"))
        #expect(help[models.upperBound...].contains("  \(command) "), "\(help)")
    }

    @Test(
        .requires(.libtorch),
        arguments: [("train", "pframe-train"), ("encode", "pframe-train"), ("sample", "pframe-sample")])
    func areThoseOfTheirProgram(_ command: String, _ program: String) throws {
        let path = Programs.pframe.deletingLastPathComponent().appending(path: program).path
        let own = try Programs.run(path, [command, "--help"])
        #expect(own.status == 0 && own.output.contains("USAGE: pframe \(command)"), "\(own.output)")
        #expect(try Programs.pframe(command, "--help").output == own.output)
        #expect(try Programs.pframe("help", command).output == own.output)
        let wrong = try Programs.pframe(command, "--nonsense")
        let ownWrong = try Programs.run(path, [command, "--nonsense"])
        #expect(wrong.status == 2 && wrong.errors == ownWrong.errors)
    }

    /// A stand-in that prints what it was given shows that every byte arrives, and its exit code.
    @Test func argumentsPassUnchanged() throws {
        let scratch = try Scratch()
        try FileManager.default.copyItem(at: Programs.pframe, to: scratch.url.appending(path: "pframe"))
        let stand = "#!/bin/sh\nfor word in \"$@\"; do printf '%s\\0' \"$word\"; done\nexit 37\n"
        try Data(stand.utf8).write(to: scratch.url.appending(path: "pframe-sample"))
        let script = """
            chmod +x "$1/pframe-sample"; ln -s "$1/pframe" "$1/link"
            "$1/link" sample "$(printf 'caf\\351')" '' --help -- 'a b' '*' > "$1/found"; echo $?
            printf 'sample\\0caf\\351\\0\\0--help\\0--\\0a b\\0*\\0' > "$1/wanted"
            """
        let outcome = try Programs.run("/bin/sh", ["-c", script, "sh", scratch.url.path])
        #expect(outcome.output == "37\n", "\(outcome.errors)")
        #expect(try scratch.data("found") == scratch.data("wanted"))
    }

    @Test func saysWhatIsNotInstalled() throws {
        let scratch = try Scratch()
        let copy = scratch.url.appending(path: "pframe")
        try FileManager.default.copyItem(at: Programs.pframe, to: copy)
        for (command, program) in [("train", "pframe-train"), ("evaluate", "pframe-sample")] {
            let outcome = try Programs.run(copy.path, [command, "x"])
            #expect(outcome.status == 2 && outcome.errorLines.count == 1, "\(outcome.errors)")
            #expect(outcome.errors.contains("\(program) is not installed beside pframe"), "\(outcome.errors)")
            #expect(outcome.errors.contains("LIBTORCH=none"), "\(outcome.errors)")
        }
        try Data("#!/bin/sh\n".utf8).write(to: scratch.url.appending(path: "pframe-train"))
        let outcome = try Programs.run(copy.path, ["train", "x"])
        #expect(outcome.status == 2 && outcome.errors.contains("Permission denied"), "\(outcome.errors)")
    }
}
