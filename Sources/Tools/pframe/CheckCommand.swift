import ArgumentParser
import Dataset
import Shards
import Storage
import SystemPackage
import ToolOptions

/// `pframe check`.
struct CheckCommand: StoppableCommand {
    static let remedy = "the rest was not checked"

    static let configuration = CommandConfiguration(
        commandName: "check",
        abstract: "Find damage in a data set, or in the run of a model.",
        usage: "pframe check <folder> [<options>]",
        discussion: """
            For a data set, reads everything once and checks sizes and SHA-256 of shards and row files, the CRC-32C of \
            each record, tar headers against rows, keys, missing and extra files, and the index. Every finding is one \
            line with file, byte, expected value, found value and remedy. Any finding gives exit code 1.

            For a run, checks that config.json, checkpoint.safetensors, metrics.jsonl and the pictures can be read, \
            that the checkpoint has every tensor of the model, and that every number is finite.

            EXAMPLES:
              pframe check clips
              pframe check run
              pframe check clips --jobs 8 --json | jq 'select(.file)'
            """)

    @Argument(help: "The folder of the data set, or of the run.", completion: .directory)
    var dataset: FilePath

    @OptionGroup var running: RunOptions

    @OptionGroup var report: ReportOptions

    private struct Line: Encodable {
        let file: String
        let offset: Int?
        let sample: String?
        let expected: String
        let found: String
        let remedy: String
    }

    private struct Result: Encodable {
        let dataset: String
        let findings: Int
        let shards: Int
        let samples: Int
        let bytes: Int
        let bytesPerSecond: Double
    }

    func validate() throws { try dataset.checkIsNoAddress() }

    func run() throws {
        let progress = ByteProgress()
        let check = DatasetCheck(DatasetFolder(dataset))
        let result: DatasetCheck.Report
        do throws(PFrameError) {
            result = try check.run(jobs: running.count, begin: { progress.begin($0) }) {
                bytes throws(PFrameError) in
                progress.add(bytes)
                if Interruption.isRequested { throw PFrameError(.interrupted, "interrupted; \(Self.remedy)") }
            }
        } catch {
            throw DataProblem(message: "error: \(error)")
        }
        let seconds = progress.elapsed
        if report.json {
            for finding in result.findings {
                try Console.json(
                    Line(
                        file: finding.file, offset: finding.offset, sample: finding.sample, expected: finding.expected,
                        found: finding.found, remedy: finding.remedy))
            }
            try Console.json(
                Result(
                    dataset: dataset.string, findings: result.findings.count, shards: result.shards,
                    samples: result.samples, bytes: result.bytes,
                    bytesPerSecond: Double(progress.done) / max(seconds, 0.001)))
        } else {
            for finding in result.findings { Console.output(finding.description) }
            let rate =
                "\(Format.bytes(progress.done)) in \(Format.fixed(seconds, 1)) s (\(ByteProgress.rate(progress.done, seconds)))"
            let verdict = result.findings.isEmpty ? "all is well" : "\(result.findings.count) found"
            Console.output(
                "\(dataset): \(verdict); \(result.shards) \(result.shards == 1 ? "shard" : "shards"), "
                    + "\(Format.count(result.samples)) records, \(rate)")
        }
        if !result.findings.isEmpty { throw DataProblem() }
    }
}
