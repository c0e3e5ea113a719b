import ArgumentParser
import Codec
import MotionVectors
import Storage
import SystemPackage
import ToolOptions

/// `pframe info`.
struct InfoCommand: StoppableCommand {
    static let remedy = "the results so far are above"

    static let configuration = CommandConfiguration(
        commandName: "info",
        abstract: "Show what videos hold, and whether motion vectors can be exported.",
        usage: "pframe info <video> ... [<options>]",
        discussion: """
            Decodes the first frames of each video (--frames) to see its GOP structure, references, B-frames and vectors.

            EXAMPLES:
              pframe info clip.mp4
              pframe info videos/ --json | jq 'select(.vectors_available | not)'
            """)

    @OptionGroup var inputs: VideoInputs

    @OptionGroup var streams: StreamOptions

    @Option(help: "Frames to decode.")
    var frames = 300

    @OptionGroup var report: ReportOptions

    func validate() throws {
        if frames < 1 { throw ValidationError("--frames takes 1 or more") }
    }

    func run() throws {
        let found = inputs.resolve()
        for problem in found.problems { Console.error("error: \(problem.path.shown): \(problem.reason)") }
        var failed = !found.problems.isEmpty
        for (index, item) in found.items.enumerated() {
            if Interruption.isRequested { throw DataProblem.interrupted(Self.remedy) }
            do throws(PFrameError) {
                let survey = try VideoSurvey(path: item.path, streamIndex: streams.stream, frameLimit: frames)
                do {
                    if report.json { try Console.json(survey) } else { show(survey, isFirst: index == 0) }
                } catch { throw PFrameError(PFrameError.Code(error), path: item.path, "\(error)") }
                if survey.damagedFrames > 0 || survey.truncation != nil { failed = true }
            } catch {
                failed = true
                Console.error("error: \(error)")
            }
        }
        if failed { throw DataProblem() }
    }

    private func show(_ survey: VideoSurvey, isFirst: Bool) {
        var rows: [(String, String)] = []
        let profile = survey.profile.map { " \($0)" } ?? ""
        rows.append(("codec", "\(survey.codec)\(profile), \(survey.pixelFormat ?? "unknown pixels")"))
        var size = "\(survey.width)x\(survey.height)"
        if survey.codedWidth != survey.width || survey.codedHeight != survey.height {
            size += " (coded \(survey.codedWidth)x\(survey.codedHeight))"
        }
        if let aspect = survey.display.sampleAspectRatio, aspect.value != 1 {
            size += ", samples \(aspect.numerator):\(aspect.denominator)"
        }
        if let words = survey.orientation.words { size += ", shown \(words)" }
        rows.append(("size", size))
        var length =
            survey.announcedFrames > 0
            ? "\(Format.count(survey.announcedFrames)) frames announced" : "unknown frame count"
        if let duration = survey.duration { length += ", \(Format.fixed(duration, 2)) s" }
        length += survey.framesPerSecond > 0 ? ", \(Format.fixed(survey.framesPerSecond, 3)) frames/s on average" : ""
        rows.append(("length", length + (survey.isVariableRate ? ", variable rate" : "")))
        let counted = "of the first \(Format.count(survey.framesDecoded))"
        rows.append(
            (
                "frames",
                "\(survey.intraFrames) I, \(survey.predictedFrames) P, \(survey.bidirectionalFrames) B \(counted)"
            ))
        rows.append(("GOP", survey.gop))
        rows.append(("references", "up to \(survey.referenceFrames)"))
        if survey.interlacedFrames > 0 {
            rows.append(("interlaced", "\(survey.interlacedFrames) frames: their vectors are exported but not trusted"))
        }
        if survey.damagedFrames > 0 { rows.append(("damaged", "\(survey.damagedFrames) \(counted)")) }
        if let truncation = survey.truncation { rows.append(("cut off", truncation)) }
        if let change = survey.sizeChange {
            rows.append(
                (
                    "new size",
                    "\(change.width)x\(change.height) from frame \(change.frame) on: extract stops there; cut the video "
                        + "there (ffmpeg -ss/-to) and extract the parts"
                ))
        }
        if survey.vectorsAvailable {
            rows.append(("vectors", "\(Format.fixed(survey.vectorsPerFrame, 1)) per predicted frame"))
            rows.append(("motion", "\(Format.fixed(survey.meanLength, 2)) px mean vector length"))
            if let residual = survey.meanResidual {
                rows.append(("residual", "\(Format.fixed(residual, 2)) grey levels mean over predicted pixels"))
            }
            if let share = survey.intraShare {
                rows.append(("intra", "\(Format.fixed(100 * share, 1)) % of the pixels of P- and B-frames"))
            }
        } else {
            let size = Size(width: survey.width, height: survey.height)
            let remedy = Remedy.noVectors(pixelFormat: survey.pixelFormat, size: size)
            rows.append(("vectors", "none: libavcodec exports no vectors of \(survey.codec); \(remedy)"))
        }
        if let bitstream = survey.bitstream { rows.append(("bitstream", bitstream)) }
        if survey.otherVideoStreams.count > 0 {
            rows.append(("also here", survey.otherVideoStreams.map { "--stream \($0)" }.joined(separator: ", ")))
        }
        let lines = rows.map { name, text in
            "  " + name + String(repeating: " ", count: 12 - name.count) + text
        }
        Console.output(
            (isFirst ? "" : "\n") + "\(survey.video) (stream \(survey.stream))\n" + lines.joined(separator: "\n"))
    }
}
