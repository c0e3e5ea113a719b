import ArgumentParser
import Codec
import Dataset
import MotionVectors
import Storage
import SystemPackage
import ToolOptions

/// `pframe reconstruct`.
struct ReconstructCommand: StoppableCommand {
    static let remedy = "nothing was written"

    static let configuration = CommandConfiguration(
        commandName: "reconstruct",
        abstract: "Rebuild a video from its motion vectors and residual.",
        usage: "pframe reconstruct <folder> --output <output> [<options>]",
        discussion: """
            For an extraction, reads only the folder that `pframe extract --residual` wrote. The pictures equal the \
            decoded video bit for bit; .yuv and .y4m store the exact pictures, .mp4 and .mkv encode them with libx264.

            For a sample of ed-vdm, reads first frame, motion and residual that `pframe sample` wrote. The frames \
            equal the frames of the model; .npy stores the exact frames, uint8 (T, H, W, 3), and .mp4 equals the .mp4 \
            of the sample. For a data set with motion and residual, reads one clip by its key.

            EXAMPLES:
              pframe reconstruct out/clip --output clip.yuv
              pframe reconstruct out/clip --output clip.mp4 --crf 12
              pframe reconstruct samples/000 --output again.mp4
              pframe reconstruct clips/000000_0000003 --output real.mp4
            """)

    @Argument(
        help: ArgumentHelp(
            "A folder that extract wrote, DIR/NNN of a sample, or DATASET/KEY.", valueName: "folder"),
        completion: .file())
    var folder: FilePath

    @Option(
        name: .shortAndLong, help: "The video to write: .yuv, .y4m, .mp4 or .mkv; for a clip .npy, .mp4 or .mkv.",
        completion: .file())
    var output: FilePath

    @Option(help: "Quality of .mp4 and .mkv: 0 (lossless) to 51.")
    var crf = SampleFiles.crf

    @Option(help: "Frames per second of a clip's video; default: the rate recorded with the clip, else 8.")
    var fps: Double?

    @OptionGroup var report: ReportOptions

    private struct Result: Encodable {
        let folder: String
        let output: String
        let frames: Int
        let width: Int
        let height: Int
    }

    func validate() throws {
        try folder.checkIsNoAddress()
        if clip == nil { _ = try kind() } else { _ = try clipKind() }
        if let fps, clip == nil || !ClipFile.rates.contains(fps) {
            throw ValidationError(
                clip == nil ? "--fps is for clips of samples and data sets" : "--fps takes 0.1 to 1000")
        }
        if !(0...51).contains(crf) { throw ValidationError("--crf takes 0 to 51") }
    }

    private func kind() throws -> DeliveredVideo.Kind {
        guard let kind = DeliveredVideo.Kind(output) else {
            throw ValidationError("\(output): the output must end in .yuv, .y4m, .mp4 or .mkv")
        }
        return kind
    }

    /// The clip that the argument names; nil if it names a folder.
    private var clip: StoredClip? { StoredClip(folder) }

    private func clipKind() throws -> RebuiltClip.Kind {
        guard let kind = RebuiltClip.Kind(output) else {
            throw ValidationError("\(output): the output of a clip must end in .npy, .mp4 or .mkv")
        }
        return kind
    }

    func run() throws {
        if let clip {
            let kind = try clipKind()
            return try reporting {
                let rebuilt = try RebuiltClip(clip)
                try rebuilt.write(to: output, as: kind, framesPerSecond: fps, crf: crf)
                try show(
                    Result(
                        folder: folder.string, output: output.string, frames: rebuilt.frames.count,
                        width: rebuilt.frames[0].width, height: rebuilt.frames[0].height))
            }
        }
        try reporting {
            let reconstruction = try Reconstruction(folder: folder)
            let progress = Progress(weights: [1], unit: "video")
            let total = reconstruction.description.frames
            let written = try reconstruction.write(to: output, crf: crf) { count throws(PFrameError) in
                progress.update(0, count: count, share: Double(count) / Double(max(1, total)))
                if Interruption.isRequested {
                    throw PFrameError(.interrupted, path: output, "interrupted; \(Self.remedy)")
                }
            }
            if let words = reconstruction.description.orientation.words, DeliveredVideo.Kind(output) == .raw {
                Console.error(
                    "\(output) holds the stored pictures without orientation: players show the video \(words); "
                        + ".mp4 keeps it")
            }
            let result = Result(
                folder: folder.string, output: output.string, frames: written.frames, width: written.size.width,
                height: written.size.height)
            try show(result)
        }
    }

    private func reporting(_ body: () throws -> Void) throws {
        do { try body() } catch { throw DataProblem(message: "error: \(error)") }
    }

    private func show(_ result: Result) throws {
        guard report.json else {
            Console.output(
                "\(result.output): \(Format.count(result.frames)) frames of \(result.width)x\(result.height)")
            return
        }
        try Console.json(result)
    }
}
