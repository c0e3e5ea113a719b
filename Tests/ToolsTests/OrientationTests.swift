import Foundation
import TestSupport
import Testing

/// The eight orientations of a display matrix, against the pictures that ffmpeg turns by itself.
@Suite struct OrientationTests {
    /// The upper left four numbers of each matrix (ISO/IEC 14496-12, 6.2.2), row by row, and what `info` calls it.
    static let matrices: [(numbers: [Int32], words: String?)] = [
        ([1, 0, 0, 1], nil), ([0, 1, -1, 0], "turned by 90°"), ([-1, 0, 0, -1], "turned by 180°"),
        ([0, -1, 1, 0], "turned by 270°"), ([-1, 0, 0, 1], "mirrored left to right"),
        ([1, 0, 0, -1], "mirrored top to bottom"), ([0, 1, 1, 0], "mirrored top to bottom, then turned by 90°"),
        ([0, -1, -1, 0], "mirrored top to bottom, then turned by 270°"),
    ]

    /// A lossless video without colour, of `side`² pixels that look different in every orientation, with the given matrix.
    static func video(_ matrix: [Int32], _ scratch: Scratch, side: Int = 64) throws -> String {
        let path = scratch.path("clip.mp4")
        let source = "testsrc=size=\(side)x\(side):rate=25:duration=0.32,hue=s=0"
        try #require(
            Programs.ffmpeg(
                [
                    "-v", "error", "-f", "lavfi", "-i", source, "-c:v", "libx264", "-qp", "0", "-pix_fmt", "yuv420p",
                    path,
                ]
            ).status == 0)
        var bytes = try Data(contentsOf: URL(filePath: path))
        let header = try #require(bytes.range(of: Data("tkhd".utf8)))
        // Version 0: the matrix stands 44 bytes behind the name.
        let place = header.lowerBound + 44
        try #require(bytes[place..<(place + 4)].elementsEqual([0, 1, 0, 0]))
        for (index, slot) in [0, 1, 3, 4].enumerated() {
            withUnsafeBytes(of: (matrix[index] << 16).bigEndian) { number in
                bytes.replaceSubrange((place + 4 * slot)..<(place + 4 * slot + 4), with: number)
            }
        }
        try bytes.write(to: URL(filePath: path))
        return path
    }

    /// RGB of the first frames as ffmpeg shows them.
    static func shown(_ video: String, frames: Int, _ scratch: Scratch) throws -> Data {
        let raw = scratch.path("shown.rgb")
        let options = ["-v", "error", "-i", video, "-frames:v", "\(frames)", "-f", "rawvideo", "-pix_fmt", "rgb24"]
        try #require(
            Programs.ffmpeg(options + ["-sws_flags", "accurate_rnd+full_chroma_int+bitexact", raw]).status == 0)
        return try Data(contentsOf: URL(filePath: raw))
    }

    static func difference(_ one: some Collection<UInt8>, _ other: some Collection<UInt8>) -> Double {
        guard one.count == other.count, !one.isEmpty else { return .infinity }
        return Double(zip(one, other).reduce(0) { $0 + abs(Int($1.0) - Int($1.1)) }) / Double(one.count)
    }

    @Test(arguments: matrices.indices) func clipsAreShownAsPlayersDo(_ index: Int) throws {
        let scratch = try Scratch()
        let video = try Self.video(Self.matrices[index].numbers, scratch)
        let built = try Programs.pframe(
            "build", video, "--no-captions", "--stride", "1", "--frames", "4", "--size", "64", "--represent", "frames",
            "--output", scratch.path("o"))
        try #require(built.status == 0, "\(built.errors)")
        let shard = try scratch.data("o/clips-000000.tar")
        let row = try #require(try scratch.text("o/clips-000000.jsonl").split(separator: "\n").first)
        struct Row: Decodable { var members: [String: [Int]] }
        let member = try #require(
            try JSONDecoder().decode(Row.self, from: Data(row.utf8)).members["frames.npy"])
        let values = shard[(member[0] + 128)..<(member[0] + member[1])]
        let shown = try Self.shown(video, frames: 4, scratch)
        #expect(values.count == 4 * 64 * 64 * 3)
        #expect(Self.difference(values, shown) < 1)
        let others = Self.matrices.indices.filter { $0 != index }
        for other in others.prefix(2) {
            let elsewhere = try Scratch()
            let turned = try Self.shown(
                Self.video(Self.matrices[other].numbers, elsewhere), frames: 4, elsewhere)
            #expect(Self.difference(values, turned) > 20, "beside \(Self.matrices[other].numbers)")
        }
    }

    @Test(arguments: matrices.indices) func isToldDrawnAndKept(_ index: Int) throws {
        let scratch = try Scratch()
        let (numbers, words) = Self.matrices[index]
        let video = try Self.video(numbers, scratch)
        let info = try Programs.pframe("info", video)
        #expect(info.status == 0 && info.output.contains("shown") == (words != nil))
        #expect(words.map { info.output.contains("shown \($0)\n") } ?? true, "\(info.output)")

        // The first picture has no vectors: its figure is that of the same picture stored upright.
        let upright = scratch.path("upright.mp4")
        try Programs.ffmpeg(["-v", "error", "-i", video, "-c:v", "libx264", "-qp", "0", "-frames:v", "1", upright])
        for (name, source) in [("a", video), ("b", upright)] {
            let drawn = try Programs.pframe(
                "view", source, "--frame", "0", "--title", "x", "--output", scratch.path("\(name).png"))
            try #require(drawn.status == 0, "\(drawn.errors)")
        }
        let figures = try ["a.png", "b.png"].map { try Self.shown(scratch.path($0), frames: 1, scratch) }
        #expect(Self.difference(figures[0], figures[1]) < 1)

        let extracted = try Programs.pframe("extract", video, "--residual", "--output", scratch.path("x"))
        #expect(extracted.status == 0)
        #expect(extracted.errors.contains("as they are stored") == (words != nil), "\(extracted.errors)")
        let rebuilt = try Programs.pframe("reconstruct", scratch.path("x/clip"), "--output", scratch.path("r.mp4"))
        #expect(rebuilt.status == 0, "\(rebuilt.errors)")
        let pictures = try [video, scratch.path("r.mp4")].map { try Self.shown($0, frames: 3, scratch) }
        #expect(Self.difference(pictures[0], pictures[1]) < 6)
        let matroska = try Programs.pframe("reconstruct", scratch.path("x/clip"), "--output", scratch.path("r.mkv"))
        #expect((matroska.status == 0) == (words == nil))
        #expect(words.map { matroska.errors.contains($0) && matroska.errors.contains(".mp4") } ?? true)
    }
}
