import Foundation
import TestSupport
import Testing

/// Closure alone proves nothing: zero vectors close too. Here the motion must be worth something.
@Suite(.serialized) struct PredictionQualityTests {
    /// Residual energy of inter blocks within 1.15 of an independent numpy H.264 prediction.
    @Test(
        .requires(.pyAV), arguments: ["bframes-4refs.mp4", "one-reference.mp4", "cropped.mp4", "open-gop.h264"])
    func residualEnergyIsThatOfAnIndependentPrediction(_ name: String) throws {
        try expectNearIndependentPrediction(Programs.fixture(name))
    }

    private static let realClips = [
        "mma_demo.mp4", "tc_nasa_13013.mp4", "mvx_vid_h264.mp4", "decord_corrupted.mp4",
    ]

    @Test(.requires(.pyAV), .requires(.realClips(realClips)), arguments: realClips)
    func residualEnergyOfRealClipsIsThatOfAnIndependentPrediction(_ name: String) throws {
        try expectNearIndependentPrediction(realClip(name))
    }

    private func expectNearIndependentPrediction(_ clip: String) throws {
        let python = try #require(Peers.pyAV)
        let scratch = try Scratch()
        try Programs.pframe("extract", clip, "--residual", "npy", "--frames", "60", "--output", scratch.path("x"))
        let name = (clip as NSString).lastPathComponent
        let stem = (name as NSString).deletingPathExtension
        let judged = try Programs.run(
            python, [Peers.folder.path + "/h264_prediction.py", clip, scratch.path("x/\(stem)"), "--frames", "50"])
        #expect(judged.status == 0, "\(judged.output)\(judged.errors)")
        print("residual energy of \(name): \(judged.output)", terminator: "")
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
