import Foundation
import Testing

/// `make demo QUICK=1`: killed and started again, to the page at its end, as a browser plays it.
@Suite struct DemoTests {
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

    private static func demo(_ arguments: [String], limit: Double = 600) throws -> Outcome {
        try Programs.run(
            "/usr/bin/env",
            ["python3", Programs.root.appending(path: "Demo/demo.py").path, "--pframe", Programs.pframe.path]
                + arguments,
            limit: limit, environment: ["OMP_WAIT_POLICY": "PASSIVE"])
    }

    @Test func goesOnWhereItWasKilledAndShowsWhatItMade() throws {
        guard FileManager.default.fileExists(atPath: SampleModels.sampler.path) else {
            return print("skipped: built without libtorch")
        }
        let scratch = try Scratch()
        let arguments = ["--quick", "--output", scratch.path("demo")]
        // Long enough to build, too short to end.
        let killed = try Self.demo(arguments, limit: 5)
        #expect(killed.timedOut, "\(killed.errors)")
        let whole = try Self.demo(arguments)
        try #require(whole.status == 0, "\(whole.errors)")
        #expect(whole.errors.contains("Making videos of moving shapes: there already"), "\(whole.errors)")
        let again = try Self.demo(arguments)
        #expect(again.status == 0 && again.errors.split(separator: "\n").allSatisfy { $0.hasSuffix("there already") })
        try see(scratch)
    }

    private func see(_ scratch: Scratch) throws {
        guard let chromium = ReportTests.chromium else { return }
        let outcome = try Programs.run(
            "/usr/bin/env",
            ["python3", Peers.folder.appending(path: "open_demo.py").path, chromium, scratch.path("demo/index.html")]
                + [Programs.root.appending(path: ".build/demo-screenshots").path, "1280", "390"], limit: 180)
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
            for link in view.links { #expect(scratch.exists("demo/\(link)"), "\(link)") }
        }
    }

    /// One's own videos without captions, one of them no video; and what cannot be.
    @Test func takesOnesOwnVideos() throws {
        guard FileManager.default.fileExists(atPath: SampleModels.sampler.path) else {
            return print("skipped: built without libtorch")
        }
        let scratch = try Scratch()
        try Programs.pframe(
            "synth", "--output", scratch.path("mine"), "--videos", "24", "--size", "96", "--seconds", "2")
        try Data("no video".utf8).write(to: URL(filePath: scratch.path("mine/broken.mp4")))
        let done = try Self.demo(["--quick", "--videos", scratch.path("mine"), "--output", scratch.path("demo")])
        #expect(done.status == 0 && done.errors.contains("broken.mp4"), "\(done.errors)")
        #expect(try scratch.text("demo/index.html").contains("(no caption)"))

        let none = try Self.demo([
            "--quick", "--videos", scratch.path("demo/samples/none"), "--output", scratch.path("x"),
        ])
        #expect(none.status == 2 && none.errors.contains("no such folder of videos"), "\(none.errors)")
        let empty = try Self.demo(["--quick", "--videos", scratch.path("demo/.stages"), "--output", scratch.path("x")])
        #expect(empty.status == 1 && empty.errors.contains("holds no videos"), "\(empty.errors)")
    }
}
