public import ArgumentParser
import Codec
public import Dataset
import Storage
import Synchronization
import SystemPackage
import ToolOptions

extension ShrinkRule: ExpressibleByArgument {}

/// `pframe motion`.
struct MotionCommand: StoppableCommand {
    static let remedy = "partial results are discarded"

    static let configuration = CommandConfiguration(
        commandName: "motion",
        abstract: "Score how much videos move.",
        usage: "pframe motion <video> ... [<options>]",
        discussion: """
            Decodes each video once and prints PySceneDetect's content value (mean of frames 1 to N-1, and largest), \
            the number of cuts (frames with a content value of 27 or more, or --cut-rule), and the mean length of the exported motion \
            vectors in pixels ("-" for codecs without vectors). Writes no files.

            EXAMPLES:
              pframe motion clip.mp4
              pframe motion videos/ --json | jq 'select(.mean_content > 1)'
              pframe motion clip.mp4 --per-frame > clip.txt    one line per frame
              pframe motion clip.mp4 --rule 0.7       as PySceneDetect since 0.6.5
              pframe motion film.mp4 --start 1:30 --end 1:35
              pframe motion clip.mp4 --per-frame --cut-rule adaptive --min-shot 15

            --per-frame prints the columns frame, content, hue, saturation, lightness, vector. Frame 0 has 0.0; a \
            codec without vectors has nan. With --cut-rule, --cut-threshold or --min-shot, the columns ratio \
            (PySceneDetect's adaptive_ratio, or nan) and cut (1 or 0) follow. With several videos, a line "# path" precedes each video. Damaged videos \
            are scored as far as they decode; the exit code is 1.
            """)

    @OptionGroup var inputs: VideoInputs

    @Flag(help: "Print one line per frame instead of one line per video.")
    var perFrame = false

    @Option(
        help: """
            How pictures are shrunk before the comparison: 0.6 (PySceneDetect up to 0.6.4: by the whole part of width \
            / 256), 0.7 (PySceneDetect since 0.6.5: the longer side to 256) or none.
            """)
    var rule = ShrinkRule.v06

    @OptionGroup var cuts: CutArguments

    @OptionGroup var streams: StreamOptions

    @OptionGroup var part: SpanOptions

    @OptionGroup var running: RunOptions

    @OptionGroup var report: ReportOptions

