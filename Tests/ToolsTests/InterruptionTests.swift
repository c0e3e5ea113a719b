import Foundation
import Glibc
import TestSupport
import Testing

/// Ctrl-C and SIGTERM end a program within a second, whatever it waits for, with exit code 1 and what to do next.
@Suite struct InterruptionTests {
    /// A FIFO that nobody writes: who opens it waits.
    private static func fifo(_ scratch: Scratch, _ name: String) throws -> String {
        try #require(mkfifo(scratch.path(name), 0o600) == 0)
        return scratch.path(name)
    }

    private static func expectEnd(_ program: RunningProgram, _ signal: Int32, advice: String) throws {
        let outcome = try program.stop(signal)
        #expect(outcome.status == 1 && !outcome.timedOut, "\(outcome.status): \(outcome.errors)")
        #expect(outcome.errorLines.last == "error: interrupted; \(advice)", "\(outcome.errors)")
    }

    @Test(arguments: [SIGINT, SIGTERM]) func whileAPipeIsOpened(signal: Int32) throws {
        let scratch = try Scratch()
        let pipe = try Self.fifo(scratch, "video.mp4")
        let extract = try RunningProgram(["extract", pipe, "--output", scratch.path("out")])
        try Self.expectEnd(extract, signal, advice: "run the same command again to resume")
        let info = try RunningProgram(["info", pipe])
        try Self.expectEnd(info, signal, advice: "the results so far are above")
    }

    @Test func whileCaptionsOfABuildAreOpened() throws {
        let scratch = try Scratch()
        let captions = try Self.fifo(scratch, "captions.csv")
        let build = try RunningProgram(
            ["build", Programs.fixture("cropped.mp4"), "--captions", captions, "--output", scratch.path("set")])
        try Self.expectEnd(build, SIGTERM, advice: "run the same command again to resume")
        #expect(!scratch.exists("set/dataset.json"))
    }

    /// Half a video comes out of the pipe, and then nothing more.
    @Test func whileTheRestOfAVideoIsAwaited() throws {
        let scratch = try Scratch()
        let pipe = try Self.fifo(scratch, "video.ts")
        // Open for both, so that neither end waits for the other.
        let end = open(pipe, O_RDWR | O_NONBLOCK)
        defer { close(end) }
        let video = try Data(contentsOf: URL(filePath: Programs.fixture("interlaced.ts")))
        let half = min(video.count / 2, 30_000)
        try #require(video.withUnsafeBytes { write(end, $0.baseAddress, half) } == half)
        let extract = try RunningProgram(["extract", pipe, "--output", scratch.path("out")])
        try Self.expectEnd(extract, SIGINT, advice: "run the same command again to resume")
    }

    /// What a program that reads the log takes for a message is one.
    @Test func saysItAsJSON() throws {
        let scratch = try Scratch()
        let program = try RunningProgram(["motion", try Self.fifo(scratch, "video.mp4"), "--log-format", "json"])
        let outcome = try program.stop(SIGTERM)
        let line = try #require(outcome.errorLines.last)
        let object: [String: String] = try decode(line)
        #expect(object == ["level": "error", "message": "interrupted; partial results are discarded"], "\(line)")
    }

    /// A step of some minutes; before it the largest matrix product is measured, in bfloat16 for minutes where the
    /// processor has none.
    @Test(.requires(.libtorch), arguments: ["float32", "bfloat16"])
    func insideAStepOfMinutes(precision: String) throws {
        let models = try SampleModels.ready()
        let scratch = try Scratch()
        let run = scratch.path("run")
        let train = try RunningProgram(
            ["train", "vdm", models.clips, "--output", run, "--text", "none", "--width", "96", "--batch", "6"]
                + ["--accumulation", "300", "--precision", precision, "--picture-every", "0"] + SampleModels.alone)
        if precision == "float32" {
            // The line that is printed when the first step begins.
            try train.wait { $0.contains("parameters") }
        }
        let outcome = try train.stop(SIGTERM)
        #expect(outcome.status == 1 && !outcome.timedOut, "\(outcome.status): \(outcome.errors)")
        // The measurement looks whether it should stop, a step does not.
        let ends = [
            "error: interrupted; the same command resumes at the last checkpoint",
            "error: \(run): stopped at step 0; the same command resumes there",
        ]
        #expect(ends.contains(String(outcome.errorLines.last ?? "")), "\(outcome.errors)")
        #expect(!FileManager.default.fileExists(atPath: "\(run)/checkpoint.safetensors"), "no step was taken")
    }

