public import Storage

/// A part of a video: the pictures from one instant on, up to another that is no longer part of it.
///
/// Instants count in seconds from the start of the file, as ffmpeg's `-ss` and players count: from the earliest time of
/// any stream (ffprobe's `start_time` of the format), which is 0 in most files. A picture with time t is in the span where
/// `start ≤ t < end`, to the microsecond.
public struct TimeSpan: Sendable, Hashable, Codable {
    /// The first instant, seconds.
    public let start: Double
    /// The first instant after the span, seconds; nil for the end of the video.
    public let end: Double?

    /// The longest time that a span may name, seconds: thirty years.
    private static let latest = 1e9

    /// Names a span.
    ///
    /// - Throws: `PFrameError` if the span ends before it starts, is empty, or starts before the file.
    public init(start: Double = 0, end: Double? = nil) throws(PFrameError) {
        func check(_ name: String, _ value: Double) throws(PFrameError) {
            guard (0...Self.latest).contains(value) else {
                let limit =
                    value > Self.latest
                    ? "the latest is \(Self.latest) s" : "times count from 0 at the start of the video"
                throw PFrameError(.usage, "the \(name) is \(value) s: \(limit)")
            }
        }
        try check("start", start)
        if let end {
            try check("end", end)
            guard end > start else {
                throw PFrameError(
                    .usage,
                    "the end, \(Self.seconds(end)), is not after the start, \(Self.seconds(start)); the span would be "
                        + "empty")
            }
        }
        (self.start, self.end) = (start, end)
    }

    private enum CodingKeys: CodingKey {
        case start, end
    }

    /// Reads a span that was recorded, and checks it as any other.
    public init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: CodingKeys.self)
        try self.init(
            start: container.decode(Double.self, forKey: .start),
            end: container.decodeIfPresent(Double.self, forKey: .end))
    }

    /// The seconds of a timecode: `SS`, `MM:SS` or `HH:MM:SS`, each with or without a fraction of a second; nil for other
    /// text.
    ///
    /// Without colons any number of seconds is one. Seconds after a colon are below 60, and so are minutes after one.
    public static func seconds(timecode text: some StringProtocol) -> Double? {
        let parts = text.split(separator: ":", omittingEmptySubsequences: false)
        guard (1...3).contains(parts.count) else { return nil }
        let fields = parts[parts.count - 1].split(separator: ".", omittingEmptySubsequences: false)
        guard fields.count <= 2, (parts.dropLast() + fields).allSatisfy({ isDigits($0.utf8) }),
            let last = Double(String(parts[parts.count - 1]))
        else { return nil }
        let larger = parts.dropLast().compactMap { Int($0) }
        guard larger.count == parts.count - 1, larger.isEmpty || last < 60, larger.count < 2 || larger[1] < 60 else {
            return nil
        }
        return larger.reduce(0.0) { $0 * 60 + Double($1) } * 60 + last
    }

    private static func isDigits(_ text: some Collection<UInt8>) -> Bool {
        (1...18).contains(text.count) && text.allSatisfy { (0x30...0x39).contains($0) }
    }

    /// `from 2.5 s to 4 s`, `from 2.5 s on`, `up to 4 s`.
    public var words: String {
        guard let end else { return "from \(Self.seconds(start)) on" }
        return start == 0 ? "up to \(Self.seconds(end))" : "from \(Self.seconds(start)) to \(Self.seconds(end))"
    }

    private static func seconds(_ value: Double) -> String { NumberText.trimmed(value, 6) + " s" }

    /// The span in steps of a time base: the first step in it, and the first step after it.
    ///
    /// - Parameter origin: when the file starts, microseconds.
    func ticks(_ timeBase: Rational, origin: Int) -> (start: Int, end: Int?) {
        func tick(_ seconds: Double) -> Int {
            // Times are written with six decimals: a picture half a microsecond before its own time is meant.
            let time = (seconds * 1e6).rounded() + Double(origin) - 0.75
            return Int((time * Double(timeBase.denominator) / (1e6 * Double(max(1, timeBase.numerator)))).rounded(.up))
        }
        return (tick(start), end.map(tick))
    }
}
