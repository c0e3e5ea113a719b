import ArgumentParser
import Dataset
import FoundationEssentials
import Glibc
package import Storage
import Synchronization
import SystemPackage

/// How messages and progress stand on stderr.
package enum LogFormat: String, ExpressibleByArgument, CaseIterable {
    /// Lines to read.
    case text
    /// One JSON object per line.
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

    /// Reserves the descriptors of stdin, stdout and stderr if they were closed at the start, so that printed text does
    /// not end up in a file that is opened later.
    package static func reserve() {
        for descriptor in [STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO] where fcntl(descriptor, F_GETFD) < 0 {
            // The least free number is given out: this one. What cannot be written there is an error.
            _ = open("/dev/null", O_RDONLY)
        }
    }

    /// Closes stdout; ends the process with exit code 1 if only closing reports that the output is lost (NFS).
    package static func close() {
        if Glibc.close(STDOUT_FILENO) < 0 { failed(Errno(rawValue: errno)) }
    }

    /// One line on stderr. Its beginning is its level: `error: `, `warning: `, or nothing.
    package static func error(_ text: String) { write(line(text), to: STDERR_FILENO) }

    /// One line on stderr that waits for nothing: neither for a thread that is writing, nor for a reader.
    package static func urgent(_ text: String) {
        var ready = pollfd(fd: STDERR_FILENO, events: Int16(POLLOUT), revents: 0)
        guard poll(&ready, 1, 0) == 1 else { return }
        let wasDrawn = isDrawn.withLockIfAvailable { isDrawn in
            defer { isDrawn = false }
            return isDrawn
        }
        _ = write(Array(((wasDrawn ?? false ? clearing : "") + line(text)).utf8), to: STDERR_FILENO)
    }

    /// A message as it stands on stderr.
    private static func line(_ text: String) -> String {
        guard logFormat == .json else { return text + "\n" }
        let level = ["error", "warning"].first { text.hasPrefix($0 + ": ") }
        let message = level.map { String(text.dropFirst($0.count + 2)) } ?? text
        return object(["level": .text(level ?? "info"), "message": .text(message)])
    }

    /// Progress: a line drawn over the previous line, a new line, or an object.
    package static func progress(_ line: @autoclosure () -> String, _ members: @autoclosure () -> [String: JSONValue]) {
        if logFormat == .json {
            write(object(members().merging(["level": .text("progress")]) { $1 }), to: STDERR_FILENO)
        } else {
            write(redraws ? line() : line() + "\n", to: STDERR_FILENO, draws: redraws)
        }
    }

    /// Clears a line that was drawn; whatever is written does so too.
    package static func clear() { write("", to: STDERR_FILENO) }

    private static func object(_ members: [String: JSONValue]) -> String { JSONValue.object(members).json() + "\n" }

    /// One line on stdout. If stdout cannot take the line, as on a full disk, the process ends with exit code 1. If
    /// nobody reads stdout any more, as with `head`, the process prints no error.
    package static func output(_ text: String) {
        write(text + "\n", to: STDOUT_FILENO)
    }

    /// Lines on stdout that end by themselves; as ``output(_:)``.
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

    /// Moves to the start of the line and empties it.
    private static let clearing = "\r\u{1B}[K"

    private static func write(_ text: String, to descriptor: Int32, draws: Bool = false) {
        let problem = isDrawn.withLock { isDrawn in
            if isDrawn || draws { _ = write(Array(clearing.utf8), to: STDERR_FILENO) }
            isDrawn = draws
            return write(Array(text.utf8), to: descriptor)
        }
        // Of stderr there is no other place to tell.
        if let problem, descriptor == STDOUT_FILENO, problem != .brokenPipe { failed(problem) }
    }

    private static func failed(_ problem: Errno) -> Never {
        error("error: cannot write to stdout: \(problem)")
        // Other threads may be at work: what they write stands under hidden names until it is whole.
        _exit(1)
    }

    /// Writes all bytes; gives back why not where that is not possible.
    private static func write(_ bytes: [UInt8], to descriptor: Int32) -> Errno? {
        var position = 0
        while position < bytes.count {
            let count = bytes.withUnsafeBytes {
                Glibc.write(descriptor, $0.baseAddress.map { $0 + position }, $0.count - position)
            }
            position += max(0, count)
            guard count < 0, errno != EINTR else { continue }
            guard errno == EAGAIN else { return Errno(rawValue: errno) }
            // Whoever shares the pipe made it one that does not wait.
            var ready = pollfd(fd: descriptor, events: Int16(POLLOUT), revents: 0)
            _ = poll(&ready, 1, -1)
        }
        return nil
    }
}

/// Numbers as the commands print them.
package enum Format {
    /// `1,234,567`.
    package static func count(_ value: Int) -> String { NumberText.count(value) }

    /// `1 clip`, `1,234 clips`.
    package static func quantity(_ value: Int, _ noun: String) -> String { NumberText.count(value, noun) }

    /// `3.2 MB`.
    package static func bytes(_ value: Int) -> String { NumberText.bytes(value, decimals: 1) }

    /// `1:02:03` or `2:03`.
    package static func duration(_ seconds: Double) -> String { NumberText.clock(seconds) }

    /// A number with a fixed count of decimals, `-` for none.
    package static func fixed(_ value: Double?, _ decimals: Int) -> String {
        value.map { NumberText.plain($0, decimals) } ?? "-"
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
