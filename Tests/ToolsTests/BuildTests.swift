import Foundation
import Glibc
import TestSupport
import Testing

/// `pframe build`: what stands in the shards, and that nothing but input and options decides it.
@Suite struct BuildTests {
    /// A folder of small synthetic videos with captions, made once.
    private static let shapes = Result {
        let scratch = try Scratch()
        let made = try Programs.pframe(
            "synth", "--output", scratch.path("videos"), "--videos", "20", "--size", "64", "--seconds", "2.5")
        try #require(made.status == 0, "\(made.errors)")
        return scratch
    }

    static var videos: String { get throws { try shapes.get().path("videos") } }
    static var captions: String { get throws { try shapes.get().path("videos/captions.csv") } }

    /// Options of a quick build in several shards.
    static let quick = ["--size", "64", "--frames", "6", "--videos-per-shard", "4"]

    static func build(_ arguments: [String], output: String, limit: Double = 120) throws -> Outcome {
        try Programs.run(Programs.pframe.path, ["build"] + arguments + ["--output", output], limit: limit)
    }

    static func buildShapes(_ more: [String] = [], output: String) throws -> Outcome {
        try build([videos, "--captions", captions] + quick + more, output: output)
    }

    /// Every file of a data set that its users see, by name.
    static func files(_ folder: String) throws -> [String: Data] {
        let names = try FileManager.default.contentsOfDirectory(atPath: folder).filter { !$0.hasPrefix(".") }
        return try Dictionary(
            uniqueKeysWithValues: names.map { ($0, try Data(contentsOf: URL(filePath: folder + "/" + $0))) })
    }

    static func rows(_ folder: String) throws -> [JSON] {
        try files(folder).filter { $0.key.hasPrefix("clips-") && $0.key.hasSuffix(".jsonl") }
            .sorted { $0.key < $1.key }.flatMap { _, data in
                try decodeLines(String(decoding: data, as: UTF8.self)) as [JSON]
            }
    }

    @Test func sameBytesAtAnyJobsAndInParts() throws {
        let scratch = try Scratch()
        #expect(try Self.buildShapes(["--jobs", "1"], output: scratch.path("one")).status == 0)
        let expected = try Self.files(scratch.path("one"))
        #expect(expected.count == 5 * 2 + 3 && expected.keys.contains("dataset.json"), "\(expected.keys.sorted())")

        #expect(try Self.buildShapes(["--jobs", "2"], output: scratch.path("two")).status == 0)
        #expect(try Self.files(scratch.path("two")) == expected)

        for part in [2, 0, 1] {
            let outcome = try Self.buildShapes(["--part", "\(part)/3"], output: scratch.path("parts"))
            #expect(outcome.status == 0 && outcome.output.contains("pframe index"), "\(outcome.errors)")
            #expect(!scratch.exists("parts/dataset.json"), "no part alone is a finished data set")
            if part == 0 {
                let early = try Programs.pframe("index", scratch.path("parts"))
                #expect(early.status == 1 && early.errors.contains("missing"), "\(early.errors)")
            }
        }
        #expect(try Programs.pframe("index", scratch.path("parts")).status == 0)
        #expect(try Self.files(scratch.path("parts")) == expected)
    }

    @Test(.requires(.mpirun)) func sameBytesUnderMPI() throws {
        let scratch = try Scratch()
        #expect(try Self.buildShapes(output: scratch.path("one")).status == 0)
        let expected = try Self.files(scratch.path("one"))
        let ranks = ["mpirun", "--bind-to", "none", "--oversubscribe", "-n", "2", Programs.pframe.path]
        let outcome = try Programs.run(
            "/usr/bin/env",
            ranks + ["build", Self.videos, "--captions", Self.captions] + Self.quick
                + ["--output", scratch.path("ranks")],
            environment: ["OMPI_ALLOW_RUN_AS_ROOT": "1", "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1"])
        #expect(outcome.status == 0 && outcome.errors.contains("part 1 of 2"), "\(outcome.errors)")
        #expect(try Programs.pframe("index", scratch.path("ranks")).status == 0)
        #expect(try Self.files(scratch.path("ranks")) == expected)
    }

    /// While a long video is at the head of a shard, the clips of those behind it wait: more than memory may hold of them.
    @Test func clipsThatWaitForALongVideoKeepTheirOrder() throws {
        let scratch = try Scratch()
        try FileManager.default.createDirectory(atPath: scratch.path("in"), withIntermediateDirectories: false)
        for (name, seconds) in [("a", 60)] + (0..<10).map({ ("b\($0)", 6) }) {
            try Programs.ffmpeg(
                ["-v", "error", "-f", "lavfi", "-i", "testsrc2=s=64x64:r=8:d=\(seconds)", "-pix_fmt", "yuv420p"]
                    + ["-preset", "ultrafast", scratch.path("in/\(name).mp4")])
        }
        for jobs in ["1", "2"] {
            let outcome = try Self.build(
                [scratch.path("in"), "--no-captions", "--size", "256", "--no-cuts", "--jobs", jobs],
                output: scratch.path(jobs))
            #expect(outcome.status == 0, "\(outcome.errors)")
        }
        #expect(try Self.rows(scratch.path("1")).count == 60)
        #expect(try Self.files(scratch.path("1")) == Self.files(scratch.path("2")))
        #expect(try scratch.names(in: "2/.shards").allSatisfy { !$0.hasPrefix("spool") })
    }

