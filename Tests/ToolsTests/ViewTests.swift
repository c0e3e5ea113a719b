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

    /// Headings in any script, the same in every run, whatever language the user has and where no cache can be written.
    @Test func writesHeadingsInAnyScript() throws {
        let scratch = try Scratch()
        func view(_ title: String, _ environment: [String: String] = [:]) throws -> Data {
            let outcome = try Programs.run(
                Programs.pframe.path,
                ["view", Programs.fixture("cropped.mp4"), "--frame", "3", "--title", title]
                    + ["--output", scratch.path("x.png")],
                environment: environment)
            #expect(outcome.status == 0 && outcome.errors.isEmpty, "\(outcome.errors)")
            return try scratch.data("x.png")
        }
        let titles = ["手の動き", "手の動", "한국어", "حركة", "תנועה", "गति", "\u{10FFFD}"]
        let pictures = try titles.map { try view($0) }
        #expect(Set(pictures).count == titles.count)
        let elsewhere = ["LANG": "ja_JP.UTF-8", "HOME": "/nonexistent", "XDG_CACHE_HOME": "/nonexistent"]
        #expect(try titles.map { try view($0, elsewhere) } == pictures)
    }

    /// Without any font the command says what to install, and writes nothing.
    @Test func saysThatThereIsNoFont() throws {
        let scratch = try Scratch()
        try Data("<?xml version=\"1.0\"?><fontconfig></fontconfig>".utf8).write(
            to: scratch.url.appending(path: "fonts.conf"))
        for output in ["x.png", "x.mp4"] {
            let outcome = try Programs.run(
                Programs.pframe.path, ["view", Programs.fixture("cropped.mp4"), "--output", scratch.path(output)],
                environment: ["FONTCONFIG_FILE": scratch.path("fonts.conf")])
            #expect(outcome.status == 1 && outcome.errors.contains("no font"), "\(outcome.errors)")
            #expect(outcome.errorLines.allSatisfy { !$0.contains("ontconfig") }, "\(outcome.errors)")
            #expect(!scratch.exists(output))
        }
    }
}
