import Foundation
import TestSupport
import Testing

/// Blocks, references and weights of the bitstream in `pframe extract`, and the coded residual.
@Suite struct ExactReferencesTests {
    private static let fixtures = [
        "bframes-4refs.mp4", "one-reference.mp4", "cropped.mp4", "variable-rate.mkv", "open-gop.h264",
    ]

    private static func extract(
        _ video: String, _ scratch: Scratch, _ folder: String, _ options: [String]
    ) throws -> String {
        let outcome = try Programs.run(
            Programs.pframe.path, ["extract", video, "--output", scratch.path(folder)] + options)
        #expect(outcome.status == 0, "\(options): \(outcome.errors)")
        return folder + "/" + ((video as NSString).lastPathComponent as NSString).deletingPathExtension
    }

    /// Twenty pictures of moving noise that fade, so that x264 weighs.
    private static func fade(_ options: String, _ scratch: Scratch) throws -> String {
        let path = scratch.path("fade.mkv")
        let made = try Programs.ffmpeg(
            ["-f", "lavfi", "-i", "testsrc2=size=176x112:rate=10", "-frames:v", "20"]
                + ["-vf", "noise=alls=9:allf=t,fade=in:0:18,format=yuv420p", "-c:v", "libx264", "-preset", "slow"]
                + ["-x264-params", "threads=1:\(options)", path])
        try #require(made.status == 0, "\(made.errors)")
        return path
    }

    /// The bitstream alone, beside the decoder, and with all its files: the vectors are the same.
    @Test(arguments: fixtures) func vectorsAreTheSameWithAndWithoutPictures(_ name: String) throws {
        let scratch = try Scratch()
        let video = Programs.fixture(name)
        let said = try Self.extract(video, scratch, "said", ["--motion-source", "bitstream"])
        for options in [["--references"], ["--residual"], ["--motion-source", "bitstream", "--residual"]] {
            let folder = try Self.extract(video, scratch, options.joined(), options)
            for file in ["motion.npy", "indices.npy", "weights.csv"] {
                #expect(try scratch.data("\(folder)/\(file)") == scratch.data("\(said)/\(file)"), "\(options) \(file)")
            }
            for file in ["macroblocks.npy", "bits.npy", "qp.npy", "slices.csv"] where options.count > 1 {
                #expect(try scratch.data("\(folder)/\(file)") == scratch.data("\(said)/\(file)"), "\(options) \(file)")
            }
            let stream: JSON = try decode(scratch.text(folder + "/stream.json"))
            #expect(stream["bitstream_frames"].int == stream["frames"].int)
        }
    }

    /// What the two ways say of the frames is the same but for the number of vectors.
    @Test(arguments: fixtures) func framesAreThoseOfInferredReferences(_ name: String) throws {
        let scratch = try Scratch()
        let tables = try ["exact", "inferred"].map { way in
            let folder = try Self.extract(Programs.fixture(name), scratch, way, ["--references", way])
            return try scratch.text(folder + "/frames.csv").split(separator: "\n").map {
                $0.split(separator: ",", omittingEmptySubsequences: false)
            }
        }
        try #require(tables[0].count == tables[1].count && tables[0].count > 8)
        for (exact, inferred) in zip(tables[0], tables[1]) {
            #expect(inferred.count == 11 && exact.count == 16)
            #expect(exact[..<8] == inferred[..<8] && exact[9..<11] == inferred[9..<11])
        }
    }

    /// `references`, `slice_types` and the rest equal what slices.csv tells of each slice.
    @Test func framesTellTheirSlices() throws {
        let scratch = try Scratch()
        let video = try Self.fade("bframes=2:ref=3:slices=3:b-pyramid=normal", scratch)
        let folder = try Self.extract(video, scratch, "x", ["--motion-source", "bitstream"])
        func table(_ name: String) throws -> [[String]] {
            try scratch.text("\(folder)/\(name)").split(separator: "\n").dropFirst().map {
                $0.split(separator: ",", omittingEmptySubsequences: false).map(String.init)
            }
        }
        let (frames, slices) = (try table("frames.csv"), try table("slices.csv"))
        #expect(frames.count == 20 && slices.count == 60)
        for frame in frames {
            let own = slices.filter { $0[0] == frame[1] }
            try #require(own.count == 3)
            #expect(Set(own.map { $0[2] }) == Set(frame[11].map(String.init)))
            #expect(own.allSatisfy { $0[4] == frame[12] && $0[5] == frame[13] })
            #expect(own.reduce(0) { $0 + (Int($1[7]) ?? 0) } == Int(frame[14]))
            let lists = own.flatMap { "\($0[9]) \($0[10])".split(separator: " ") }
            #expect(Set(lists) == Set(frame[15].split(separator: " ")))
            #expect(frame[11] == frame[4])
        }
    }

