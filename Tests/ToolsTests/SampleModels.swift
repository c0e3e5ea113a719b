import Foundation
import Testing

/// Models of a few steps on a tiny set of 64×64 clips of 8 frames, made once for all tests.
struct SampleModels {
    /// The set, with frames, differences, motion and residual.
    let clips: String
    /// ED-VDM, captions read as words.
    let edVDM: String
    /// The same, with motion and latents diffused together.
    let joint: String
    /// D-VDM without text.
    let dVDM: String
    /// VDM with labels.
    let vdm: String
    /// The residual autoencoder.
    let autoencoder: String

    /// Tests run side by side: threads of many processes would wait for one another.
    static let alone = ["--threads", "1"]
    static let sampler = Programs.pframe.deletingLastPathComponent().appending(path: "pframe-sample")

    private static let made = Result { try SampleModels(folder: Programs.root.appending(path: ".build/sample-models")) }

    /// The models.
    static func ready() throws -> SampleModels { try made.get() }

    private init(folder: URL) throws {
        let files = FileManager.default
        if files.fileExists(atPath: folder.path) { try files.removeItem(at: folder) }
        try files.createDirectory(at: folder, withIntermediateDirectories: true)
        func path(_ name: String) -> String { folder.appending(path: name).path }
        func run(_ arguments: [String]) throws {
            let engine = ["train", "encode"].contains(arguments[0]) ? Self.alone : []
            let outcome = try Programs.run(Programs.pframe.path, arguments + engine, limit: 300)
            try #require(outcome.status == 0, "\(arguments): \(outcome.errors)")
        }
        try run(["synth", "--output", path("videos"), "--videos", "6", "--size", "64", "--seconds", "1"])
        clips = path("clips")
        try run(
            [
                "build", path("videos"), "--captions", path("videos/captions.csv"), "--output", clips, "--size", "64",
                "--frames", "8", "--fps", "8", "--no-cuts", "--represent", "frames,difference,motion-residual",
            ])
        (autoencoder, edVDM, joint) = (path("vae"), path("ed-vdm"), path("joint"))
        (dVDM, vdm) = (path("d-vdm"), path("vdm"))
        func train(_ model: String, _ set: String, _ output: String, _ more: [String] = []) throws {
            try run(
                [
                    "train", model, set, "--output", output, "--steps", "2", "--batch", "2", "--warm-up", "1",
                    "--picture-every", "0",
                ] + more)
        }
        try train("vae", clips, autoencoder)
        try run(["encode", clips, "--vae", autoencoder, "--output", path("latents")])
        try train("ed-vdm", path("latents"), edVDM)
        try train("ed-vdm", path("latents"), joint, ["--motion", "joint"])
        try train("d-vdm", clips, dVDM, ["--text", "none"])
        try train("vdm", clips, vdm, ["--text", "labels"])
    }

    /// A first frame of the models' size, whose every pixel is known.
    static func image(_ scratch: Scratch, _ name: String = "first.png", size: Int = 64) throws -> String {
        let outcome = try Programs.ffmpeg(
            [
                "-v", "error", "-f", "lavfi", "-i", "testsrc2=size=\(size)x\(size)", "-frames:v", "1", "-pix_fmt",
                "rgb24",
            ]
                + [scratch.path(name)])
        try #require(outcome.status == 0, "\(outcome.errors)")
        return scratch.path(name)
    }

    /// The pixels of a picture or video as FFmpeg decodes it, RGB.
    static func pixels(_ path: String, _ scratch: Scratch) throws -> [UInt8] {
        let raw = scratch.path("pixels.rgb")
        let outcome = try Programs.ffmpeg(
            ["-v", "error", "-i", path, "-f", "rawvideo", "-pix_fmt", "rgb24", "-vsync", "passthrough", raw])
        try #require(outcome.status == 0, "\(outcome.errors)")
        return Array(try Data(contentsOf: URL(filePath: raw)))
    }

    /// The frames of a strip, 2 pixels apart.
    static func frames(ofStrip path: String, count: Int, size: Int, _ scratch: Scratch) throws -> [[UInt8]] {
        let pixels = try pixels(path, scratch)
        let width = count * (size + 2) - 2
        try #require(pixels.count == width * size * 3)
        return (0..<count).map { frame in
            (0..<size).flatMap { row in
                let start = (row * width + frame * (size + 2)) * 3
                return pixels[start..<(start + size * 3)]
            }
        }
    }
}
