import Foundation
import Testing

/// What is refused is named as what it is, leaves nothing behind, and what is advised is taken.
@Suite struct RefusalTests {
    private static let cropped = Programs.fixture("cropped.mp4")

    /// Runs the command of ffmpeg that a message advises.
    private static func follow(_ outcome: Outcome, of video: String, key: String = "", _ scratch: Scratch) throws
        -> String
    {
        let advice = try #require(
            outcome.errors.firstMatch(of: /ffmpeg ([^\n]*-i IN [^\n]*OUT\.mp4)/)?.output.1, "\(outcome.errors)")
        let output = scratch.path("advised.mp4")
        let arguments = advice.split(separator: " ").map { word in
            ["IN": video, "OUT.mp4": output, "KEY": key][String(word)] ?? String(word)
        }
        let made = try Programs.ffmpeg(["-v", "error"] + arguments)
        #expect(made.status == 0, "\(advice): \(made.errors)")
        return output
    }

    /// Codecs without vectors, in pixels that block search does not take; pixels and sizes that residuals do not take.
    @Test(arguments: ["yuv444p", "yuv420p10le", "ten-bit.mp4", "size-change.h264"])
    func takesWhatItAdvisesToConvert(_ kind: String) throws {
        let scratch = try Scratch()
        var video = Programs.fixture(kind)
        if kind.hasPrefix("yuv") {
            video = scratch.path("video.webm")
            // Odd, which libx264 does not take as 4:2:0.
            let made = try Programs.ffmpeg(
                ["-v", "error", "-f", "lavfi", "-i", "testsrc2=s=101x75:r=8:d=1", "-c:v", "libvpx-vp9"]
                    + ["-pix_fmt", kind, video])
            try #require(made.status == 0, "\(made.errors)")
        }
        let output = ["--residual", "--output", scratch.path("out")]
        let refused = try Programs.run(Programs.pframe.path, ["extract", video] + output)
        #expect(refused.status == 1 && !refused.errors.contains("--motion-source"), "\(refused.errors)")
        #expect(!scratch.exists("out"))
        if kind.hasPrefix("yuv") {
            #expect(try !Programs.pframe("info", video).output.contains("--motion-source"))
            let search = try Programs.run(
                Programs.pframe.path, ["extract", video, "--motion-source", "search"] + output)
            #expect(search.status == 1 && search.errors.contains("ffmpeg -i IN"), "\(search.errors)")
        }
        let converted = try Self.follow(refused, of: video, scratch)
        let taken = try Programs.run(Programs.pframe.path, ["extract", converted] + output)
        #expect(taken.status == 0, "\(taken.errors)")
    }

    /// Common encryption: the packets look like damage.
    @Test func namesEncryption() throws {
        let scratch = try Scratch()
        let (video, key) = (scratch.path("encrypted.mp4"), "76a6c65c5ea762046bd749a2e632ccbb")
        let made = try Programs.ffmpeg(
            ["-v", "error", "-i", Self.cropped, "-c", "copy", "-encryption_scheme", "cenc-aes-ctr"]
                + ["-encryption_key", key, "-encryption_kid", "a7e61c373e219033c21091fa607bf3b8", video])
        try #require(made.status == 0, "\(made.errors)")
        for command in [
            ["info", video], ["motion", video], ["extract", video, "--output", scratch.path("x")],
            ["view", video, "--output", scratch.path("x.png")],
            ["build", video, "--no-captions", "--output", scratch.path("set")],
        ] {
            let outcome = try Programs.run(Programs.pframe.path, command)
            #expect(outcome.status == 1 && outcome.errors.contains("is encrypted"), "\(command): \(outcome.errors)")
        }
        #expect(!scratch.exists("x") && !scratch.exists("x.png"))
        let refused = try Programs.pframe("info", video)
        let decrypted = try Self.follow(refused, of: video, key: key, scratch)
        for path in [Self.cropped, decrypted] {
            #expect(try Programs.pframe("extract", path, "--output", scratch.path("out")).status == 0)
        }
        #expect(try scratch.data("out/advised/motion.npy") == scratch.data("out/cropped/motion.npy"))
    }

    /// The sample entry of an MP4 says the codec: one that nobody knows, and that of protected videos.
    @Test(arguments: [("xyz1", "tag \"xyz1\""), ("drmi", "is encrypted")])
    func namesUnknownCodecs(_ tag: String, _ expected: String) throws {
        let scratch = try Scratch()
        var bytes = try Data(contentsOf: URL(filePath: Self.cropped))
        let place = try #require(bytes.lastRange(of: Data("avc1".utf8)))
        bytes.replaceSubrange(place, with: Data(tag.utf8))
        try bytes.write(to: URL(filePath: scratch.path("video.mp4")))
        let outcome = try Programs.pframe("info", scratch.path("video.mp4"))
        #expect(outcome.status == 1 && outcome.errors.contains(expected), "\(outcome.errors)")
        #expect(!outcome.errors.contains("none"), "\(outcome.errors)")
    }

    @Test(
        arguments: [
            ("rtsp://example.com/clip.mp4", "download it first"), ("gs://bucket/clip.mp4", "give http://"),
        ])
    func namesAddressesThatItDoesNotRead(_ name: String, _ expected: String) throws {
        let scratch = try Scratch()
        let (set, file) = (scratch.path("set"), scratch.path("x.png"))
        try Data("video,caption\n\(name),a shape\n".utf8).write(to: URL(filePath: scratch.path("list.csv")))
        for command in [
            ["info", name], ["extract", name, "--discard"], ["motion", name], ["view", name, "--output", file],
            ["build", name, "--no-captions", "--output", set],
            ["build", scratch.path("list.csv"), "--output", set],
            ["build", Self.cropped, "--captions", name, "--output", set],
        ] {
            let outcome = try Programs.run(Programs.pframe.path, command, folder: scratch.url)
            #expect(outcome.status == 1 && outcome.errors.contains(expected), "\(command): \(outcome.errors)")
        }
        #expect(try scratch.names() == ["list.csv"])
    }

    @Test(arguments: ["s3://", "s3://bucket", "http://", "https:///clip.mp4"])
    func namesAddressesThatAreIncomplete(_ name: String) throws {
        let scratch = try Scratch()
        for command in [
            ["info", name], ["extract", name, "--discard"], ["motion", name],
            ["view", name, "--output", scratch.path("x.png")],
            ["build", name, "--no-captions", "--output", scratch.path("set")],
            ["build", Programs.fixture("cropped.mp4"), "--captions", name, "--output", scratch.path("set")],
        ] {
            let outcome = try Programs.run(Programs.pframe.path, command)
            #expect(outcome.status == 2 && outcome.errors.contains("is expected"), "\(command): \(outcome.errors)")
        }
        let list = scratch.path("list.csv")
        try Data("video,caption\nx.mp4,a\n\(name),b\n".utf8).write(to: URL(filePath: list))
        let outcome = try Programs.pframe("build", list, "--output", scratch.path("set"))
        #expect(outcome.status == 1 && outcome.errors.contains("list.csv: line 3: \(name)"), "\(outcome.errors)")
        #expect(try scratch.names() == ["list.csv"])
    }

    @Test(arguments: ["s3://bucket/set", "https://me:secret@example.com/set"])
    func saysWhatToDoWithDataSetsOfServers(_ name: String) throws {
        let scratch = try Scratch()
        for command in [
            ["check", name], ["report", name], ["filter", name, "--motion", "1...", "--output", "x"], ["index", name],
            ["reconstruct", name, "--output", "x.mp4"],
        ] {
            let outcome = try Programs.run(Programs.pframe.path, command, folder: scratch.url)
            #expect(outcome.status == 2 && !outcome.errors.contains("secret"), "\(command): \(outcome.errors)")
            #expect(outcome.errors.contains("reads folders: download it first"), "\(command): \(outcome.errors)")
            #expect(outcome.errors.contains("aws s3 sync \(name) FOLDER") == name.hasPrefix("s3"), "\(outcome.errors)")
        }
        #expect(try scratch.names().isEmpty)
    }

    @Test func namesStandardInputWhereItIsNotRead() throws {
        let scratch = try Scratch()
        for command in [
            ["build", "-", "--no-captions", "--output", "set"],
            ["build", Programs.fixture("cropped.mp4"), "--captions", "-", "--output", "set"],
        ] {
            let outcome = try Programs.run(Programs.pframe.path, command, folder: scratch.url)
            #expect(outcome.status == 1 && outcome.errors.contains("standard input"), "\(command): \(outcome.errors)")
        }
        #expect(try scratch.names().isEmpty)
    }

    @Test func namesAddressesOfDataSetsThatItDoesNotRead() throws {
        let outcome = try Programs.pframe("bench-loader", "gs://bucket/set")
        #expect(
            outcome.status == 2 && outcome.errors.contains("pipe:gcloud storage cat gs://bucket/set/{}"),
            "\(outcome.errors)")
    }

    @Test func aValueOfResidualIsNoVideo() throws {
        let scratch = try Scratch()
        let output = ["--output", scratch.path("out")]
        let wrong = try Programs.run(Programs.pframe.path, ["extract", Self.cropped, "--residual", "nyp"] + output)
        #expect(wrong.status == 2 && wrong.errors.contains("--residual takes mkv, npy or coded"), "\(wrong.errors)")
        #expect(wrong.errors.contains("\"nyp\"") && !scratch.exists("out"))
        // A video may stand there all the same.
        let right = try Programs.run(Programs.pframe.path, ["extract", "--residual", Self.cropped] + output)
        #expect(right.status == 0 && scratch.exists("out/cropped/residual.mkv"), "\(right.errors)")
    }

    @Test func failuresLeaveNoEmptyFolders() throws {
        let scratch = try Scratch()
        let tenBit = ["a/x.mp4", "a/y.mp4", "b/x.mp4"]
        for name in tenBit {
            let path = scratch.url.appending(path: "in/\(name)")
            try FileManager.default.createDirectory(
                at: path.deletingLastPathComponent(), withIntermediateDirectories: true)
            try FileManager.default.copyItem(atPath: Programs.fixture("ten-bit.mp4"), toPath: path.path)
        }
        func extract(_ jobs: String) throws -> Outcome {
            try Programs.pframe(
                "extract", scratch.path("in"), "--residual", "--jobs", jobs, "--output", scratch.path("out/deep"))
        }
        for jobs in ["1", "3"] {
            #expect(try extract(jobs).status == 1)
            #expect(!scratch.exists("out"), "\(jobs) jobs")
        }
        // What was there before stays, and so does what has something in it.
        try FileManager.default.createDirectory(atPath: scratch.path("out"), withIntermediateDirectories: false)
        #expect(try extract("2").status == 1)
        #expect(try scratch.names(in: "out").isEmpty)
        try FileManager.default.copyItem(atPath: Self.cropped, toPath: scratch.path("in/b/good.mp4"))
        #expect(try extract("2").status == 1)
        #expect(try scratch.names(in: "out/deep") == ["b"] && scratch.names(in: "out/deep/b") == ["good"])
        let synth = try Programs.run(
            "/bin/bash",
            [
                "-c", "ulimit -f 1; \"$@\"", "bash", Programs.pframe.path, "synth", "--output",
                scratch.path("videos"), "--videos", "2", "--size", "64",
            ])
        #expect(synth.status == 1 && !scratch.exists("videos"), "\(synth.errors)")
    }

    /// The command that is advised would find no shards either.
    @Test func aFolderWithoutShardsIsNoDataSet() throws {
        let scratch = try Scratch()
        try FileManager.default.createDirectory(atPath: scratch.path("empty"), withIntermediateDirectories: false)
        let outcome = try Programs.pframe("filter", scratch.path("empty"), "--list")
        #expect(outcome.status == 1 && outcome.errors.contains("holds no shards"), "\(outcome.errors)")
        #expect(!outcome.errors.contains("pframe index"))
    }

    /// GIFs are videos, folders of pictures are none.
    @Test func buildsGIFsAndCountsPictures() throws {
        let scratch = try Scratch()
        for folder in ["in/frames", "stills/a", "stills/b"] {
            try FileManager.default.createDirectory(atPath: scratch.path(folder), withIntermediateDirectories: true)
        }
        let source = ["-v", "error", "-f", "lavfi", "-i", "testsrc2=s=64x64:r=10:d=1.2"]
        for output in ["in/a.gif", "in/frames/%03d.png", "stills/a/%03d.jpg", "stills/b/%03d.png"] {
            let made = try Programs.ffmpeg(source + [scratch.path(output)])
            try #require(made.status == 0, "\(made.errors)")
        }
        let options = ["--no-captions", "--no-cuts", "--stride", "1", "--frames", "4", "--size", "64"]
        let built = try BuildTests.build([scratch.path("in")] + options, output: scratch.path("set"))
        #expect(built.status == 0, "\(built.errors)")
        #expect(built.output.contains("12 other files skipped"), "\(built.output)")
        #expect(built.output.contains("12 pictures in 1 folder; a folder of pictures is not a video"))
        let rows = try BuildTests.rows(scratch.path("set"))
        #expect(rows.count == 3 && rows.allSatisfy { $0["source"] == "a.gif" }, "\(rows)")
        for command in [
            ["build", scratch.path("stills"), "--output", scratch.path("no")] + options,
            ["info", scratch.path("stills")],
        ] {
            let none = try Programs.run(Programs.pframe.path, command)
            #expect(none.status == 1, "\(none.errors)")
            #expect(
                none.errors.contains("no videos in this folder; it holds 24 pictures in 2 folders"), "\(none.errors)")
        }
    }
}
