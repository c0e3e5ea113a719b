import Dataset
import Glibc
public import SystemPackage

/// `metrics.jsonl` of a run: one object a line, `{"step":100,"loss":0.0312,"learning_rate":0.0001}`.
///
/// Every line is with the kernel when `append` returns, so that a killed process loses none; the disk is not waited for.
public final class MetricsLog {
    /// The file's name in the run's folder.
    public static let fileName = "metrics.jsonl"

    private let path: FilePath
    private let descriptor: FileDescriptor

    /// Opens the log of a run, and cuts off what the run will write again.
    ///
    /// - Parameters:
    ///   - run: the run's folder.
    ///   - step: of the checkpoint that the run goes on from: lines of later steps, and half a line at the end, go. nil
    ///     for a run that begins: every line goes.
    /// - Throws: `TrainError` where the file cannot be written, or a line in its midst is damaged.
    public init(run: FilePath, resumingAt step: Int? = nil) throws(TrainError) {
        path = run.appending(Self.fileName)
        var kept = 0
        if let step { kept = try MetricsTable.length(of: path, upTo: step) }
        do {
            descriptor = try FileDescriptor.open(
                path, .writeOnly, options: [.create, .append, .closeOnExec],
                permissions: [.ownerReadWrite, .groupRead, .otherRead])
        } catch {
            throw TrainError(path: path, "cannot open: \(error)")
        }
        guard ftruncate(descriptor.rawValue, off_t(kept)) == 0 else {
            throw TrainError(path: path, "cannot cut off later steps: \(Errno(rawValue: errno))")
        }
    }

    deinit {
        // Every line was written when it was appended: a failing close loses nothing.
        _ = try? descriptor.close()
    }

    /// Appends a line.
    ///
    /// - Parameter values: names and values in the order in which they are to stand; NaN and infinities become `null`.
    /// - Throws: `TrainError`, a full disk included.
    public func append(step: Int, _ values: [(name: String, value: Double)]) throws(TrainError) {
        var line = "{\"step\":\(step)"
        for (name, value) in values {
            precondition(name != "step", "the step stands by itself")
            line += ",\(JSONValue.text(name).json()):\(JSONValue.number(value).json())"
        }
        do { try descriptor.writeAll(Array((line + "}\n").utf8)) } catch {
            throw TrainError(path: path, "cannot write: \(error)")
        }
    }
}

@available(*, unavailable)
extension MetricsLog: Sendable {}
