import Foundation
import Glibc
import TestSupport
import Testing

/// Videos that come through pipes: what is made of them is what is made of the file.
@Suite struct PipeTests {
    private static func bash(_ script: String, _ arguments: [String], _ scratch: Scratch) throws -> Outcome {
        try Programs.run(
            "/bin/bash", ["-o", "pipefail", "-c", script, Programs.pframe.path] + arguments, folder: scratch.url)
    }

    private static let names = [
        "bframes-4refs.mp4", "interlaced.ts", "two-streams.mkv", "open-gop.h264", "mpeg4-bframes.avi", "mpeg2.mpg",
    ]

    private func expectSame(_ one: String, _ other: String, _ scratch: Scratch) throws {
        for file in ["motion.npy", "frames.csv", "residual.mkv"] where scratch.exists("\(one)/\(file)") {
            #expect(try scratch.data("\(one)/\(file)") == scratch.data("\(other)/\(file)"), "\(other)/\(file)")
        }
        #expect(scratch.exists("\(one)/motion.npy"))
    }

    @Test(arguments: names, [[], ["--residual"]]) func equalsTheFile(_ name: String, _ options: [String]) throws {
        let scratch = try Scratch()
        let file = Programs.fixture(name)
        _ = try Programs.run(Programs.pframe.path, ["extract", file, "--output", scratch.path("file")] + options)
        let stem = (name as NSString).deletingPathExtension
        // `-`, its other name, a redirection, and a pipe that bash gives a name.
        for (number, script) in [
            #"cat "$1" | "$0" extract - --output 0 "${@:2}""#,
            #"cat "$1" | "$0" extract /dev/stdin --output 1 "${@:2}""#,
            #""$0" extract - --output 2 "${@:2}" < "$1""#,
            #"mkfifo stdin && { cat "$1" > stdin & "$0" extract stdin --output 3 "${@:2}"; }"#,
        ].enumerated() {
            let outcome = try Self.bash(script, [file] + options, scratch)
            #expect(outcome.status == 0, "\(script): \(outcome.errors)")
            try expectSame("file/\(stem)", "\(number)/stdin", scratch)
        }
        // What comes next time may be another video.
        let other = Programs.fixture("one-reference.mp4")
        let again = try Self.bash(#"cat "$1" | "$0" extract - --output 0 "${@:2}""#, [other] + options, scratch)
        #expect(again.status == 0 && !again.output.contains("up-to-date"), "\(again.output)")
        _ = try Programs.run(Programs.pframe.path, ["extract", other, "--output", scratch.path("file")] + options)
        try expectSame("file/one-reference", "0/stdin", scratch)
    }

    /// Damage makes `extract` decode twice.
    @Test func decodesDamagedVideosTwice() throws {
        let scratch = try Scratch()
        var bytes = try Data(contentsOf: URL(filePath: Programs.fixture("open-gop.h264")))
        for place in stride(from: bytes.count / 3, to: bytes.count, by: 97) { bytes[place] ^= 0x55 }
        try bytes.write(to: URL(filePath: scratch.path("damaged.h264")))
        try Programs.pframe("extract", scratch.path("damaged.h264"), "--output", scratch.path("file"))
        let outcome = try Self.bash(#"cat damaged.h264 | "$0" extract - --output pipe"#, [], scratch)
        #expect(outcome.status == 1 && outcome.errors.contains("stdin: "), "\(outcome.errors)")
        try expectSame("file/damaged", "pipe/stdin", scratch)
    }

    @Test func ffmpegPipesToEveryCommand() throws {
        let scratch = try Scratch()
        let file = Programs.fixture("bframes-4refs.mp4")
        for (format, options) in [("matroska", ""), ("mpegts", ""), ("mp4", "-movflags frag_keyframe+empty_moov")] {
            let source = "ffmpeg -nostdin -v error -i \"$1\" -c copy \(options) -f \(format) - | \"$0\""
            for command in [
                "info -", "motion -", "extract - --output \(format)", "view - --output \(format).png --title x",
                "view - --output \(format)-said.png --title x --motion-source bitstream",
            ] {
                let outcome = try Self.bash("\(source) \(command)", [file], scratch)
                #expect(outcome.status == 0, "\(format) \(command): \(outcome.errors)")
                if !command.hasPrefix("view") { #expect(outcome.output.contains("stdin"), "\(outcome.output)") }
            }
            #expect(try scratch.data("\(format)/stdin/motion.npy") == scratch.data("matroska/stdin/motion.npy"))
        }
        try Programs.pframe("view", file, "--output", scratch.path("file.png"), "--title", "x")
        #expect(try scratch.data("matroska.png") == scratch.data("file.png"))
        try Programs.pframe(
            "view", file, "--output", scratch.path("said.png"), "--title", "x", "--motion-source", "bitstream")
        #expect(try scratch.data("matroska-said.png") == scratch.data("said.png"))
    }

    /// What is asked for is all that is waited for: the pipe stays open.
    @Test func waitsForNoMoreThanItNeeds() throws {
        let scratch = try Scratch()
        let outcome = try Self.bash(
            #"mkfifo x && exec 9<> x && ffmpeg -nostdin -v error -i "$1" -c copy -f matroska - >&9 && "#
                + #"timeout 60 "$0" extract x --frames 5 --output out"#,
            [Programs.fixture("bframes-4refs.mp4")], scratch)
        #expect(outcome.status == 0, "\(outcome.errors)")
        #expect(try scratch.text("out/x/frames.csv").split(separator: "\n").count == 6)
    }

    @Test func saysWhyThereIsNoVideo() throws {
        let scratch = try Scratch()
        for (script, message) in [
            (#"true | "$0" info -"#, "stdin: is not a video"), (#""$0" info - < /dev/null"#, "stdin: is not a video"),
            (#""$0" info - <&-"#, "stdin: is"), (#"echo hello | "$0" extract - --output x"#, "stdin: is not a video"),
        ] {
            let outcome = try Self.bash(script, [], scratch)
            #expect(outcome.status == 1 && outcome.errors.contains(message), "\(script): \(outcome.errors)")
        }
        let full = try Self.bash(#"cat "$1" | TMPDIR=/none "$0" info -"#, [Programs.fixture("cropped.mp4")], scratch)
        #expect(full.status == 1 && full.errors.contains("temporary file"), "\(full.errors)")
    }
}
