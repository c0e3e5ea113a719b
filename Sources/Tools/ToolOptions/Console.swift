import ArgumentParser
package import Dataset
import FoundationEssentials
import Glibc
import Synchronization

/// How messages and progress stand on stderr.
package enum LogFormat: String, ExpressibleByArgument, CaseIterable {
    /// Lines to read.
    case text
    /// One JSON object a line.
    case json
}

/// What a person reads goes to stderr, results to stdout.
package enum Console {
    /// How messages and progress stand on stderr, as the arguments of the process say, wrong ones included.
    package static let logFormat: LogFormat = {
        let words = RawArguments.escaped().prefix { $0 != "--" }
        let named = words.lastIndex(of: "--log-format").flatMap { words.indices.contains($0 + 1) ? words[$0 + 1] : nil }
        let joined = words.last { $0.hasPrefix("--log-format=") }?.dropFirst("--log-format=".count)
        return (joined.map { String($0) } ?? named).flatMap { LogFormat(rawValue: $0) } ?? .text
    }()

    /// Whether progress is a line that is drawn again and again.
    package static let redraws = isatty(STDERR_FILENO) == 1 && logFormat == .text

    /// Whether such a line stands on the terminal; held while anything is written.
    private static let isDrawn = Mutex(false)

    /// One line on stderr. What it begins with says its level: `error: `, `warning: `, or nothing.
    package static func error(_ text: String) {
        guard logFormat == .json else { return write(text + "\n", to: STDERR_FILENO) }
        let level = ["error", "warning"].first { text.hasPrefix($0 + ": ") }
        let message = level.map { String(text.dropFirst($0.count + 2)) } ?? text
        log(["level": .text(level ?? "info"), "message": .text(message)])
    }

    /// How far work is: a line drawn over the last one, a line of its own, or an object.
    package static func progress(_ line: @autoclosure () -> String, _ members: @autoclosure () -> [String: JSONValue]) {
        if logFormat == .json {
            log(members().merging(["level": .text("progress")]) { $1 })
        } else {
            write(redraws ? line() : line() + "\n", to: STDERR_FILENO, draws: redraws)
        }
    }

    /// Clears a line that was drawn; whatever is written does so too.
    package static func clear() { write("", to: STDERR_FILENO) }

    private static func log(_ members: [String: JSONValue]) {
        write(JSONValue.object(members).json() + "\n", to: STDERR_FILENO)
    }

    /// One line on stdout.
    package static func output(_ text: String) {
        write(text + "\n", to: STDOUT_FILENO)
    }

    /// Lines on stdout that end by themselves.
    package static func outputLines(_ text: String) {
        write(text, to: STDOUT_FILENO)
    }

    /// One JSON object on one line of stdout, keys sorted.
    package static func json(_ value: some Encodable) throws {
        output(try jsonLine(value))
    }

    /// One JSON object as one line of text, keys sorted.
    package static func jsonLine(_ value: some Encodable) throws -> String {
        let encoder = JSONEncoder()
        encoder.keyEncodingStrategy = .convertToSnakeCase
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        return String(decoding: try encoder.encode(value), as: UTF8.self)
    }

    private static func write(_ text: String, to descriptor: Int32, draws: Bool = false) {
        isDrawn.withLock { isDrawn in
            if isDrawn || draws { write(Array("\r\u{1B}[K".utf8), to: STDERR_FILENO) }
            isDrawn = draws
            write(Array(text.utf8), to: descriptor)
        }
    }

    private static func write(_ bytes: [UInt8], to descriptor: Int32) {
        var position = 0
        while position < bytes.count {
            let count = bytes.withUnsafeBytes {
                Glibc.write(descriptor, $0.baseAddress.map { $0 + position }, $0.count - position)
            }
            // A closed pipe or terminal has no reader to tell.
            guard count > 0 || errno == EINTR else { return }
            position += max(0, count)
        }
    }
}

/// Numbers as people read them.
package enum Format {
    /// `1,234,567`.
    package static func count(_ value: Int) -> String {
        let digits = String(abs(value))
        var groups: [Substring] = []
        var end = digits.endIndex
        while end > digits.startIndex {
            let start = digits.index(end, offsetBy: -3, limitedBy: digits.startIndex) ?? digits.startIndex
            groups.insert(digits[start..<end], at: 0)
            end = start
        }
        return (value < 0 ? "-" : "") + groups.joined(separator: ",")
    }

    /// `1 clip`, `1,234 clips`.
    package static func quantity(_ value: Int, _ noun: String) -> String {
        "\(count(value)) \(noun)\(value == 1 ? "" : "s")"
    }

    /// `3.2 MB`.
    package static func bytes(_ value: Int) -> String {
        let units = ["bytes", "kB", "MB", "GB", "TB"]
        var scaled = Double(value)
        var unit = 0
        while scaled >= 1000, unit + 1 < units.count {
            scaled /= 1000
            unit += 1
        }
        return unit == 0 ? "\(value) bytes" : "\(fixed(scaled, 1)) \(units[unit])"
    }

    /// `1:02:03` or `2:03`.
    package static func duration(_ seconds: Double) -> String {
        let total = Int(max(0, seconds.isFinite ? seconds : 0).rounded())
        func two(_ value: Int) -> String { value < 10 ? "0\(value)" : "\(value)" }
        let (hours, minutes) = (total / 3600, total / 60 % 60)
        return hours > 0 ? "\(hours):\(two(minutes)):\(two(total % 60))" : "\(minutes):\(two(total % 60))"
    }

    /// A number with a fixed count of decimals.
    package static func fixed(_ value: Double, _ decimals: Int) -> String {
        guard value.isFinite, abs(value) < 1e15 else { return "\(value)" }
        let scale = (0..<decimals).reduce(1) { result, _ in result * 10 }
        let scaled = Int((value * Double(scale)).rounded())
        let fraction = String(abs(scaled) % scale)
        let sign = scaled < 0 ? "-" : ""
        guard decimals > 0 else { return sign + String(abs(scaled)) }
        return "\(sign)\(abs(scaled) / scale).\(String(repeating: "0", count: decimals - fraction.count))\(fraction)"
    }

    /// A number with a fixed count of decimals, `-` for none.
    package static func fixed(_ value: Double?, _ decimals: Int) -> String {
        value.map { fixed($0, decimals) } ?? "-"
    }

    /// `3 videos, 1,234 frames in 5.6 s (220 frames/s), 1 failed`: the last line of a summary.
    package static func total(videos: Int, frames: Int, seconds: Double, failed: Int) -> String {
        "\(videos) \(videos == 1 ? "video" : "videos"), \(count(frames)) frames in \(fixed(seconds, 1)) s "
            + "(\(count(Int(Double(frames) / max(seconds, 0.001)))) frames/s)"
            + (failed > 0 ? ", \(failed) failed" : "")
    }

    /// Columns aligned, the first to the left, the others to the right.
    package static func table(_ rows: [[String]]) -> String {
        guard let columns = rows.first?.count else { return "" }
        let widths = (0..<columns).map { column in rows.map { $0[column].count }.max() ?? 0 }
        return rows.map { row in
            row.enumerated().map { column, text in
                let padding = String(repeating: " ", count: widths[column] - text.count)
                return column == 0 ? text + padding : padding + text
            }.joined(separator: "  ")
        }.joined(separator: "\n")
    }
}
