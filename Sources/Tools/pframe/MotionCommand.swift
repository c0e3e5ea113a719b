public import ArgumentParser
import Codec
public import Dataset
import Synchronization
import SystemPackage
import ToolOptions

extension ShrinkRule: ExpressibleByArgument {}

/// `pframe motion`.
struct MotionCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "motion",
        abstract: "Score how much videos move.",
        discussion: """
            Decodes each video once and prints PySceneDetect's content value (mean of frames 1 to N-1, and largest), the \
            number of cuts it means (frames of 27 or more), and the mean length of the exported motion vectors in pixels \
            ("-" for codecs without). Nothing is written.

            EXAMPLES:
              pframe motion clip.mp4
              pframe motion videos/ --json | jq 'select(.mean_content > 1)'
              pframe motion clip.mp4 --frames > clip.txt        one line a frame
              pframe motion clip.mp4 --rule 0.7                 as PySceneDetect since 0.6.5

            --frames prints the columns frame, content, hue, saturation, lightness, vector; frame 0 has 0.0, a codec \
            without vectors nan. Of several videos each begins with a line "# path". Damaged videos are scored as far as \
            they decode, and give exit code 1.
            """)

    @OptionGroup var inputs: VideoInputs

    @Flag(help: "Print one line a frame instead of one a video.")
    var frames = false

    @Option(
        help: """
            How pictures shrink before they are compared: 0.6 (PySceneDetect up to 0.6.4: by the whole part of \
            width / 256), 0.7 (since 0.6.5: the longer side to 256) or none.
            """)
    var rule = ShrinkRule.v06

    @Option(help: "Stream to read, by its index in the container (see pframe info); default: the first video stream.")
    var stream: Int?

    @OptionGroup var running: RunOptions

    @OptionGroup var report: ReportOptions

    func run() throws {
        let (items, problems) = try inputs.resolve()
        let unread = problems.map { MotionResult(video: $0.path.string, error: "\($0.path): \($0.reason)") }
        for result in unread { Console.error(result.note ?? "") }
        let progress = Progress(weights: items.map(\.bytes), unit: "video")
        let results = Mutex<[MotionResult?]>(Array(repeating: nil, count: items.count))
        let output = OrderedOutput()
        let settings = Settings(rule: rule, stream: stream, json: report.json, namesVideos: items.count > 1)
        let printsFrames = frames
        Parallel.forEach(items.count, jobs: running.count(for: items.count)) { index in
            var lines = FrameLines(settings, video: items[index].path.string)
            let result = settings.measure(items[index].path) { motion, share in
                progress.update(index, count: motion.frame + 1, share: share)
                guard printsFrames else { return }
                try lines.append(motion)
                if motion.frame.isMultiple(of: 64) { output.write(index, lines.take()) }
            }
            output.write(index, lines.take())
            output.finish(index)
            results.withLock { $0[index] = result }
            progress.finish(index, message: result.note)
        }
        progress.close()
        let all = results.withLock { $0.compactMap { $0 } } + unread
        if !frames {
            if report.json {
                for result in all { try Console.json(result) }
            } else if !all.isEmpty {
                Console.output(MotionResult.table(all, seconds: progress.elapsed))
            }
        }
        if Interruption.isRequested { throw DataProblem(message: "interrupted") }
        if all.contains(where: { $0.status != .done }) { throw DataProblem() }
    }

    /// What the workers need of the command.
    struct Settings: Sendable {
        let rule: ShrinkRule
        let stream: Int?
        let json: Bool
        let namesVideos: Bool

        fileprivate func measure(
            _ path: FilePath, _ receive: (FrameMotion, Double) throws -> Void
        ) -> MotionResult {
            var result = MotionResult(video: path.string, rule: rule)
            do throws(CodecError) {
                let motion = try VideoMotion(path: path, rule: rule, streamIndex: stream) {
                    frame, share throws(CodecError) in
                    do { try receive(frame, share) } catch { throw CodecError(path: path, "\(error)") }
                    if Interruption.isRequested { throw CodecError(path: path, "interrupted") }
                }
                result.fill(motion)
            } catch {
                result.fail(error.description)
            }
            return result
        }
    }
}
