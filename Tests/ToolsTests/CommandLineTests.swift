import Foundation
import TestSupport
import Testing

/// What a user meets first: help, usage errors, names, several inputs, machine-readable output.
@Suite struct CommandLineTests {
    @Test(
        arguments: [
            "info", "extract", "reconstruct", "view", "motion", "synth", "build", "index", "check", "score", "filter",
            "report", "bench-loader",
        ])
    func everyCommandHasHelpWithExamples(_ command: String) throws { try expectHelpWithExamples(command) }

    @Test(.requires(.libtorch), arguments: ["train", "encode", "sample", "evaluate"])
    func everyCommandOfModelsHasHelpWithExamples(_ command: String) throws { try expectHelpWithExamples(command) }

    private func expectHelpWithExamples(_ command: String) throws {
        let outcome = try Programs.pframe(command, "--help")
        #expect(
            outcome.status == 0 && outcome.output.contains("EXAMPLES") && outcome.output.contains("pframe \(command)"))
        #expect(try Programs.pframe("--help").output.contains(command))
    }

    /// Lines that are set by hand, examples and maps, fit on a terminal of 80 columns as they are, and so do the others.
    @Test(
        arguments: [
            "", "info", "extract", "reconstruct", "view", "motion", "synth", "build", "index", "check", "score",
            "filter",
            "report", "bench-loader",
        ])
    func helpFitsOn80Columns(_ command: String) throws { try Self.expectFit(["help", command].filter { !$0.isEmpty }) }

    @Test(
        .requires(.libtorch),
        arguments: [
            ["help", "train"], ["help", "encode"], ["help", "sample"], ["help", "evaluate"],
            ["score", "--clip", "x", "--help"],
        ])
    func helpOfModelsFitsOn80Columns(_ arguments: [String]) throws { try Self.expectFit(arguments) }

    private static func expectFit(_ arguments: [String]) throws {
        func lines(_ columns: String) throws -> [Substring] {
            let outcome = try Programs.run(Programs.pframe.path, arguments, environment: ["COLUMNS": columns])
            #expect(outcome.status == 0, "\(outcome.errors)")
            return outcome.output.split(separator: "\n")
        }
        let (narrow, wide) = (try lines("80"), try lines("1000"))
        #expect(narrow.allSatisfy { $0.count <= 80 }, "\(narrow.filter { $0.count > 80 })")
        let setByHand = wide.prefix { !$0.hasPrefix("USAGE") }.filter { $0.hasPrefix("  ") }
        #expect(!setByHand.isEmpty && Set(setByHand).isSubset(of: narrow), "\(Set(setByHand).subtracting(narrow))")
    }

    @Test(
        arguments: [
            ["extract"], ["extract", "a.mp4"], ["extract", "a.mp4", "--output", "x", "--discard"],
            ["extract", "a.mp4", "--output", "x", "--field", "5"], ["extract", "a.mp4", "--discard", "--jobs", "0"],
            ["extract", "a.mp4", "--output", "x", "--residual-format", "mkv"], ["reconstruct", "x"],
            ["reconstruct", "x", "--output", "x.avi"], ["view", "a.mp4", "--output", "x.gif"], ["nonsense"],
            ["view", "a.mp4", "--output", "x.mp4", "--frame", "3"], ["synth", "--output", "x", "--size", "33"],
            ["synth", "--output", "x", "--videos", "0"],
        ])
    func wrongUseEndsWithTwo(_ arguments: [String]) throws {
        let outcome = try Programs.run(Programs.pframe.path, arguments)
        #expect(outcome.status == 2, "\(arguments): \(outcome.errors)")
        #expect(outcome.output.isEmpty && outcome.errors.lowercased().contains("error: "), "\(outcome.errors)")
    }

    @Test(arguments: [("trian", "train"), ("exctract", "extract"), ("repotr", "report")])
    func guessesWhichCommandWasMeant(_ typed: String, _ meant: String) throws {
        let outcome = try Programs.pframe(typed, "clip.mp4")
        #expect(outcome.status == 2)
        #expect(
            outcome.errors.contains("no command \"\(typed)\": did you mean `pframe \(meant)`?"), "\(outcome.errors)")
    }

    @Test(arguments: ["bash", "zsh", "fish"]) func completesItsCommands(shell: String) throws {
        let script = try Programs.pframe("--generate-completion-script", shell)
        #expect(script.status == 0)
        for word in ["extract", "drop-duplicates", "evaluate"] { #expect(script.output.contains(word), "\(word)") }
    }

    @Test(.requires(.libtorch), arguments: ["bash", "zsh", "fish"])
    func completesOptionsOfTheProgramsThatItStarts(shell: String) throws {
        let script = try Programs.pframe("--generate-completion-script", shell)
        for word in ["learning-rate", "loop", "guidance", "reconstruction"] {
            #expect(script.output.contains(word), "\(word)")
        }
    }

    @Test(arguments: [(["trai"], ["train"]), (["build", "--clips-per"], ["--clips-per-video"])])
    func bashCompletes(_ words: [String], _ expected: [String]) throws { try expectCompletion(words, expected) }

    @Test(
        .requires(.libtorch),
        arguments: [
            (["train", "ed-vdm", "latents", "--learn"], ["--learning-rate"]),
            (["train", "ed-vdm", "latents", "--text", "vo"], ["vocabulary"]),
            (["sample", "run", "--guid"], ["--guidance"]),
        ])
    func bashCompletesForModels(_ words: [String], _ expected: [String]) throws {
        try expectCompletion(words, expected)
    }

    private func expectCompletion(_ words: [String], _ expected: [String]) throws {
        let scratch = try Scratch()
        let script = try Programs.pframe("--generate-completion-script=bash")
        try Data(script.output.utf8).write(to: URL(filePath: scratch.path("script")))
        // As bash calls it: the word to complete, the one before it, the whole line.
        let run = """
            source "$0"
            COMP_WORDS=(pframe "$@") COMP_CWORD=$# COMP_LINE="pframe $*"
            COMP_POINT=${#COMP_LINE}
            _pframe pframe "${!#}" "${COMP_WORDS[COMP_CWORD - 1]}"
            printf '%s\\n' "${COMPREPLY[@]}"
            """
        let outcome = try Programs.run("/bin/bash", ["-c", run, scratch.path("script")] + words)
        #expect(outcome.output.split(separator: "\n").map(String.init) == expected, "\(outcome.errors)")
    }

    /// Every line on stderr is an object with a level, whatever is wrong and wherever the option stands.
    @Test(
        arguments: [
            (["extract", "--log-format", "json"], 2), (["info", "nowhere.mp4", "--log-format=json"], 1),
            (["synth", "--videos", "0", "--output", "x", "--log-format", "json"], 2),
            (["report", "nowhere", "--log-format", "json"], 1), (["nonsense", "--log-format", "json"], 2),
        ])
    func logsAreJSON(_ arguments: [String], _ status: Int) throws {
        let outcome = try Programs.run(Programs.pframe.path, arguments)
        #expect(Int(outcome.status) == status && !outcome.errorLines.isEmpty)
        for line in outcome.errorLines {
            let object: [String: String] = try decode(line)
            #expect(object["level"] == "error" && object["message"]?.isEmpty == false, "\(line)")
        }
    }

    /// Only what writes needs names that differ.
    @Test func looksAtVideosOfOneName() throws {
        let scratch = try Scratch()
        for folder in ["a", "b"] {
            try FileManager.default.createDirectory(atPath: scratch.path(folder), withIntermediateDirectories: true)
            try FileManager.default.copyItem(
                atPath: Programs.fixture("cropped.mp4"), toPath: scratch.path("\(folder)/x.mp4"))
        }
        let videos = [scratch.path("a/x.mp4"), scratch.path("b/x.mp4")]
        for command in ["info", "motion"] {
            let outcome = try Programs.run(Programs.pframe.path, [command, "--json"] + videos)
            #expect(outcome.status == 0 && outcome.output.split(separator: "\n").count == 2, "\(outcome.errors)")
        }
        let discarded = try Programs.run(Programs.pframe.path, ["extract", "--discard"] + videos)
        #expect(discarded.status == 0, "\(discarded.errors)")
    }

    @Test func searchesFoldersAndKeepsNamesApart() throws {
        let scratch = try Scratch()
        for folder in ["in/a b", "in/ü"] {
            try FileManager.default.createDirectory(atPath: scratch.path(folder), withIntermediateDirectories: true)
        }
        for name in ["in/x.mp4", "in/a b/it's \"x\".mp4", "in/ü/x.mp4"] {
            try FileManager.default.copyItem(atPath: Programs.fixture("cropped.mp4"), toPath: scratch.path(name))
        }
        try FileManager.default.copyItem(atPath: Programs.fixture("two-streams.mkv"), toPath: scratch.path("in/x.mkv"))
        try Data("no video".utf8).write(to: URL(filePath: scratch.path("in/notes.txt")))
        let outcome = try Programs.pframe("extract", scratch.path("in"), "--json", "--output", scratch.path("out"))
        #expect(outcome.status == 0, "\(outcome.errors)")
        #expect(outcome.output.split(separator: "\n").count == 4)
        for name in ["x.mp4", "x.mkv", "ü/x", "a b/it's \"x\""] {
            #expect(scratch.exists("out/\(name)/motion.npy"), "\(name)")
        }
        try FileManager.default.createSymbolicLink(
            atPath: scratch.path("in/loop"), withDestinationPath: scratch.path("in"))
        let looped = try Programs.pframe(
            "extract", scratch.path("in"), scratch.path("missing.mp4"), "--json", "--output", scratch.path("out"))
        #expect(looped.status == 1 && looped.output.split(separator: "\n").count == 5, "\(looped.output)")
        #expect(looped.output.contains("No such file") && looped.output.contains("\"status\":\"failed\""))
        let same = try Programs.pframe(
            "extract", scratch.path("in/x.mp4"), scratch.path("in/ü/x.mp4"), "--output", scratch.path("out"))
        #expect(same.status == 2 && same.errors.contains("would both write"), "\(same.errors)")
    }

    @Test func takesNamesThatAreNoUTF8() throws {
        let scratch = try Scratch()
        // A shell writes the byte; Foundation could not.
        let script = """
            cp '\(Programs.fixture("cropped.mp4"))' "$1/$(printf 'caf\\351.mp4')" &&
            '\(Programs.pframe.path)' extract "$1/$(printf 'caf\\351.mp4')" --output "$1/one" &&
            '\(Programs.pframe.path)' extract "$1" --output "$1/all" &&
            test -s "$1/one/$(printf 'caf\\351')/motion.npy" && test -s "$1/all/$(printf 'caf\\351')/motion.npy"
            """
        let outcome = try Programs.run("/bin/sh", ["-c", script, "sh", scratch.url.path])
        #expect(outcome.status == 0, "\(outcome.errors)")
    }

    @Test func colonsInNamesAreNoProtocols() throws {
        let scratch = try Scratch()
        try FileManager.default.copyItem(atPath: Programs.fixture("cropped.mp4"), toPath: scratch.path("http:x.mp4"))
        let outcome = try Programs.run(
            Programs.pframe.path, ["extract", "http:x.mp4", "--residual", "--output", "out"], folder: scratch.url)
        #expect(outcome.status == 0, "\(outcome.errors)")
        let rebuilt = try Programs.run(
            Programs.pframe.path, ["reconstruct", "out/http:x", "--output", "a:b.mp4"], folder: scratch.url)
        #expect(rebuilt.status == 0 && scratch.exists("a:b.mp4"), "\(rebuilt.errors)")
    }

    @Test func jsonIsOneLineAVideo() throws {
        let outcome = try Programs.pframe(
            "extract", Programs.fixture("cropped.mp4"), "--residual", "--discard", "--json")
        let lines = outcome.output.split(separator: "\n")
        try #require(lines.count == 1)
        let object: JSON = try decode(lines[0])
        #expect(object["frames"] == 24 && object["status"] == "done")
        #expect(object["mean_residual"].number != nil)
        #expect(outcome.errors.isEmpty)
    }

    @Test func infoKnowsTheStream() throws {
        let outcome = try Programs.pframe("info", Programs.fixture("bframes-4refs.mp4"), "--json")
        let object: JSON = try decode(outcome.output)
        #expect(object["codec"] == "h264" && object["reference_frames"] == 4)
        #expect(object["intra_frames"] == 2 && object["bidirectional_frames"] == 16)
        #expect(object["mean_gop"] == 12 && object["vectors_available"] == true)
        let variable = try Programs.pframe("info", Programs.fixture("variable-rate.mkv")).output
        #expect(variable.contains("variable rate"))
        #expect(try Programs.pframe("info", Programs.fixture("two-streams.mkv")).output.contains("--stream 2"))
        #expect(try Programs.pframe("info", Programs.fixture("cropped.mp4")).output.contains("100x76 (coded 112x80)"))
    }

    @Test func viewDrawsPicturesAndFilms() throws {
        let scratch = try Scratch()
        let clip = Programs.fixture("cropped.mp4")
        for name in ["figure.png", "figure.jpg", "film.mp4"] {
            let outcome = try Programs.pframe("view", clip, "--output", scratch.path(name))
            #expect(outcome.status == 0, "\(outcome.errors)")
        }
        #expect(
            try Programs.ffprobe(scratch.path("film.mp4"), "stream=nb_read_frames", "-count_frames").hasPrefix("24"))
        let png = try SampleModels.pixels(scratch.path("figure.png"), scratch)
        let jpeg = try SampleModels.pixels(scratch.path("figure.jpg"), scratch)
        try #require(png.count == jpeg.count && Set(png).count > 100)
        let difference = zip(png, jpeg).reduce(0) { $0 + abs(Int($1.0) - Int($1.1)) }
        #expect(difference < 4 * png.count, "off by \(Double(difference) / Double(png.count)) a value")
        let missing = try Programs.pframe("view", clip, "--output", scratch.path("none.png"), "--frame", "99")
        #expect(missing.status == 1 && missing.errors.contains("it has 24 frames"), "\(missing.errors)")
        #expect(!scratch.exists("none.png"))
    }

    /// glibc fills what it hands out, and what is given back, with a byte.
    @Test(arguments: ["1", "85", "170"])
    func encodingDependsOnNoMemoryThatNothingWrote(_ filling: String) throws {
        let scratch = try Scratch()
        func synth(_ folder: String, _ environment: [String: String]) throws -> [Data] {
            let outcome = try Programs.run(
                Programs.pframe.path,
                ["synth", "--output", scratch.path(folder), "--videos", "4", "--size", "64", "--seconds", "1"],
                environment: environment)
            #expect(outcome.status == 0, "\(outcome.errors)")
            return try scratch.names(in: folder).map { try scratch.data("\(folder)/\($0)") }
        }
        let filled = ["MALLOC_PERTURB_": filling, "MALLOC_MMAP_THRESHOLD_": "1000000000"]
        #expect(try synth("plain", [:]) == synth("filled", filled))
    }

    @Test func synthMakesTheSameFramesForTheSameSeed() throws {
        let scratch = try Scratch()
        func synth(_ folder: String, _ seed: String, _ jobs: String) throws -> [Data] {
            let outcome = try Programs.pframe(
                "synth", "--output", scratch.path(folder), "--videos", "6", "--size", "64", "--seconds", "1", "--seed",
                seed,
                "--jobs", jobs)
            #expect(outcome.status == 0, "\(outcome.errors)")
            return try scratch.names(in: folder).map { try scratch.data("\(folder)/\($0)") }
        }
        let first = try synth("a", "3", "1")
        #expect(first.count == 7)
        #expect(try synth("b", "3", "2") == first)
        #expect(try synth("c", "4", "2") != first)
        let captions = try scratch.text("a/captions.csv").split(separator: "\n")
        #expect(captions.first == "video,caption,label,subject" && captions.count == 7)
        let info = try Programs.pframe("info", scratch.path("a/video-00000.mp4"), "--json").output
        #expect(info.contains("\"codec\":\"h264\"") && !info.contains("\"bidirectional_frames\":0,"))
    }
}