    /// Steps that are short are let end, and a checkpoint keeps them.
    @Test(.requires(.libtorch)) func keepsStepsThatAreShort() throws {
        let models = try SampleModels.ready()
        let scratch = try Scratch()
        let arguments =
            ["train", "vdm", models.clips, "--output", scratch.path("run"), "--text", "none", "--batch", "1"]
            + ["--picture-every", "0"] + SampleModels.alone
        let train = try RunningProgram(arguments)
        try train.wait { _ in (try? scratch.text("run/metrics.jsonl"))?.split(separator: "\n").count ?? 0 > 2 }
        let outcome = try train.stop(SIGINT)
        #expect(outcome.status == 1 && !outcome.timedOut)
        let steps = try scratch.text("run/metrics.jsonl").split(separator: "\n").count
        #expect(
            outcome.errors.hasSuffix("stopped at step \(steps); the same command resumes there\n"),
            "\(outcome.errors)")
        #expect(scratch.exists("run/checkpoint.safetensors"))
        let again = try Programs.run(Programs.pframe.path, arguments + ["--steps", "\(steps + 1)"])
        #expect(again.status == 0 && again.errors.contains("from step \(steps)"), "\(again.errors)")
    }
}

/// A program at work, until a test stops it.
final class RunningProgram {
    private let process = Process()
    private let scratch: Scratch

    /// Starts pframe, and returns when it has taken over the signals.
    init(_ arguments: [String]) throws {
        scratch = try Scratch()
        for name in ["out", "err"] { _ = FileManager.default.createFile(atPath: scratch.path(name), contents: nil) }
        process.executableURL = Programs.pframe
        process.arguments = arguments
        process.standardInput = FileHandle.nullDevice
        process.standardOutput = try FileHandle(forWritingTo: scratch.url.appending(path: "out"))
        process.standardError = try FileHandle(forWritingTo: scratch.url.appending(path: "err"))
        try process.run()
        // The kernel's list of signals with a handler, a bit a signal from 1, in hexadecimal digits.
        let status = "/proc/\(process.processIdentifier)/status"
        try wait { _ in
            let text = (try? String(contentsOfFile: status, encoding: .utf8)) ?? ""
            let caught = text.split(separator: "\n").first { $0.hasPrefix("SigCgt:") }?.split(separator: "\t").last
            return (caught.flatMap { UInt64($0, radix: 16) } ?? 0) & 1 << (UInt64(SIGTERM) - 1) != 0
        }
    }

    deinit {
        if process.isRunning { kill(process.processIdentifier, SIGKILL) }
    }

    /// Waits for a condition, given what stands on stderr; fails where the program ends before.
    func wait(until condition: (String) throws -> Bool) throws {
        let deadline = Date().addingTimeInterval(120)
        while case let errors = try scratch.text("err"), try !condition(errors) {
            try #require(process.isRunning && Date() < deadline, "\(errors)")
            usleep(5000)
        }
    }

    /// Lets it get on for a moment, sends a signal, and waits for its end: a minute, where the work takes many.
    func stop(_ signal: Int32) throws -> Outcome {
        usleep(400_000)
        kill(process.processIdentifier, signal)
        let end = process.end(limit: 60)
        return Outcome(
            status: end.status, output: try scratch.text("out"), errors: try scratch.text("err"),
            timedOut: end.timedOut)
    }
}
