import Foundation
import TestSupport
import Testing

/// Closure alone proves nothing: zero vectors close too. Here the motion must be worth something.
@Suite(.serialized) struct PredictionQualityTests {
    @Test(arguments: ["bframes-4refs.mp4", "one-reference.mp4", "cropped.mp4", "open-gop.h264"])
    func residualIsThatOfAnIndependentPrediction(_ name: String) throws {
        for frame in try energies(name, at: Programs.fixture(name)) {
            #expect(frame.found == frame.expected, "frame \(frame.number)")
        }
    }

    private static let realClips = [
        "mma_demo.mp4", "tc_nasa_13013.mp4", "mvx_vid_h264.mp4", "decord_corrupted.mp4",
    ]

    /// Real clips have weighted and damaged prediction, which the definition does not know.
    @Test(.requires(.realClips(realClips)), arguments: realClips)
    func residualOfRealClipsIsNearThatOfAnIndependentPrediction(_ name: String) throws {
        let frames = try energies(name, at: realClip(name))
        let found = frames.reduce(0) { $0 + $1.found }
        let expected = frames.reduce(0) { $0 + $1.expected }
        #expect(Double(found) <= 1.15 * Double(expected), "\(found), the independent prediction leaves \(expected)")
    }

    /// Residual energy of inter pixels by frame: as stored, and as the independent H.264 prediction leaves it that
    /// Tests/Peers/h264_prediction.py defines and writes into `predictions.csv`.
    private func energies(_ name: String, at clip: String) throws -> [(number: Int, found: Int, expected: Int)] {
        let table = try String(contentsOf: Programs.fixtures.appending(path: "predictions.csv"), encoding: .utf8)
        let rows = table.split(separator: "\n").map { $0.split(separator: ",") }.filter { $0[0] == name }
            .map { $0.dropFirst().compactMap { Int($0) } }
        try #require(rows.count > 10 && rows.allSatisfy { $0.count == 3 })
        let scratch = try Scratch()
        try Programs.pframe(
            "extract", clip, "--residual", "npy", "--references", "inferred", "--frames", "60", "--output",
            scratch.path("x"))
        let extracted = try ExtractedPixels("x/" + (name as NSString).deletingPathExtension, scratch)
        return rows.map { row in
            let residual = extracted.residual(ofFrame: row[0]) { _ in true }
            #expect(residual.count == row[1], "frame \(row[0])")
            return (row[0], residual.reduce(0) { $0 + Int($1) * Int($1) }, row[2])
        }
    }

    @Test(
        .requires(.pyAV), .requires(.realClips("mma_demo.mp4", "mvx_vid_h264.mp4")),
        arguments: ["mma_demo.mp4", "mvx_vid_h264.mp4"], ["search", "h264"])
    func estimatedMotionIsNearFullSearch(_ name: String, _ source: String) throws {
        let (clip, python) = (realClip(name), try #require(Peers.pyAV))
        let scratch = try Scratch()
        try Programs.pframe("extract", clip, "--motion-source", source, "--output", scratch.path("x"))
        let stem = (name as NSString).deletingPathExtension
        let judged = try Programs.run(
            python, [Peers.folder.path + "/search_sad.py", clip, scratch.path("x/\(stem)"), "--frames", "16"])
        #expect(judged.status == 0, "\(judged.output)\(judged.errors)")
        print("\(source) on \(name): \(judged.output)", terminator: "")
    }

    /// Panning texture without deblocking: wherever x264 skipped a macroblock, nothing may be left over.
    @Test(arguments: [(4, 0), (5, 1), (6, 2), (7, 3), (2, 6), (-3, 5)])
    func skippedMacroblocksHaveNoResidual(_ dx: Int, _ dy: Int) throws {
        let scratch = try Scratch()
        let (width, height, frames) = (256, 192, 20)
        var raw = Data(capacity: width * height * frames * 3 / 2)
        for frame in 0..<frames {
            for y in 0..<height {
                for x in 0..<width {
                    raw.append(Self.texture(Double(x) + Double(dx * frame) / 4, Double(y) + Double(dy * frame) / 4))
                }
            }
            raw.append(Data(repeating: 128, count: width * height / 2))
        }
        try raw.write(to: URL(filePath: scratch.path("pan.yuv")))
        let encoded = try Programs.ffmpeg(
            [
                "-v", "info", "-f", "rawvideo", "-s", "\(width)x\(height)", "-i", scratch.path("pan.yuv"), "-c:v",
                "libx264",
            ]
                + ["-x264-params", "ref=1:bframes=0:weightp=0:no-deblock=1:qp=24:keyint=250:scenecut=0:threads=1"]
                + [scratch.path("pan.mp4")])
        let log = try #require(
            encoded.errors.split(separator: "\n").first { $0.contains("mb P") && $0.contains("skip:") })
        let share = try #require(
            Double(log.split(separator: "skip:")[1].prefix { $0 != "%" }.trimmingCharacters(in: .whitespaces)))
        try Programs.pframe("extract", scratch.path("pan.mp4"), "--residual", "npy", "--output", scratch.path("x"))
        let residual = try scratch.data("x/pan/residual_y.npy").dropFirst(128)
        let values = residual.withUnsafeBytes { Array($0.bindMemory(to: Int16.self)) }
        var zero = 0
        for frame in 1..<frames {
            for block in 0..<(width / 16 * height / 16) {
                let corner = (frame * height + block / (width / 16) * 16) * width + block % (width / 16) * 16
                let isZero = (0..<16).allSatisfy { row in
                    (0..<16).allSatisfy { values[corner + row * width + $0] == 0 }
                }
                if isZero { zero += 1 }
            }
        }
        let blocks = (frames - 1) * width * height / 256
        let skipped = Int((share / 100 * Double(blocks)).rounded(.down))
        #expect(skipped > blocks / 10, "x264 skips too little (\(share) %) for this to prove anything")
        #expect(zero >= skipped, "\(zero) of \(blocks) macroblocks have no residual, x264 skipped \(share) %")
    }

    /// A band-limited texture of incommensurate waves, defined between pixels too.
    private static func texture(_ x: Double, _ y: Double) -> UInt8 {
        let waves =
            30 * sin(0.131 * x + 0.071 * y) + 26 * sin(-0.083 * x + 0.157 * y + 1) + 22 * sin(0.211 * x - 0.119 * y + 2)
            + 16 * sin(0.047 * x + 0.263 * y + 3)
        return UInt8((128 + waves).rounded())
    }
}
