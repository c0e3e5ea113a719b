import Foundation
import Testing

/// `pframe reconstruct` and `pframe view` of clips that data sets and samples hold.
@Suite struct StoredClipTests {
    private static func member(_ clips: String, _ key: String, _ name: String) throws -> Data {
        let scratch = try Scratch()
        let outcome = try Programs.run("/bin/tar", ["-xf", clips + "/clips-000000.tar", "-C", scratch.url.path])
        try #require(outcome.status == 0, "\(outcome.errors)")
        return try scratch.data("\(key).\(name)")
    }

    @Test func rebuildsTheFramesOfADataSet() throws {
        guard let models = try SampleModels.ready() else { return }
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

    @Test func saysWhichClipsThereAre() throws {
        guard let models = try SampleModels.ready() else { return }
        let scratch = try Scratch()
        for command in ["reconstruct", "view"] {
            let outcome = try Programs.pframe(command, models.clips + "/nine", "--output", scratch.path("x.mp4"))
            #expect(
                outcome.status == 1 && outcome.errors.contains("has no sample nine, keys are such as 000000_0000000"))
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
            other.status == 1 && other.errors.contains("has no mv.npy: build the set with --represent motion-residual"))
    }

    /// The first frame has no vectors: its panel is the picture, enlarged.
    @Test func drawsTheClip() throws {
        guard let models = try SampleModels.ready() else { return }
        let scratch = try Scratch()
        let clip = models.clips + "/000000_0000000"
        #expect(try Programs.pframe("view", clip, "--output", scratch.path("0.png"), "--frame", "0").status == 0)
        let size = try Programs.run(
            "/usr/bin/env",
            ["ffprobe", "-v", "error", "-show_entries", "stream=width", "-of", "csv=p=0", scratch.path("0.png")])
        let width = try #require(Int(size.output.trimmingCharacters(in: .whitespacesAndNewlines)))
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
