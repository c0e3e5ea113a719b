public import ArgumentParser
import Codec
public import Dataset
import SystemPackage
import ToolOptions

extension ShrinkRule: ExpressibleByArgument {}

/// `pframe motion`.
struct MotionCommand: StoppableCommand {
    static let remedy = "nothing is kept of a part"

    static let configuration = CommandConfiguration(
        commandName: "motion",
        abstract: "Score how much videos move.",
        usage: "pframe motion <video> ... [<options>]",
        discussion: """
            Decodes each video once and prints PySceneDetect's content value (mean of frames 1 to N-1, and largest), the \
            number of cuts it means (frames of 27 or more), and the mean length of the exported motion vectors in pixels \
            ("-" for codecs without). Nothing is written.

            EXAMPLES:
              pframe motion clip.mp4
              pframe motion videos/ --json | jq 'select(.mean_content > 1)'
              pframe motion clip.mp4 --per-frame > clip.txt    one line a frame
              pframe motion clip.mp4 --rule 0.7       as PySceneDetect since 0.6.5

            --per-frame prints the columns frame, content, hue, saturation, lightness, vector; frame 0 has 0.0, a codec \
            without vectors nan. Of several videos each begins with a line "# path". Damaged videos are scored as far as \
            they decode, and give exit code 1.
            """)

    @OptionGroup var inputs: VideoInputs

    @Flag(help: "Print one line a frame instead of one a video.")
    var perFrame = false

    @Option(
        help: """
            How pictures shrink before they are compared: 0.6 (PySceneDetect up to 0.6.4: by the whole part of \
            width / 256), 0.7 (since 0.6.5: the longer side to 256) or none.
            """)
    var rule = ShrinkRule.v06

    @OptionGroup var streams: StreamOptions

    @OptionGroup var running: RunOptions

    @OptionGroup var report: ReportOptions

    func run() throws {
        let found = inputs.resolve()
        let output = OrderedOutput()
        let settings = Settings(
            rule: rule, stream: streams.stream, json: report.json, namesVideos: found.items.count > 1)
        let printsFrames = perFrame
        try MotionResult.each(
            of: found, running: running, report: report, summary: !perFrame, remedy: Self.remedy
        ) { index, item, progress in
            var lines = FrameLines(settings, video: item.path.string)
            defer {
                output.write(index, lines.take())
                output.finish(index)
            }
            return settings.measure(item.path) { motion, share in
                progress.update(index, count: motion.frame + 1, share: share)
                guard printsFrames else { return }
                try lines.append(motion)
                if motion.frame.isMultiple(of: 64) { output.write(index, lines.take()) }
            }
        }
    }

    /// What the workers need of the command.
    struct Settings: Sendable {
        let rule: ShrinkRule
        let stream: Int?
        let json: Bool
        let namesVideos: Bool

        fileprivate func measure(
            _ path: FilePath, _ receive: (FrameMotion, Double) throws -> Void
        ) -> MotionResult? {
            var result = MotionResult(video: path.string, rule: rule)
            do throws(CodecError) {
                let motion = try VideoMotion(path: path, rule: rule, streamIndex: stream) {
                    frame, share throws(CodecError) in
                    do { try receive(frame, share) } catch { throw CodecError(path: path, "\(error)") }
                    if Interruption.isRequested { throw CodecError(path: path, "interrupted") }
                }
                result.fill(motion)
            } catch {
                guard !Interruption.isRequested else { return nil }
                result.fail(error.description)
            }
            return result
        }
    }
}
