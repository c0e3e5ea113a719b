import Dataset
import Glibc
import Storage
import SystemPackage
import ToolOptions
import Train

/// The progress line of training: step, loss, samples/s, GFLOP/s and their share of the machine's peak, time left, memory.
final class TrainingProgress {
    private let steps: Int
    private let start: Int
    private let device: Device
    /// Bytes of the memory of a GPU.
    private let capacity: Int?
    private let isShown: Bool
    private let folder: FilePath
    private var clock = ProgressClock()
    private(set) var last: TrainingStep?
    private var smoothed: Double?

    init(steps: Int, start: Int, device: Device, isShown: Bool, folder: FilePath) {
        (self.steps, self.start, self.device, capacity) = (steps, start, device, device.facts?.memory)
        (self.isShown, self.folder) = (isShown, folder)
    }

    func begin(_ run: RunFolder, samples: Int) {
        guard isShown else { return }
        let model = run.model
        let parameters = run.configuration["parameters"]?.int ?? 0
        let from = start > 0 ? ", from step \(Format.count(start))" : ""
        Console.error(
            "\(model): \(Format.count(parameters)) parameters, \(Format.quantity(samples, "clip")), "
                + "\(Format.quantity(steps, "step"))\(from)")
    }

    func update(_ step: TrainingStep) {
        last = step
        smoothed = smoothed.map { $0 + (step.loss - $0) * 0.05 } ?? step.loss
        guard isShown, clock.isDue() else { return }
        let left = clock.elapsed / Double(step.step - start) * Double(steps - step.step)
        let share = step.shareOfPeak.map { " (\(Int($0 * 100)) % of peak)" } ?? ""
        let line =
            "\(Format.count(step.step))/\(Format.count(steps))  loss \(Format.fixed(smoothed ?? step.loss, 4))  "
            + "\(Format.fixed(step.samplesPerSecond, 1)) clips/s  "
            + "\(Format.fixed(step.flopsPerSecond / 1e9, 0)) GFLOP/s\(share)  "
            + "\(Format.duration(left)) left  \(Format.bytes(memory))\(capacity.map { " of \(Format.bytes($0))" } ?? "")"
        Console.progress(
            line,
            [
                "step": .integer(step.step), "of": .integer(steps), "loss": .number(step.loss),
                "samples_per_second": .number(step.samplesPerSecond),
                "gflop_per_second": .number(step.flopsPerSecond / 1e9),
                "share_of_peak": step.shareOfPeak.map { .number($0) } ?? .null,
                "seconds_left": .number(left), "memory_bytes": .integer(memory),
            ])
    }

    private struct Result: Encodable {
        let run: String
        let steps: Int
        let loss: Double?
        let seconds: Double
        let samplesPerSecond: Double?
        let gflopPerSecond: Double?
        let shareOfPeak: Double?
    }

    func finish(json: Bool) throws(PFrameError) {
        let seconds = clock.elapsed
        guard json else {
            guard last != nil else {
                Console.output(
                    "\(folder): all \(Format.quantity(steps, "step")) were taken before; a larger --steps continues")
                return
            }
            let loss = smoothed.map { ", loss \(Format.fixed($0, 4))" } ?? ""
            Console.output(
                "\(folder): step \(Format.count(last?.step ?? start))\(loss), \(Format.duration(seconds)); "
                    + "see \(folder.appending("report.html"))")
            return
        }
        let result = Result(
            run: folder.string, steps: last?.step ?? start, loss: last?.loss, seconds: seconds,
            samplesPerSecond: last?.samplesPerSecond, gflopPerSecond: last.map { $0.flopsPerSecond / 1e9 },
            shareOfPeak: last?.shareOfPeak)
        do { try Console.json(result) } catch { throw PFrameError("cannot write the result: \(error)") }
    }

    /// Bytes of memory: of a GPU the most that tensors held at once, else what the process holds.
    private var memory: Int { device.kind == .cuda ? device.highestMemory : Self.residentMemory() }

    private static func residentMemory() -> Int {
        guard let file = fopen("/proc/self/statm", "r") else { return 0 }
        defer { fclose(file) }
        var (size, resident) = (0, 0)
        guard
            withUnsafeMutablePointer(
                to: &size,
                { size in
                    withUnsafeMutablePointer(to: &resident) { resident in
                        withVaList([size, resident]) { vfscanf(file, "%ld %ld", $0) }
                    }
                }) == 2
        else { return 0 }
        return resident * Int(sysconf(Int32(_SC_PAGESIZE)))
    }
}