    /// True weights leave less than the reference of least difference does, and both rebuild the video.
    @Test(arguments: [
        "bframes=0:ref=3:weightp=2", "bframes=3:ref=4:weightb=1:direct=spatial:partitions=all",
        "bframes=2:direct=temporal:8x8dct=0:cabac=0:partitions=all:weightp=2", "slices=3:bframes=1:weightp=2",
    ])
    func residualIsSmaller(_ options: String) throws {
        let scratch = try Scratch()
        let video = try Self.fade(options, scratch)
        let decoded = try Programs.decodedByFFmpeg(video, scratch)
        let energies = try ["exact", "inferred"].map { way in
            let folder = try Self.extract(video, scratch, way, ["--residual", "npy", "--references", way])
            try Programs.pframe("reconstruct", scratch.path(folder), "--output", scratch.path(way + ".yuv"))
            #expect(try scratch.data(way + ".yuv") == decoded, "\(way)")
            let pixels = try ExtractedPixels(folder, scratch)
            return (1..<20).reduce(0) { sum, frame in
                pixels.residual(ofFrame: frame) { $0 >= 0 }.reduce(sum) { $0 + Int($1) * Int($1) }
            }
        }
        let limit = options.contains("weightp=2") ? 0.85 : 1
        #expect(Double(energies[0]) < limit * Double(energies[1]), "\(energies)")
        print("residual with \(options): exact \(energies[0]), inferred \(energies[1])")
    }

    /// Out of scope, all is as with inferred references.
    @Test(arguments: ["interlaced.ts", "mpeg2.mpg", "mpeg4-bframes.avi"])
    func outOfScopeIsInferred(_ name: String) throws {
        let scratch = try Scratch()
        let folders = try ["exact", "inferred"].map {
            try Self.extract(Programs.fixture(name), scratch, $0, ["--residual", "--references", $0])
        }
        for file in ["motion.npy", "frames.csv", "residual.mkv"] {
            #expect(try scratch.data("\(folders[0])/\(file)") == scratch.data("\(folders[1])/\(file)"), "\(file)")
        }
        let stream: JSON = try decode(scratch.text(folders[0] + "/stream.json"))
        #expect(stream["bitstream_frames"].int == nil)
        #expect(stream["out_of_scope"].string == (name == "interlaced.ts" ? "MBAFF pictures" : nil))
        for options in [["--motion-source", "bitstream"], ["--residual", "coded"]] {
            let refused = try Programs.run(
                Programs.pframe.path, ["extract", Programs.fixture(name), "--discard"] + options)
            #expect(refused.status == 1, "\(refused.errors)")
            let remedy = options[0] == "--residual" ? "needs no bitstream" : "motion source"
            #expect(refused.errors.contains(remedy), "\(refused.errors)")
        }
    }

    @Test(arguments: ["bframes-4refs.mp4", "open-gop.h264"], [["--residual"], []])
    func bitstreamOfAPipe(_ name: String, _ options: [String]) throws {
        let scratch = try Scratch()
        let options = ["--motion-source", "bitstream"] + options
        let folder = try Self.extract(Programs.fixture(name), scratch, "file", options)
        let piped = try Programs.run(
            "/bin/bash",
            ["-c", #"cat "$1" | "$0" extract - --output pipe "${@:2}""#, Programs.pframe.path, Programs.fixture(name)]
                + options, folder: scratch.url)
        #expect(piped.status == 0, "\(piped.errors)")
        for file in ["motion.npy", "indices.npy", "macroblocks.npy", "frames.csv", "slices.csv", "weights.csv"] {
            #expect(try scratch.data("\(folder)/\(file)") == scratch.data("pipe/stdin/\(file)"), "\(file)")
        }
    }

    /// A part has the macroblocks of the whole, and rebuilds FFmpeg's pictures.
    @Test func bitstreamOfAPart() throws {
        let scratch = try Scratch()
        let video = Programs.fixture("bframes-4refs.mp4")
        let options = ["--motion-source", "bitstream", "--residual"]
        let whole = try Self.extract(video, scratch, "whole", options)
        let part = try Self.extract(video, scratch, "part", options + ["--start", "0.3", "--end", "0.7"])
        let (all, some) = (
            try int32Array(scratch.data(whole + "/macroblocks.npy")),
            try int32Array(scratch.data(part + "/macroblocks.npy"))
        )
        func times(_ folder: String) throws -> [Substring] {
            try scratch.text(folder + "/frames.csv").split(separator: "\n").dropFirst().map {
                $0.split(separator: ",", omittingEmptySubsequences: false)[2]
            }
        }
        let (inAll, inPart) = (try times(whole), try times(part))
        let start = try #require(inPart.first)
        let first = try #require(inAll.firstIndex(of: start))
        try #require(first > 0 && inPart.count > 4 && inPart.count < inAll.count)
        let columns = 19
        let row = { (values: [Int32], number: Int) in
            Array(values[(number * columns + 1)..<(number * columns + columns)])
        }
        let perFrame = all.shape[0] / inAll.count
        for number in 0..<(perFrame * inPart.count) {
            #expect(row(some.values, number) == row(all.values, first * perFrame + number))
        }
        try Programs.pframe("reconstruct", scratch.path(part), "--output", scratch.path("part.yuv"))
        let decoded = try Programs.decodedByFFmpeg(video, scratch)
        let size = decoded.count / inAll.count
        #expect(
            try scratch.data("part.yuv")
                == decoded.subdata(in: (first * size)..<((first + inPart.count) * size)))
    }

