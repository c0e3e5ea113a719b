import Foundation
import TestSupport
import Testing

/// The residual and the intra share that `extract` and `info` print, and the tags that `reconstruct` keeps.
@Suite struct PredictionTests {
    /// What one of the commands says.
    private struct Said: Decodable {
        var meanResidual: Double?
        var intraShare: Double?

        init(_ arguments: [String]) throws {
            let outcome = try Programs.run(Programs.pframe.path, arguments + ["--json"])
            let decoder = JSONDecoder()
            decoder.keyDecodingStrategy = .convertFromSnakeCase
            self = try decoder.decode(Said.self, from: Data(outcome.output.utf8))
        }
    }

    /// Mean residual and intra share pixel by pixel, from the files of an extraction.
    private static func plain(_ folder: String, _ scratch: Scratch) throws -> (residual: Double, intra: Double) {
        let extracted = try ExtractedPixels(folder, scratch)
        var (sum, predicted, pixels) = (0, 0, 0)
        for frame in extracted.types.indices where extracted.types[frame] != "I" {
            let residual = extracted.residual(ofFrame: frame, isShown: true) { $0 >= 0 }
            sum += residual.reduce(0) { $0 + Int($1.magnitude) }
            predicted += residual.count
            pixels += extracted.shown.width * extracted.shown.height
        }
        return (Double(sum) / Double(predicted), 1 - Double(predicted) / Double(pixels))
    }

    @Test(arguments: ["one-reference.mp4", "bframes-4refs.mp4", "cropped.mp4", "mpeg4-bframes.avi", "full-range.mp4"])
    func residualIsOfPredictedPixels(_ name: String) throws {
        let scratch = try Scratch()
        let video = Programs.fixture(name)
        let extracted = try Said(["extract", video, "--residual", "npy", "--output", scratch.path("x")])
        let plain = try Self.plain("x/" + (name as NSString).deletingPathExtension, scratch)
        #expect(abs(try #require(extracted.meanResidual) - plain.residual) < 1e-9)
        #expect(abs(try #require(extracted.intraShare) - plain.intra) < 1e-9)
        let surveyed = try Said(["info", video, "--frames", "10000"])
        #expect(surveyed.meanResidual == extracted.meanResidual && surveyed.intraShare == extracted.intraShare)
    }

    /// A picture that cannot be predicted does not make the residual larger: it is counted as intra.
    @Test func intraBlocksAreNoResidual() throws {
        let scratch = try Scratch()
        let video = scratch.path("cut.mp4")
        // Two unlike scenes in one GOP: the second begins with a P-picture of intra blocks.
        try #require(
            Programs.ffmpeg([
                "-v", "error", "-f", "lavfi", "-i", "color=white:size=64x64:rate=25:duration=0.4", "-f", "lavfi", "-i",
                "testsrc2=size=64x64:rate=25:duration=0.4", "-filter_complex", "[0][1]concat=n=2", "-c:v", "libx264",
                "-x264-params", "keyint=100:scenecut=0:bframes=0", video,
            ]).status == 0)
        let said = try Said(["extract", video, "--residual", "--discard"])
        #expect(try #require(said.meanResidual) < 8)
        #expect(try #require(said.intraShare) > 0.01)
    }

    /// Sample aspect ratio and colour go through `extract` and `reconstruct`.
    @Test(arguments: ["mp4", "mkv", "y4m"], [("tv", "bt709"), ("pc", "smpte170m")])
    func tagsAreKept(_ container: String, _ colour: (range: String, matrix: String)) throws {
        let scratch = try Scratch()
        let video = scratch.path("v.mp4")
        try #require(
            Programs.ffmpeg([
                "-v", "error", "-f", "lavfi", "-i", "testsrc2=size=96x64:rate=25:duration=0.4", "-vf", "setsar=16/11",
                "-c:v", "libx264", "-pix_fmt", "yuv420p", "-color_range", colour.range, "-colorspace", colour.matrix,
                "-color_primaries", "bt709", "-color_trc", "bt709", video,
            ]).status == 0)
        try #require(Programs.pframe("extract", video, "--residual", "--output", scratch.path("x")).status == 0)
        let rebuilt = scratch.path("r." + container)
        try #require(Programs.pframe("reconstruct", scratch.path("x/v"), "--output", rebuilt).status == 0)
        func tags(_ path: String) throws -> [String: String] {
            let entries = "sample_aspect_ratio,color_range,color_space,color_primaries,color_transfer"
            let pairs = try Programs.ffprobe(path, "stream=\(entries)", "-of", "default=nw=1").split(separator: "\n")
                .map { $0.split(separator: "=", maxSplits: 1) }
            return Dictionary(uniqueKeysWithValues: pairs.map { (String($0[0]), String($0[1])) })
        }
        let (before, after) = (try tags(video), try tags(rebuilt))
        try #require(before["sample_aspect_ratio"] == "16:11" && before["color_space"] == colour.matrix)
        // A Y4M header has no room for more.
        let kept = container == "y4m" ? ["sample_aspect_ratio", "color_range"] : Array(before.keys)
        for key in kept { #expect(after[key] == before[key], "\(key)") }
    }
}