    /// Killed at several moments and started again, damaged in between: the same bytes.
    @Test func resumesAfterKillsAndDamage() throws {
        let kills = Soak.isOn ? 10 : 3
        let scratch = try Scratch()
        let started = Date()
        #expect(try Self.buildShapes(output: scratch.path("whole")).status == 0)
        let duration = Date().timeIntervalSince(started)
        let expected = try Self.files(scratch.path("whole"))
        let arguments = try ["build", Self.videos, "--captions", Self.captions] + Self.quick
        var interrupted = 0
        // The first so soon that it interrupts, however fast the machine has become.
        for share in [0.05] + (1...kills).map({ Double($0) / Double(kills + 1) }) {
            let killed = arguments + ["--output", scratch.path("killed")]
            if try Programs.kill(killed, after: duration * share) { interrupted += 1 }
            guard scratch.exists("killed") else { continue }
            let names = try Self.files(scratch.path("killed")).keys
            #expect(names.contains("dataset.json") == false || names.count >= expected.count, "\(names.sorted())")
        }
        #expect(interrupted > 0, "no run was killed")
        #expect(try Self.buildShapes(output: scratch.path("killed")).status == 0)
        #expect(try Self.files(scratch.path("killed")) == expected)

        // A damaged shard, a missing row file: built again, and nothing else.
        let shard = URL(filePath: scratch.path("killed/clips-000001.tar"))
        var bytes = try Data(contentsOf: shard)
        bytes[bytes.count / 2] ^= 1
        try bytes.write(to: shard)
        try FileManager.default.removeItem(atPath: scratch.path("killed/clips-000003.jsonl"))
        let mended = try Self.buildShapes(["--json"], output: scratch.path("killed"))
        #expect(mended.status == 0 && mended.output.contains("\"shards_finished_before\":3"), "\(mended.output)")
        #expect(try Self.files(scratch.path("killed")) == expected)
    }

    @Test func refusesWhatWouldMixDataSets() throws {
        let scratch = try Scratch()
        #expect(try Self.buildShapes(output: scratch.path("set")).status == 0)
        let expected = try Self.files(scratch.path("set"))
        let options = try Self.buildShapes(["--fps", "12"], output: scratch.path("set"))
        #expect(options.status == 1 && options.errors.contains("fps 8.0, now 12.0"), "\(options.errors)")
        let list = try Self.build([Self.videos, "--no-captions"] + Self.quick, output: scratch.path("set"))
        #expect(list.status == 1 && list.errors.contains("another list"), "\(list.errors)")
        #expect(try Self.files(scratch.path("set")) == expected)

        // The kernel's lock, held by somebody else.
        let lock = open(scratch.path("set/.shards/lock"), O_RDWR)
        defer { close(lock) }
        #expect(flock(lock, LOCK_EX | LOCK_NB) == 0)
        let second = try Self.buildShapes(output: scratch.path("set"))
        #expect(second.status == 1 && second.errors.contains("another process builds"), "\(second.errors)")
    }

