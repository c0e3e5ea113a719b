import ArgumentParser
import Codec
import MotionVectors
import SystemPackage
import ToolOptions

/// `pframe reconstruct`.
struct ReconstructCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "reconstruct",
        abstract: "Rebuild a video from its motion vectors and residual.",
        discussion: """
            Reads the folder that `pframe extract --residual` wrote, and nothing else. The pictures equal the decoded \
            video bit for bit; .yuv and .y4m store them as they are, .mp4 and .mkv encode them again with libx264.

            EXAMPLES:
              pframe reconstruct out/clip --output clip.yuv
              pframe reconstruct out/clip --output clip.mp4 --crf 12
            """)

    @Argument(help: "A folder that extract wrote.", completion: .directory)
    var folder: FilePath

    @Option(name: .shortAndLong, help: "The video to write: .yuv, .y4m, .mp4 or .mkv.", completion: .file())
    var output: FilePath

    @Option(help: "Quality of .mp4 and .mkv: 0 (lossless) to 51.")
    var crf = 12.0

    @OptionGroup var report: ReportOptions

    private struct Result: Encodable {
        let folder: String
        let output: String
        let frames: Int
        let width: Int
        let height: Int
    }

    func validate() throws {
        _ = try kind()
        if !(0...51).contains(crf) { throw ValidationError("--crf takes 0 to 51") }
    }

    private func kind() throws -> DeliveredVideo.Kind {
        guard let kind = DeliveredVideo.Kind(output) else {
            throw ValidationError("\(output): the output must end in .yuv, .y4m, .mp4 or .mkv")
        }
        return kind
    }

    func run() throws {
        do throws(CodecError) {
            let reconstruction = try Reconstruction(folder: folder)
            let progress = Progress(weights: [1], unit: "video")
            let total = reconstruction.description.frames
            let writer = try DeliveredVideo(path: output, description: reconstruction.description, crf: crf)
            var count = 0
            while let picture = try reconstruction.next() {
                try writer.write(picture, reconstruction.frames[count])
                count += 1
                progress.update(0, count: count, share: Double(count) / Double(max(1, total)))
                if Interruption.isRequested { throw CodecError(path: output, "interrupted; nothing was written") }
            }
            try writer.finish()
            progress.close()
            let size = writer.size
            let result = Result(
                folder: folder.string, output: output.string, frames: count, width: size.width, height: size.height)
            try show(result)
        } catch {
            throw DataProblem(message: "error: \(error)")
        }
    }

    private func show(_ result: Result) throws(CodecError) {
        guard report.json else {
            Console.output(
                "\(result.output): \(Format.count(result.frames)) frames of \(result.width)x\(result.height)")
            return
        }
        do { try Console.json(result) } catch { throw CodecError(path: output, "\(error)") }
    }
}
