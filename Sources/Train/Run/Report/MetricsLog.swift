import Dataset
import Glibc
package import Storage
package import SystemPackage

/// `metrics.jsonl` read back into columns.
package struct MetricsTable: Sendable, Equatable {
    /// The step of each line.
    package private(set) var steps: [Int] = []
    /// The names of the columns in the order in which they first occur.
    package private(set) var names: [String] = []
    private var columns: [String: [Double]] = [:]

    /// A table without lines.
    package init() {}

    /// Reads the log of a run; a table without lines where there is none. Half a line at the end is skipped.
    ///
    /// - Throws: `PFrameError` that names the line if another one is damaged.
    package init(run: FilePath) throws(PFrameError) {
        var table = MetricsTable()
        try Self.forEachLine(of: run.appending(MetricsLog.fileName)) { line in
            table.append(line)
            return true
        }
        self = table
    }

    private mutating func append(_ line: Line) {
        for (name, value) in line.values {
            if columns[name] == nil {
                names.append(name)
                columns[name] = Array(repeating: .nan, count: steps.count)
            }
            columns[name]?.append(value)
        }
        steps.append(line.step)
        for name in names where columns[name]?.count ?? 0 < steps.count { columns[name]?.append(.nan) }
    }

    /// The values of a column, one per line: NaN if a line has none; nil if no line has it.
    package subscript(name: String) -> [Double]? { columns[name] }

    /// The last value of a column that is a number.
    package func last(_ name: String) -> Double? { columns[name]?.last { $0.isFinite } }

    /// Bytes of the lines up to a step: the first later one ends them, and half a line.
    ///
    /// - Throws: `PFrameError` that names the line if one before that is damaged.
    static func length(of path: FilePath, upTo step: Int) throws(PFrameError) -> Int {
        var length = 0
        try forEachLine(of: path) { line in
            guard line.step <= step else { return false }
            length = line.end
            return true
        }
        return length
    }

    private struct Line {
        let step: Int
        /// By name.
        let values: [(String, Double)]
        /// Where the next line begins.
        let end: Int
    }

    /// Lends whole lines in order until `body` says that it is enough.
    private static func forEachLine(of path: FilePath, _ body: (Line) -> Bool) throws(PFrameError) {
        var number = 1
        do throws(PFrameError) {
            guard fileSize(path) != nil else { return }
            let text = try readFile(path)
            var start = 0
            while let end = text[start...].firstIndex(of: 0x0A) {
                let members = try JSONValue(text[start..<end], path: path, offset: start).members ?? [:]
                guard let step = members["step"]?.int else { throw PFrameError(.damaged, path: path, "no \"step\"") }
                let values = members.filter { $0.key != "step" }.map { ($0.key, $0.value.double ?? .nan) }
                guard body(Line(step: step, values: values.sorted { $0.0 < $1.0 }, end: end + 1)) else { return }
                start = end + 1
                number += 1
            }
        } catch {
            throw PFrameError(.damaged, path: path, "line \(number) cannot be read (\(error.message)): remove the line")
        }
    }
}

/// `metrics.jsonl` of a run: one object per line, `{"step":100,"loss":0.0312,"learning_rate":0.0001}`.
///
/// Every line is with the kernel when `append` returns, so that a killed process loses none; the disk is not waited for.
package final class MetricsLog {
    /// The file's name in the run's folder.
    package static let fileName = "metrics.jsonl"

    private let path: FilePath
    private let descriptor: FileDescriptor

    /// Opens the log of a run, and cuts off what the run will write again.
    ///
    /// - Parameters:
    ///   - run: the run's folder.
    ///   - step: of the checkpoint that the run resumes from: lines of later steps, and half a line at the end, go. nil
    ///     for a new run: every line goes.
    /// - Throws: `PFrameError` if the file cannot be written, or a line in its midst is damaged.
    package init(run: FilePath, resumingAt step: Int? = nil) throws(PFrameError) {
        path = run.appending(Self.fileName)
        var kept = 0
        if let step { kept = try MetricsTable.length(of: path, upTo: step) }
        do {
            descriptor = try FileDescriptor.open(
                path, .writeOnly, options: [.create, .append, .closeOnExec],
                permissions: [.ownerReadWrite, .groupRead, .otherRead])
        } catch {
            throw PFrameError(error, path: path, "cannot open")
        }
        guard ftruncate(descriptor.rawValue, off_t(kept)) == 0 else {
            throw PFrameError(Errno(rawValue: errno), path: path, "cannot cut off later steps")
        }
    }

    deinit {
        // Every line was written when it was appended: a failing close loses nothing.
        _ = try? descriptor.close()
    }

    /// Appends a line.
    ///
    /// - Parameter values: names and values in the order of the line; NaN and infinities become `null`.
    /// - Throws: `PFrameError`, a full disk included.
    package func append(step: Int, _ values: [(name: String, value: Double)]) throws(PFrameError) {
        var line = "{\"step\":\(step)"
        for (name, value) in values {
            precondition(name != "step", "the step stands by itself")
            line += ",\(JSONValue.text(name).json()):\(JSONValue.number(value).json())"
        }
        do { try descriptor.writeAll(Array((line + "}\n").utf8)) } catch {
            throw PFrameError(error, path: path, "cannot write")
        }
    }
}

@available(*, unavailable)
extension MetricsLog: Sendable {}
