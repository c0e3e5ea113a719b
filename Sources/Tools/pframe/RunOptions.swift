public import ArgumentParser
import Codec
public import MotionVectors
import Storage

/// How a command works on many things.
struct RunOptions: ParsableArguments {
    @Option(name: .shortAndLong, help: "Videos or shards to work on at once; default: one per processor.")
    var jobs: Int?

    mutating func validate() throws {
        if let jobs, jobs < 1 { throw ValidationError("--jobs takes 1 or more") }
    }

    /// Jobs for so many pieces of work.
    func jobs(for pieces: Int) -> Int { max(1, min(count, pieces)) }

    /// Jobs where the pieces are not counted yet.
    var count: Int { jobs ?? Parallel.processors }
}

/// Which stream of a video.
struct StreamOptions: ParsableArguments {
    @Option(help: "Stream to read, by its index in the container (see pframe info); default: the first video stream.")
    var stream: Int?
}

/// Which part of a video.
struct SpanOptions: ParsableArguments {
    @Option(help: "Start at this time of the video: seconds (83.5) or a timecode (1:23.5).")
    var start: String?

    @Option(help: "End before this time of the video.")
    var end: String?

    mutating func validate() throws {
        do throws(PFrameError) { _ = try parsed() } catch { throw ValidationError(error.message) }
    }

    /// The span; nil for the whole video.
    var span: TimeSpan? {
        // Checked above.
        try? parsed()
    }

    private func parsed() throws(PFrameError) -> TimeSpan? {
        func seconds(_ option: String, _ text: String?) throws(PFrameError) -> Double? {
            guard let text else { return nil }
            if let seconds = TimeSpan.seconds(timecode: text) { return seconds }
            throw PFrameError(
                .usage, "\(option) takes seconds (83.5) or a timecode (1:23.5 or 0:01:23.5), not \"\(text)\"")
        }
        let (first, last) = (try seconds("--start", start), try seconds("--end", end))
        return first == nil && last == nil ? nil : try TimeSpan(start: first ?? 0, end: last)
    }
}

extension MotionSource: ExpressibleByArgument {}

/// Which vectors of a video.
struct MotionOptions: ParsableArguments {
    @OptionGroup var streams: StreamOptions

    @OptionGroup var part: SpanOptions

    @Option(
        help: """
            stream (the video's own vectors), bitstream (the same from H.264's syntax, with true references), h264 \
            (ED-VDM's re-encoding) or search (block search, any codec).
            """)
    var motionSource = MotionSource.stream

    @Option(help: "Largest motion of h264 and search, in pixels.")
    var radius = 15

    @Option(help: "Stop after this many frames.")
    var frames: Int?

    mutating func validate() throws {
        if !(1...255).contains(radius) { throw ValidationError("--radius takes 1 to 255 pixels") }
        if let frames, frames < 1 { throw ValidationError("--frames takes 1 or more") }
    }

    /// Whether any differs from its default.
    var isGiven: Bool {
        streams.stream != nil || part.span != nil || frames != nil || motionSource != .stream || radius != 15
    }

    /// The library's options for these.
    var extraction: ExtractionOptions {
        var options = ExtractionOptions()
        options.streamIndex = streams.stream
        options.source = motionSource
        options.radius = radius
        options.frameLimit = frames
        options.span = part.span
        return options
    }
}
