import ArgumentParser
import Dataset
import Shards
import Storage
import SystemPackage
import ToolOptions

/// `pframe bench-loader`.
struct BenchLoaderCommand: StoppableCommand {
    static let remedy = "nothing was measured"

    static let configuration = CommandConfiguration(
        commandName: "bench-loader",
        abstract: "Measure how fast the loader reads a data set, beside cat.",
        discussion: """
            Reads epochs of the data set as training does, with checksums, and prints records and bytes per second. \
            For a folder it then lets cat read the same shards and prints the ratio of the speeds.

            EXAMPLES:
              pframe bench-loader DATASET
              pframe bench-loader DATASET --members mv.npy --batch 64 --json
              pframe bench-loader http://host/DATASET --threads 8
              pframe bench-loader DATASET --list-keys --no-shuffle
            """)

    @OptionGroup var loading: LoaderArguments

    @Option(help: "Epochs to read; default: as many as fit into two seconds.")
    var epochs: Int?

    @Option(help: "The first epoch.")
    var epoch = 0

    @Option(help: "The first position in the first epoch, in records of all ranks.")
    var position = 0

    @Flag(help: "Print position and key of the records in order, one per line, and measure nothing.")
    var listKeys = false

    @OptionGroup var report: ReportOptions

    private struct Result: Encodable {
        let samplesPerSecond: Double
        let bytesPerSecond: Double
        let firstSampleMs: Double
        let catBytesPerSecond: Double?
        let ratio: Double?
        let samples: Int
        let damaged: Int
    }

    func validate() throws {
        if let epochs, epochs < 1 { throw ValidationError("--epochs takes 1 or more") }
        if epoch < 0 || position < 0 { throw ValidationError("--epoch and --position take 0 or more") }
    }

    func run() throws {
        let damaged: [DamagedSample]
        do throws(PFrameError) {
            var options = loading.options
            options.start = LoaderPosition(epoch: epoch, samples: position)
            let clock = ProgressClock()
            let loader = try Loader(loading.source, options: options)
            if listKeys { try list(loader) } else { try measure(loader, since: clock) }
            damaged = loader.damaged
        } catch {
            throw DataProblem(message: "error: \(error)")
        }
        for sample in damaged { Console.error("error: damaged: \(sample)") }
        if Interruption.isRequested { throw DataProblem.interrupted(Self.remedy) }
        if !damaged.isEmpty { throw DataProblem() }
    }

    /// Runs through epochs.
    private func read(
        _ loader: Loader, enough: () -> Bool, _ body: (Batch) -> Void
    ) throws(PFrameError) {
        var number = epoch
        while true {
            while let batch = try loader.next() {
                body(batch)
                if Interruption.isRequested { return }
            }
            number += 1
            if number - epoch >= epochs ?? Int.max || epochs == nil && enough() { return }
            try loader.startEpoch(number)
        }
    }

    private func list(_ loader: Loader) throws(PFrameError) {
        try read(loader, enough: { true }) { batch in
            for (position, row) in zip(batch.positions, batch.rows) {
                let object = JSONValue.object(["position": .integer(position), "key": .text(row.key)])
                Console.output(report.json ? object.json() : "\(position) \(row.key)")
            }
        }
    }

    private func measure(_ loader: Loader, since clock: ProgressClock) throws(PFrameError) {
        var first: Double?
        try read(loader, enough: { clock.elapsed >= 2 || loader.dataset.samples == 0 }) { batch in
            if first == nil, batch.count > 0 { first = clock.elapsed }
        }
        let (elapsed, statistics) = (clock.elapsed, loader.statistics)
        let bytesPerSecond = Double(statistics.bytes) / elapsed
        let cat = try catSpeed(loader.dataset)
        let result = Result(
            samplesPerSecond: Double(statistics.samples) / elapsed, bytesPerSecond: bytesPerSecond,
            firstSampleMs: (first ?? 0) * 1000, catBytesPerSecond: cat, ratio: cat.map { bytesPerSecond / $0 },
            samples: statistics.samples, damaged: statistics.damaged)
        if report.json {
            do { try Console.json(result) } catch { throw PFrameError(PFrameError.Code(error), "\(error)") }
        } else {
            show(result)
        }
    }

    /// Bytes per second of `cat` over the set's shards, the best of three times; nil if they are not in a folder.
    private func catSpeed(_ dataset: DatasetDescription) throws(PFrameError) -> Double? {
        guard case .folder(let folder) = try loading.source, dataset.bytes > 0 else { return nil }
        var (paths, bytes): ([String], Int) = ([], 0)
        // Enough to measure, also of a set that is larger than the memory.
        for shard in dataset.shards where bytes < 4_000_000_000 {
            paths.append(folder.appending(shard.tarName).string)
            bytes += shard.bytes
        }
        do {
            let nowhere = try FileDescriptor.open("/dev/null", .writeOnly)
            return try nowhere.closeAfter {
                var best = 0.0
                for _ in 0..<3 where !Interruption.isRequested {
                    let clock = ProgressClock()
                    let cat = try ChildProcess(["cat", "--"] + paths, output: nowhere, errors: nowhere)
                    guard cat.exitCode(wait: true) == 0 else { return nil }
                    best = max(best, Double(bytes) / clock.elapsed)
                }
                return best
            }
        } catch {
            throw error as? PFrameError ?? PFrameError(PFrameError.Code(error), path: "/dev/null", "\(error)")
        }
    }

    private func show(_ result: Result) {
        func rate(_ bytes: Double) -> String { "\(Format.fixed(bytes / 1e9, 2)) GB/s" }
        var rows = [
            ["loader", "\(Format.count(Int(result.samplesPerSecond))) records/s", rate(result.bytesPerSecond)]
        ]
        if let cat = result.catBytesPerSecond, let ratio = result.ratio {
            rows.append(["cat", "", rate(cat)])
            rows.append(["loader / cat", "", Format.fixed(ratio, 2)])
        }
        rows.append(["first batch", "", "\(Format.fixed(result.firstSampleMs, 1)) ms"])
        rows.append(["records read", "", Format.count(result.samples)])
        rows.append(["damaged", "", Format.count(result.damaged)])
        Console.output(Format.table(rows))
    }
}
