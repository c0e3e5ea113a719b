import ArgumentParser
public import Dataset
import Shards
import Storage
import SystemPackage
import ToolOptions

extension LoaderFiles: ExpressibleByArgument {}

/// `pframe index`.
struct IndexCommand: StoppableCommand {
    static let remedy = "run the same command again"

    static let configuration = CommandConfiguration(
        commandName: "index",
        abstract: "Rewrite a data set's index, close a data set built in parts, or index foreign shards.",
        usage: "pframe index <dataset> [<options>]",
        discussion: """
            Closes a data set that was built in parts: writes dataset.json, rejects.jsonl and index.sqlite. Rewrites \
            index.sqlite of a finished data set from the rows and score files. Reads a folder of WebDataset shards of \
            other programs once, and writes rows beside each shard, an index and dataset.json; every other command and \
            the loader then accept the folder. Captions come from txt, or from caption or text in json; the other \
            fields of json become columns. If a shard is damaged, the undamaged records are indexed, the damaged byte \
            is named, and the exit code is 1.

            EXAMPLES:
              pframe index clips
              pframe index downloaded-shards --jobs 8
              pframe index clips --export energon    .tar.idx and .nv-meta, for Energon
              pframe index clips --export dali --export wids
              sqlite3 clips/index.sqlite 'SELECT key, caption FROM clips LIMIT 5'
            """)

    @Argument(help: "The folder of the data set, or of shards.", completion: .directory)
    var dataset: FilePath

    @Option(help: "Also write the index of another loader: energon, dali or wids; may be given several times.")
    var export: [LoaderFiles] = []

    @OptionGroup var running: RunOptions

    @OptionGroup var report: ReportOptions

    private struct Result: Encodable {
        let dataset: String
        let shards: Int
        let samples: Int
        let bytes: Int
        let problems: [String]
        let exported: [String]
    }

    func validate() throws { try dataset.checkIsNoAddress() }

    func run() throws {
        let folder = DatasetFolder(dataset)
        do throws(PFrameError) {
            let progress = ByteProgress()
            let result = try folder.index(
                tool: Program.name, jobs: running.count, begin: { progress.begin($0) }
            ) { bytes throws(PFrameError) in
                progress.add(bytes)
                if Interruption.isRequested {
                    throw PFrameError(.interrupted, "interrupted; \(Self.remedy)")
                }
            }
            var exported: [String] = []
            for loader in export { exported += try loader.write(folder) }
            try show(result.description, result.problems.map(\.description), exported)
            guard result.problems.isEmpty else { throw PFrameError(.damaged, "") }
        } catch {
            throw DataProblem(message: error.message.isEmpty ? "" : "error: \(error)")
        }
    }

    private func show(
        _ description: DatasetDescription, _ problems: [String], _ exported: [String]
    ) throws(PFrameError) {
        for problem in problems { Console.error("error: \(problem)") }
        guard report.json else {
            Console.output(
                "\(dataset): \(Format.count(description.samples)) records in \(description.shards.count) "
                    + "\(description.shards.count == 1 ? "shard" : "shards"), \(Format.bytes(description.bytes))"
                    + (problems.isEmpty ? "" : "; \(problems.count) problems, left out")
                    + (exported.isEmpty ? "" : "; wrote \(exported.count) files for \(names)"))
            return
        }
        let result = Result(
            dataset: dataset.string, shards: description.shards.count, samples: description.samples,
            bytes: description.bytes, problems: problems, exported: exported)
        do { try Console.json(result) } catch { throw PFrameError(PFrameError.Code(error), path: dataset, "\(error)") }
    }

    private var names: String { export.map(\.rawValue).joined(separator: ", ") }
}
