import Foundation
import TestSupport
import Testing

/// `make demo QUICK=1`: killed and started again, to the page at its end, as a browser plays it.
@Suite(.requires(.libtorch)) struct DemoTests {
    private struct View: Decodable {
        struct Played: Decodable {
            let source: String
            let error: String?
            let width: Int?
            let moments: Int?
            let label: String?
        }
        let width: Int
        let played: [Played]
        let links: [String]
        let scrollWidth: Int
        let wide: [String]
        let tables: [Int]
        let prompts: [String]
        let complaints: [String]
    }

    private static let program = Programs.root.appending(path: "Demo/demo.py").path
    // Tests run side by side: threads that wait for one another must not keep the others from running.
    private static let passive = ["OMP_WAIT_POLICY": "PASSIVE"]

    private static func demo(_ arguments: [String]) throws -> Outcome {
        try Programs.run(
            "/usr/bin/env", ["python3", program, "--pframe", Programs.pframe.path] + arguments, environment: passive)
    }

    /// Starts a demonstration, and kills it as soon as a stage is complete.
    private static func killed(after stage: String, in folder: String, _ arguments: [String]) throws {
        let process = Process()
        process.executableURL = URL(filePath: "/usr/bin/env")
        process.arguments = ["python3", program, "--pframe", Programs.pframe.path] + arguments
        process.environment = ProcessInfo.processInfo.environment.merging(passive) { $1 }
        (process.standardOutput, process.standardError) = (FileHandle.nullDevice, FileHandle.nullDevice)
        try process.run()
        let record = URL(filePath: folder).appending(path: ".stages/\(stage).json")
        func isComplete() -> Bool { (try? String(contentsOf: record, encoding: .utf8))?.contains("seconds") == true }
        let deadline = Date().addingTimeInterval(300)
        while process.isRunning, !isComplete(), Date() < deadline { usleep(10_000) }
        try #require(process.isRunning && isComplete(), "\(stage) was not completed, or was the last")
        kill(process.processIdentifier, SIGKILL)
        process.waitUntilExit()
    }

    /// A demonstration that was killed as the autoencoder began and then went on, and what it said then; made once.
    private static let resumed = Result {
        let scratch = try Scratch()
        let arguments = ["--quick", "--output", scratch.path("demo")]
        try killed(after: "report", in: scratch.path("demo"), arguments)
        let whole = try demo(arguments)
        try #require(whole.status == 0, "\(whole.errors)")
        return (scratch: scratch, whole: whole)
    }

    @Test func goesOnWhereItWasKilled() throws {
        let (scratch, whole) = try Self.resumed.get()
        let lines = whole.errors.split(separator: "\n").filter { $0.hasPrefix("[") }
        #expect(lines.count == 12 && lines[..<6].allSatisfy { $0.hasSuffix("there already") }, "\(whole.errors)")
        #expect(lines[6...].allSatisfy { $0.hasSuffix("left in all)") }, "\(whole.errors)")
        let again = try Self.demo(["--quick", "--output", scratch.path("demo")])
        let kept = again.errors.split(separator: "\n")
        #expect(again.status == 0 && kept.count == 12 && kept.allSatisfy { $0.hasSuffix("there already") })
    }

    @Test(.requires(.chromium)) func pagePlaysWhatItMade() throws {
        let (scratch, _) = try Self.resumed.get()
        let outcome = try Programs.run(
            "/usr/bin/env",
            ["python3", Peers.folder.appending(path: "open_demo.py").path, try #require(Peers.chromium)]
                + [
                    scratch.path("demo/index.html"), Programs.root.appending(path: ".build/demo-screenshots").path,
                    "1280", "390",
                ], limit: 180)
        try #require(outcome.status == 0, "\(outcome.errors)")
        let views = try outcome.output.split(separator: "\n").map { line in
            try JSONDecoder().decode(View.self, from: Data(line.utf8))
        }
        #expect(views.map(\.width) == [1280, 390])
        for view in views {
            #expect(view.complaints.isEmpty, "\(view.complaints)")
            #expect(view.scrollWidth <= view.width && view.wide.isEmpty, "\(view.wide)")
            #expect(view.prompts.count == 4 && view.prompts.allSatisfy { $0.contains(" moves ") }, "\(view.prompts)")
            // Of each sample the real clip, the generated one, and a film of each, and one of the video that was taken
            // apart; three moments of each are seen.
            #expect(view.played.count == 17)
            for video in view.played {
                #expect(video.error == nil && (video.width ?? 0) >= 64 && video.moments == 3, "\(video)")
                #expect(video.label?.isEmpty == false)
            }
            #expect(view.tables.count == 4 && view.tables.allSatisfy { $0 >= 3 }, "\(view.tables)")
            #expect(view.links.count == 3, "\(view.links)")
            for link in view.links { #expect(scratch.exists("demo/\(link)"), "\(link)") }
        }
    }

    /// One's own videos, one of them no video, in a folder with a name that shells would trip over; and changed.
    @Test func takesOnesOwnVideos() throws {
        let scratch = try Scratch()
        let mine = scratch.path("it's mine")
        try Programs.pframe("synth", "--output", mine + "/a b", "--videos", "24", "--size", "96", "--seconds", "2")
        try Data("no video".utf8).write(to: URL(filePath: mine + "/broken.mp4"))
        let arguments = ["--quick", "--videos", mine, "--output", scratch.path("demo")]
        let captions = ["--captions", mine + "/a b/captions.csv"]
        let done = try Self.demo(arguments + captions)
        #expect(done.status == 0 && done.errors.contains("broken.mp4"), "\(done.errors)")
        #expect(try scratch.text("demo/index.html").contains(" moves "))

        // Without captions it is another model; the video that was taken apart stays.
        let plain = try Self.demo(arguments)
        #expect(plain.status == 0, "\(plain.errors)")
        #expect(plain.errors.contains("Training ED-VDM on motion and latents: made again"), "\(plain.errors)")
        #expect(try scratch.text("demo/index.html").contains("(no caption)"))
    }

    @Test func saysWhatCannotBe() throws {
        let scratch = try Scratch()
        for name in ["empty", "other"] {
            try FileManager.default.createDirectory(atPath: scratch.path(name), withIntermediateDirectories: true)
        }
        try Programs.pframe(
            "synth", "--output", scratch.path("videos"), "--videos", "2", "--size", "64", "--seconds", "2")
        try Data("video,caption\nnobody.mp4,x\n".utf8).write(to: URL(filePath: scratch.path("wrong.csv")))
        try Data("mine".utf8).write(to: URL(filePath: scratch.path("other/data")))
        func expect(_ status: Int32, _ message: String, _ arguments: [String]) throws {
            let outcome = try Self.demo(["--quick"] + arguments)
            #expect(outcome.status == status && outcome.errors.contains(message), "\(arguments): \(outcome.errors)")
            #expect(!outcome.errors.contains("Traceback"))
        }
        let output = ["--output", scratch.path("x")]
        try expect(2, "no such folder of videos", ["--videos", scratch.path("none")] + output)
        try expect(2, "--captions is for --videos", ["--captions", scratch.path("wrong.csv")] + output)
        try expect(
            2, "lies among the videos", ["--videos", scratch.path("videos"), "--output", scratch.path("videos/x")])
        try expect(2, "`make build` builds it", ["--pframe", scratch.path("empty/pframe")] + output)
        try expect(1, "holds no videos", ["--videos", scratch.path("empty")] + output)
        try expect(1, "holds other files", ["--output", scratch.path("other")])
        #expect(scratch.exists("other/data"))
        let videos = ["--videos", scratch.path("videos")] + output
        try expect(1, "was not made", videos + ["--captions", scratch.path("wrong.csv")])
        try expect(1, "clips that move are too few", videos)
    }
}
