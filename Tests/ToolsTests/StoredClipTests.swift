import Foundation
import TestSupport
import Testing

/// `pframe reconstruct` and `pframe view` of clips that data sets and samples hold.
@Suite struct StoredClipTests {
    private static func member(_ clips: String, _ key: String, _ name: String) throws -> Data {
        let scratch = try Scratch()
        let outcome = try Programs.run("/bin/tar", ["-xf", clips + "/clips-000000.tar", "-C", scratch.url.path])
        try #require(outcome.status == 0, "\(outcome.errors)")
        return try scratch.data("\(key).\(name)")
    }

    @Test(.requires(.libtorch)) func rebuildsTheFramesOfADataSet() throws {
        let models = try SampleModels.ready()
        let scratch = try Scratch()
        for key in ["000000_0000000", "000000_0000003"] {
            let outcome = try Programs.pframe(
                "reconstruct", "\(models.clips)/\(key)", "--output", scratch.path("\(key).npy"))
            #expect(outcome.status == 0, "\(outcome.errors)")
            let size = 8 * 64 * 64 * 3
            #expect(
                try scratch.data("\(key).npy").suffix(size) == Self.member(models.clips, key, "frames.npy").suffix(size)
            )
        }
        let film = try Programs.pframe(
            "reconstruct", "\(models.clips)/000000_0000000", "--output", scratch.path("a.mp4"))
        #expect(film.status == 0 && film.output.contains("8 frames of 64x64"), "\(film.errors)")
    }

    @Test(.requires(.libtorch)) func saysWhichClipsThereAre() throws {
        let models = try SampleModels.ready()
        let scratch = try Scratch()
        for command in ["reconstruct", "view"] {
            let outcome = try Programs.pframe(command, models.clips + "/nine", "--output", scratch.path("x.mp4"))
            #expect(
                outcome.status == 1 && outcome.errors.contains("has no record nine, keys are such as 000000_0000000"))
        }
        // Files are written under hidden names, of which messages do not speak.
        for name in ["no/x.mp4", "no/x.npy"] {
            let outcome = try Programs.pframe(
                "reconstruct", models.clips + "/000000_0000000", "--output", scratch.path(name))
            #expect(
                outcome.status == 1 && outcome.errors.hasPrefix("error: \(scratch.path(name)): "), "\(outcome.errors)")
        }
        let late = try Programs.pframe(
            "view", models.clips + "/000000_0000000", "--output", scratch.path("x.png"), "--frame", "8")
        #expect(late.status == 1 && late.errors.contains("has no frame 8: it has 8 frames"), "\(late.errors)")
        #expect(!scratch.exists("x.png") && !scratch.exists("x.mp4"))
        // A set of differences alone cannot be rebuilt from motion.
        try Programs.pframe(
            "build", models.clips + "/../videos", "--no-captions", "--output", scratch.path("set"), "--size", "64",
            "--frames", "8", "--represent", "difference")
        let other = try Programs.pframe(
            "reconstruct", scratch.path("set/000000_0000000"), "--output", scratch.path("x.npy"))
        #expect(
            other.status == 1
                && other.errors.contains("has no mv.npy: build the set with the representation motion-residual"))
    }

    /// Shards of another program hold what they like.
    @Test func refusesWhatCannotBeAClip() throws {
        let scratch = try Scratch()
        let script = """
            import io, pathlib, struct, sys, tarfile
            def npy(kind, shape, values):
                header = f"{{'descr': '{kind}', 'fortran_order': False, 'shape': {shape}, }}"
                data = struct.pack("<%d%s" % (len(values), "B" if kind == "|u1" else "h"), *values)
                return b"\\x93NUMPY\\x01\\x00" + struct.pack("<H", 118) + header.ljust(117).encode() + b"\\n" + data
            for folder, keys in [("one", "abcd"), ("two", "bacd")]:
                path = pathlib.Path(sys.argv[1], folder)
                path.mkdir()
                with tarfile.open(path / "x.tar", "w") as archive:
                    for key in keys:
                        motion, residual = [0] * 4, [1] * 2 * 192
                        if key == "c": motion[3] = 2
                        if key == "d": residual[192 + 8 * 3 * 2 + 3 + 1] = 256
                        for name, data in [("first.npy", npy("|u1", (8, 8, 3), list(range(192)))),
                                           ("mv.npy", npy("<i2", (2, 1, 1, 2), motion)),
                                           ("residual.npy", npy("<i2", (2, 8, 8, 3), residual))]:
                            info = tarfile.TarInfo(f"{key}.{name}")
                            info.size = len(data)
                            archive.addfile(info, io.BytesIO(data))
            """
        let made = try Programs.run("/usr/bin/env", ["python3", "-c", script, scratch.url.path])
        try #require(made.status == 0, "\(made.errors)")
        for folder in ["one", "two"] {
            let outcome = try Programs.pframe("index", scratch.path(folder))
            try #require(outcome.status == 0, "\(outcome.errors)")
        }
        func rebuild(_ key: String) throws -> Outcome {
            try Programs.pframe("reconstruct", scratch.path("one/\(key)"), "--output", scratch.path("x.npy"))
        }
        #expect(try rebuild("a").status == 0)
        #expect(try Array(scratch.data("x.npy").suffix(3 * 192)) == (0..<3).flatMap { n in (0..<192).map { $0 + n } })
        #expect(
            try rebuild("c").errors.contains("record c: mv.npy: [1, 0, 0] is (0, 2): whole pixels are multiples of 4"))
        #expect(
            try rebuild("d").errors.contains("record d: residual.npy: [1, 2, 1, 1] is 256: residuals are -255 to 255"))
        try FileManager.default.removeItem(atPath: scratch.path("one/index.sqlite"))
        #expect(try rebuild("a").errors.contains("holds no index.sqlite: run `pframe index`"))
        try FileManager.default.copyItem(
            atPath: scratch.path("two/index.sqlite"), toPath: scratch.path("one/index.sqlite"))
        #expect(try rebuild("c").status == 1)
        #expect(try rebuild("a").errors.contains("index.sqlite: does not fit the shards beside it: run `pframe index"))
    }

    /// The first frame has no vectors: its panel is the picture, enlarged.
    @Test(.requires(.libtorch)) func drawsTheClip() throws {
        let models = try SampleModels.ready()
        let scratch = try Scratch()
        let clip = models.clips + "/000000_0000000"
        #expect(try Programs.pframe("view", clip, "--output", scratch.path("0.png"), "--frame", "0").status == 0)
        let size = try Programs.ffprobe(scratch.path("0.png"), "stream=width")
        let width = try #require(Int(size.trimmingCharacters(in: .whitespacesAndNewlines)))
        let figure = try SampleModels.pixels(scratch.path("0.png"), scratch)
        let first = Array(try Self.member(models.clips, "000000_0000000", "first.npy").suffix(64 * 64 * 3))
        #expect(Self.distance(figure, width: width, first, side: 64, factor: 8) < 4)
        let other = Array(try Self.member(models.clips, "000000_0000003", "first.npy").suffix(64 * 64 * 3))
        #expect(Self.distance(figure, width: width, other, side: 64, factor: 8) > 12)

        let film = try Programs.pframe("view", clip, "--output", scratch.path("film.mp4"))
        #expect(film.status == 0 && film.output.contains("8 frames drawn"), "\(film.errors)")
        let frames = try SampleModels.pixels(scratch.path("film.mp4"), scratch)
        #expect(frames.count == 8 * figure.count)
        #expect(frames.prefix(figure.count).elementsEqual(frames.suffix(figure.count)) == false)
    }

    /// The mean difference, in grey levels, between a square picture and where in a figure it stands best, enlarged
    /// by a whole factor: every eighth pixel with the middle of what it became.
    private static func distance(
        _ figure: [UInt8], width: Int, _ picture: [UInt8], side: Int, factor: Int
    ) -> Double {
        let (height, extent) = (figure.count / 3 / width, side * factor)
        let probes = stride(from: 4, to: side, by: 8).flatMap { y in
            stride(from: 4, to: side, by: 8).map { (x: $0, y: y) }
        }
        let colours = probes.map { Int(picture[3 * ($0.y * side + $0.x)]) }
        let offsets = probes.map { 3 * (($0.y * factor + factor / 2) * width + $0.x * factor + factor / 2) }
        var least = Int.max
        for top in 0...(height - extent) {
            for left in 0...(width - extent) {
                var sum = 0
                for (colour, offset) in zip(colours, offsets) {
                    sum += abs(Int(figure[3 * (top * width + left) + offset]) - colour)
                }
                least = min(least, sum)
            }
        }
        return Double(least) / Double(probes.count)
    }
}