    @Test func interruptsCleanly() throws {
        let scratch = try Scratch()
        var interrupted = 0
        // A build that is done before the interrupt reaches it proves nothing: another one then.
        for attempt in 0..<20 where interrupted == 0 {
            let process = Process()
            process.executableURL = Programs.pframe
            process.arguments = try ["build", Self.videos, "--captions", Self.captions] + Self.quick
            process.arguments? += ["--jobs", "1", "--output", scratch.path("\(attempt)")]
            let errors = Pipe()
            process.standardError = errors
            process.standardOutput = FileHandle.nullDevice
            try process.run()
            while !scratch.exists("\(attempt)/.shards/000000.json"), process.isRunning { usleep(500) }
            process.interrupt()
            process.waitUntilExit()
            let text = String(decoding: errors.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
            guard process.terminationStatus != 0 else { continue }
            interrupted += 1
            #expect(process.terminationStatus == 1 && text.contains("run the same command again"), "\(text)")
            #expect(try scratch.names(in: "\(attempt)").allSatisfy { !$0.hasSuffix(".tmp") })
            #expect(try Self.buildShapes(output: scratch.path("\(attempt)")).status == 0)
        }
        #expect(interrupted == 1, "no build was interrupted")
    }

    @Test func namesWrongUse() throws {
        let scratch = try Scratch()
        for (arguments, expected) in try [
            ([Self.videos], "--no-captions"), ([Self.videos, "--captions", scratch.path("none.csv")], "none.csv"),
        ] {
            let outcome = try Self.build(arguments, output: scratch.path("x"))
            #expect(outcome.status == 1 && outcome.errors.contains(expected), "\(arguments): \(outcome.errors)")
        }
        for (arguments, expected) in [
            (["--size", "100"], "16 divides"), (["--represent", "latents"], "motion-residual"),
            (["--motion-source", "bitstream"], "search or stream"), (["--part", "3/3"], "3/64"),
            (["--frames", "1"], "2 to"),
            (["--fps", "0"], "above 0"), (["--size", "12x"], "WxH"),
        ] {
            let outcome = try Self.build([Self.videos, "--no-captions"] + arguments, output: scratch.path("x"))
            #expect(outcome.status == 2 && outcome.errors.contains(expected), "\(arguments): \(outcome.errors)")
        }
        #expect(!scratch.exists("x"))
    }

    /// Black bars and stretching against FFmpeg's filters, sample aspect ratio undone.
    @Test(arguments: ["crop", "pad", "stretch"])
    func fitsAsFFmpegDoes(_ fit: String) throws {
        let scratch = try Scratch()
        let video = scratch.path("wide.mp4")
        // 128x96 pixels, shown at 4:3 of their width.
        try Programs.ffmpeg(
            ["-v", "error", "-i", Programs.fixture("bframes-4refs.mp4"), "-vf", "setsar=4/3", "-crf", "10", video])
        let flags = "flags=bicubic+accurate_rnd+bitexact+full_chroma_int+full_chroma_inp"
        let filter =
            switch fit {
            case "crop": "crop=72:96:28:0,scale=64:64:\(flags)"
            case "pad": "scale=64:36:\(flags),pad=64:64:0:14"
            default: "scale=64:64:\(flags)"
            }
        try Programs.ffmpeg(
            ["-v", "error", "-i", video, "-vf", filter, "-pix_fmt", "rgb24", "-frames:v", "1", "-f", "rawvideo"]
                + [scratch.path("frame.rgb")])
        let built = try Self.build(
            [video, "--no-captions", "--size", "64", "--frames", "4", "--fit", fit], output: scratch.path("set"))
        #expect(built.status == 0, "\(built.errors)")
        let row = try #require(try Self.rows(scratch.path("set")).first)
        let range = row["members"]["first.npy"].ints
        try #require(range.count == 2)
        let ours = try scratch.data("set/clips-000000.tar")[(range[0] + 128)..<(range[0] + range[1])]
        let theirs = try scratch.data("frame.rgb")
        try #require(ours.count == theirs.count)
        let difference = zip(ours, theirs).reduce(0) { $0 + abs(Int($1.0) - Int($1.1)) }
        #expect(difference < 3 * ours.count / 2, "off by \(Double(difference) / Double(ours.count)) a value")
    }

    /// The frames against FFmpeg's own decoding, cropping and scaling; the times against ffprobe's.
    @Test(arguments: [
        "bframes-4refs.mp4", "variable-rate.mkv", "cropped.mp4", "full-range.mp4", "ten-bit.mp4", "av1.mkv",
    ])
    func framesAreFFmpegs(_ name: String) throws {
        let scratch = try Scratch()
        let video = Programs.fixture(name)
        let arguments =
            [video, "--no-captions", "--size", "32", "--frames", "4", "--no-cuts", "--represent", "frames"] + [
                "--fps", "12",
            ]
        #expect(try Self.build(arguments, output: scratch.path("set")).status == 0)
        let probed = try Programs.ffprobe(video, "frame=pts_time,width,height").split(separator: "\n")
            .map { $0.split(separator: ",").compactMap { Double($0) } }
        let (width, height) = (Int(probed[0][1]), Int(probed[0][2]))
        let side = min(width, height)
        let crop = "crop=\(side):\(side):\((width - side) / 2 & ~1):\((height - side) / 2 & ~1)"
        try Programs.ffmpeg(
            ["-v", "error", "-i", video, "-map", "0:v:0", "-vsync", "passthrough", "-vf"]
                + ["\(crop),scale=32:32:flags=bicubic+accurate_rnd+bitexact+full_chroma_int+full_chroma_inp"]
                + ["-pix_fmt", "rgb24", "-f", "rawvideo", scratch.path("frames.rgb")])
        let frames = try scratch.data("frames.rgb")
        let tar = try scratch.data("set/clips-000000.tar")
        let rows = try Self.rows(scratch.path("set"))
        #expect(!rows.isEmpty)
        for row in rows {
            let range = row["members"]["frames.npy"].ints
            try #require(range.count == 2)
            let array = tar[(range[0] + 128)..<(range[0] + range[1])]
            let times = row["seconds"].elements.compactMap(\.number)
            try #require(times.count == 4)
            for (index, time) in times.enumerated() {
                let frame = try #require(probed.firstIndex { abs($0[0] - time) < 1e-6 }, "no picture at \(time)")
                let ours = Array(array.dropFirst(index * 3072).prefix(3072))
                let theirs = Array(frames.dropFirst(frame * 3072).prefix(3072))
                try #require(ours.count == 3072 && theirs.count == 3072)
                let differences = zip(ours, theirs).map { abs(Int($0) - Int($1)) }
                // One rounding more on the way by YCbCr of the small size.
                #expect(differences.reduce(0, +) < 3072 * 3 / 2, "\(name) at \(time): off by \(differences.max() ?? 0)")
            }
        }
    }
}