    @Test(arguments: [
        (["--residual", "coded", "--references", "inferred"], "no --references inferred"),
        (["--motion-source", "bitstream", "--references", "inferred"], "no --references inferred"),
        (["--residual", "coded", "--motion-source", "search"], "stream or bitstream"),
        (["--references", "nonsense"], "exact or inferred"), (["--residual", "nonsense"], "mkv, npy or coded"),
    ])
    func refusesWhatContradicts(_ options: [String], _ words: String) throws {
        let outcome = try Programs.run(
            Programs.pframe.path, ["extract", Programs.fixture("cropped.mp4"), "--discard"] + options)
        #expect(outcome.status == 2 && outcome.errors.contains(words), "\(outcome.errors)")
    }
}

/// `--residual coded`: numpy adds it to its own prediction, and gets what libavcodec decodes.
@Suite struct CodedResidualTests {
    private static func check(
        _ video: String, _ scratch: Scratch, _ options: [String] = [], frames: Int = 60
    ) throws -> [Int] {
        let outcome = try Programs.run(
            Programs.pframe.path, ["extract", video, "--residual", "coded", "--output", scratch.path("x")] + options)
        #expect(outcome.status == 0, "\(outcome.errors)")
        let stem = ((video as NSString).lastPathComponent as NSString).deletingPathExtension
        let text = try ClipSets.expect(
            "coded_identity.py", video, scratch.path("x/" + stem), "\(frames)", python: Peers.pyAV)
        return text.split(separator: " ").compactMap { Int($0.trimmingCharacters(in: .newlines)) }
    }

    @Test(
        .requires(.pyAV),
        arguments: ["bframes-4refs.mp4", "one-reference.mp4", "cropped.mp4", "open-gop.h264", "full-range.mp4"])
    func predictionAndCodedResidualAreThePicture(_ name: String) throws {
        let counts = try Self.check(Programs.fixture(name), try Scratch())
        #expect(counts.count == 3 && counts[0] > 300, "\(counts)")
    }

    /// Every way to weigh, small blocks, and residuals beyond ten bits.
    @Test(
        .requires(.pyAV),
        arguments: [
            "bframes=0:ref=3:weightp=2:partitions=all", "bframes=3:ref=4:weightb=1:partitions=all",
            "bframes=2:direct=temporal:partitions=all:cabac=0:8x8dct=0", "slices=3:bframes=1:weightp=2",
            "qp=0:bframes=2", "qp=51:bframes=1",
        ])
    func predictionAndCodedResidualAreThePictureOfX264(_ options: String) throws {
        let scratch = try Scratch()
        let path = scratch.path("fade.mkv")
        let made = try Programs.ffmpeg(
            ["-f", "lavfi", "-i", "testsrc2=size=176x112:rate=10", "-frames:v", "20"]
                + ["-vf", "noise=alls=9:allf=t,fade=in:0:18,format=yuv420p", "-c:v", "libx264", "-preset", "slow"]
                + ["-x264-params", "threads=1:\(options)", path])
        try #require(made.status == 0, "\(made.errors)")
        let counts = try Self.check(path, try Scratch())
        try #require(counts.count == 3 && counts[0] > 300, "\(counts)")
        if options.contains("weight") { #expect(counts[1] > 50, "\(counts)") }
        if options.contains("partitions") { #expect(counts[2] > 10, "\(counts)") }
    }

    @Test(.requires(.pyAV), .requires(.realClips(["mma_demo.mp4"])))
    func predictionAndCodedResidualAreThePictureOfARealClip() throws {
        let counts = try Self.check(realClip("mma_demo.mp4"), try Scratch(), ["--frames", "12"], frames: 12)
        #expect(counts.count == 3 && counts[0] > 3000, "\(counts)")
    }

    /// Beside a decoder the coded residual is the same as without.
    @Test func isTheSameInAPart() throws {
        let scratch = try Scratch()
        let video = Programs.fixture("bframes-4refs.mp4")
        for (folder, options) in [("whole", []), ("part", ["--start", "0"])] {
            let outcome = try Programs.run(
                Programs.pframe.path,
                ["extract", video, "--residual", "coded", "--output", scratch.path(folder)] + options)
            #expect(outcome.status == 0, "\(outcome.errors)")
        }
        for file in ["motion.npy", "indices.npy", "coded_residual.mkv", "coded_outliers.npy"] {
            let (one, other) = ("whole/bframes-4refs/\(file)", "part/bframes-4refs/\(file)")
            #expect(try scratch.data(one) == scratch.data(other), "\(file)")
        }
    }
}