    func run() throws {
        let found = inputs.resolve()
        let output = OrderedOutput()
        let settings = Settings(
            rule: rule, cuts: cuts.rule, showsCuts: cuts.areGiven, stream: streams.stream, span: part.span,
            json: report.json, namesVideos: found.items.count > 1)
        let printsFrames = perFrame
        try MotionResult.each(
            of: found, running: running, report: report, summary: !perFrame, remedy: Self.remedy
        ) { index, item, progress in
            var lines = FrameLines(settings, video: item.path.shown)
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
        let cuts: CutRule
        let showsCuts: Bool
        let stream: Int?
        let span: TimeSpan?
        let json: Bool
        let namesVideos: Bool

        fileprivate func measure(
            _ path: FilePath, _ receive: (FrameMotion, Double) throws -> Void
        ) -> MotionResult? {
            var result = MotionResult(video: path.shown, rule: rule)
            do throws(PFrameError) {
                let motion = try VideoMotion(path: path, rule: rule, cutRule: cuts, streamIndex: stream, span: span) {
                    frame, share throws(PFrameError) in
                    do { try receive(frame, share) } catch {
                        throw PFrameError(PFrameError.Code(error), path: path, "\(error)")
                    }
                    if Interruption.isRequested { throw PFrameError(.interrupted, path: path, "interrupted") }
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

/// What `pframe motion` found in a video.
struct MotionResult: VideoOutcome {
    let video: String
    private(set) var rule: ShrinkRule?
    private(set) var status = VideoStatus.done
    private(set) var error: String?
    private(set) var motion: VideoMotion?

    init(video: String, rule: ShrinkRule) {
        (self.video, self.rule) = (video, rule)
    }

    init(video: String, error: String) {
        self.video = video
        fail(error)
    }

    mutating func fail(_ message: String) { (status, error) = (.failed, message) }

    mutating func fill(_ motion: VideoMotion) {
        self.motion = motion
        status = motion.damaged > 0 || motion.truncation != nil ? .damaged : .done
    }

    private enum CodingKeys: CodingKey {
        case video, rule, status, error, frames, meanContent, maxContent, cuts, meanLength, damaged, truncation
    }

    func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: CodingKeys.self)
        try container.encode(video, forKey: .video)
        try container.encode(status, forKey: .status)
        try container.encodeIfPresent(rule, forKey: .rule)
        try container.encodeIfPresent(error, forKey: .error)
        guard let motion else { return }
        try container.encode(motion.frames, forKey: .frames)
        try container.encode(motion.meanContent, forKey: .meanContent)
        try container.encode(motion.maxContent, forKey: .maxContent)
        try container.encode(motion.cuts, forKey: .cuts)
        try container.encode(motion.meanLength, forKey: .meanLength)
        try container.encode(motion.damaged, forKey: .damaged)
        try container.encodeIfPresent(motion.truncation, forKey: .truncation)
    }

    var frames: Int? { motion?.frames }

    var remarks: [String] {
        guard let motion else { return [] }
        let damaged = motion.damaged > 0 ? [Format.quantity(motion.damaged, "damaged frame")] : []
        return damaged + (motion.truncation.map { ["cut off: \($0)"] } ?? [])
    }

    static let columns = ["video", "frames", "content", "largest", "cuts", "vector px"]

    var row: [String] {
        [
            video, frames.map(Format.count) ?? "-", Format.fixed(motion?.meanContent, 3),
            Format.fixed(motion?.maxContent, 3), motion.map { Format.count($0.cuts) } ?? "-",
            Format.fixed(motion?.meanLength, 2),
        ]
    }
}

/// The lines of `pframe motion --per-frame` for one video: `frame content hue saturation lightness vector`, or JSON.
struct FrameLines {
    private let settings: MotionCommand.Settings
    private let video: String
    private var lines = ""

    init(_ settings: MotionCommand.Settings, video: String) {
        self.settings = settings
        self.video = video
    }

    /// Adds the line of a frame; before the first, the header, and where there are several videos, the name of this one.
    mutating func append(_ motion: FrameMotion) throws {
        let content = motion.content
        guard settings.json else {
            if motion.frame == 0 {
                if settings.namesVideos { lines += "# \(video)\n" }
                lines += "frame content hue saturation lightness vector\(settings.showsCuts ? " ratio cut" : "")\n"
            }
            var values = [content.value, content.hue, content.saturation, content.luma, motion.vectorLength ?? .nan]
            if settings.showsCuts { values.append(motion.verdict.ratio ?? .nan) }
            lines += "\(motion.frame) \(values.map { Format.fixed($0, 6) }.joined(separator: " "))"
            lines += settings.showsCuts ? " \(motion.verdict.isCut ? 1 : 0)\n" : "\n"
            return
        }
        lines +=
            try Console.jsonLine(
                Row(
                    video: video, frame: motion.frame, content: content.value, hue: content.hue,
                    saturation: content.saturation, lightness: content.luma, vector: motion.vectorLength,
                    ratio: motion.verdict.ratio, cut: settings.showsCuts ? motion.verdict.isCut : nil)) + "\n"
    }

    /// Hands over the lines so far.
    mutating func take() -> String {
        defer { lines = "" }
        return lines
    }

    private struct Row: Encodable {
        let video: String
        let frame: Int
        let content: Double
        let hue: Double
        let saturation: Double
        let lightness: Double
        let vector: Double?
        let ratio: Double?
        let cut: Bool?
    }
}

/// Lines of several videos on stdout in the order of the videos, though they are worked on at the same time.
///
/// The first video that is not finished writes through; what others write before their turn is kept.
final class OrderedOutput: Sendable {
    private struct State {
        var current = 0
        var kept: [Int: String] = [:]
        var finished: Set<Int> = []
    }

    private let state = Mutex(State())

    /// Writes lines of a video, each ended by a line feed.
    func write(_ index: Int, _ lines: String) {
        state.withLock { state in
            if index == state.current { Console.outputLines(lines) } else { state.kept[index, default: ""] += lines }
        }
    }

    /// Says that a video writes nothing more.
    func finish(_ index: Int) {
        state.withLock { state in
            state.finished.insert(index)
            while state.finished.remove(state.current) != nil {
                state.current += 1
                if let lines = state.kept.removeValue(forKey: state.current) { Console.outputLines(lines) }
            }
        }
    }
}
