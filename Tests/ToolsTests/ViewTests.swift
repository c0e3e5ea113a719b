import Foundation
import Testing

/// `pframe view` of what `pframe extract` wrote.
@Suite struct ViewTests {
    /// Of the files alone comes the figure of the video itself: the pictures are rebuilt bit for bit.
    @Test(arguments: ["mkv", "npy"], ["cropped.mp4", "bframes-4refs.mp4"])
    func drawsExtractionsAsTheirVideos(_ format: String, _ name: String) throws {
        let scratch = try Scratch()
        let (video, stem) = (scratch.path(name), String(name.dropLast(4)))
        try FileManager.default.copyItem(atPath: Programs.fixture(name), toPath: video)
        #expect(
            try Programs.pframe("extract", video, "--residual", format, "--output", scratch.path("out")).status == 0)
        func view(_ what: String, _ output: String, _ more: [String] = []) throws {
            let arguments = ["view", what, "--title", "x", "--output", scratch.path(output)] + more
            let outcome = try Programs.run(Programs.pframe.path, arguments)
            #expect(outcome.status == 0, "\(outcome.errors)")
        }
        for (frame, options) in [("liveliest", []), ("5", ["--frame", "5"])] {
            try view(video, "video-\(frame).png", options)
            try FileManager.default.moveItem(atPath: video, toPath: scratch.path("away"))
            try view(scratch.path("out/\(stem)"), "folder-\(frame).png", options)
            try FileManager.default.moveItem(atPath: scratch.path("away"), toPath: video)
            #expect(try scratch.data("folder-\(frame).png") == scratch.data("video-\(frame).png"), "\(frame)")
        }
        for (what, output) in [(video, "video.mp4"), (scratch.path("out/\(stem)"), "folder.mp4")] {
            try view(what, output)
        }
        let films = try ["video.mp4", "folder.mp4"].map { try Programs.decodedByFFmpeg(scratch.path($0), scratch) }
        #expect(films[0] == films[1] && !films[0].isEmpty)
    }

    @Test func drawsTheVideoOfAnExtractionWithoutResidual() throws {
        let scratch = try Scratch()
        let video = scratch.path("clip.mp4")
        try FileManager.default.copyItem(atPath: Programs.fixture("cropped.mp4"), toPath: video)
        #expect(try Programs.pframe("extract", video, "--output", scratch.path("out")).status == 0)
        for (what, output) in [(video, "video.png"), (scratch.path("out/clip"), "folder.png")] {
            let outcome = try Programs.pframe("view", what, "--title", "x", "--output", scratch.path(output))
            #expect(outcome.status == 0, "\(outcome.errors)")
        }
        #expect(try scratch.data("video.png") == scratch.data("folder.png"))
        try FileManager.default.removeItem(atPath: video)
        let gone = try Programs.pframe("view", scratch.path("out/clip"), "--output", scratch.path("gone.png"))
        #expect(gone.status == 1 && gone.errors.contains("holds no residual, and \(video)"), "\(gone.errors)")
        #expect(!scratch.exists("gone.png"))
    }

    @Test func saysWhatOfAFolderCanBeDrawn() throws {
        let scratch = try Scratch()
        let output = ["--output", scratch.path("x.png")]
        #expect(
            try Programs.pframe("extract", Programs.fixture("cropped.mp4"), "--output", scratch.path("out")).status == 0
        )
        let set = scratch.path("set")
        #expect(try BuildTests.buildShapes(output: set).status == 0)
        try FileManager.default.createDirectory(atPath: scratch.path("empty"), withIntermediateDirectories: false)
        for (folder, words) in [
            (scratch.path("out"), "such as \(scratch.path("out/cropped"))"), (set, "pframe filter \(set) --list"),
            (scratch.path("empty"), "is a folder: name a video"),
        ] {
            let outcome = try Programs.run(Programs.pframe.path, ["view", folder] + output)
            #expect(outcome.status == 1 && outcome.errors.contains(words), "\(outcome.errors)")
        }
        let options = try Programs.run(
            Programs.pframe.path, ["view", scratch.path("out/cropped"), "--radius", "4"] + output)
        #expect(options.status == 2 && options.errors.contains("is an extraction"), "\(options.errors)")
        // The keys that it advises to look for are those of all clips.
        let keys = try Programs.pframe("filter", set, "--list")
        #expect(keys.status == 0 && keys.errors.isEmpty, "\(keys.errors)")
        let expected = try BuildTests.rows(set).map { try #require($0["key"].string) }
        #expect(keys.output.split(separator: "\n").map(String.init) == expected && !expected.isEmpty)
        let clip = try Programs.run(Programs.pframe.path, ["view", "\(set)/\(expected[0])"] + output)
        #expect(clip.status == 0, "\(clip.errors)")
    }
}
