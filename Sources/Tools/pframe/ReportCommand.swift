import ArgumentParser
import Dataset
import Shards
import Storage
import SystemPackage
import ToolOptions

/// `pframe report`.
struct ReportCommand: StoppableCommand {
    static let remedy = "no report was written"

    static let configuration = CommandConfiguration(
        commandName: "report",
        abstract: "Write a page that shows a data set.",
        usage: "pframe report <dataset> [<options>]",
        discussion: """
            Writes one self-contained HTML file: clips with motion arrows, histograms of all scores with a filter's \
            cuts, captions and labels, the clips at both ends of every score, duplicates, and how the data set was \
            built. The same data set gives the same bytes. The page names damaged records; a damaged record makes the \
            exit code 1.

            EXAMPLES:
              pframe report clips                                  writes clips/report.html
              pframe report filtered --output filtered.html --title "ART·V, cleaned"
              pframe report clips --examples 200
            """)

    @Argument(help: "The folder of the data set.", completion: .directory)
    var dataset: FilePath

    @Option(name: .shortAndLong, help: "The page to write; default: report.html in the data set.", completion: .file())
    var output: FilePath?

    @Option(help: "Clips on the contact sheet.")
    var examples = 48

    @Option(help: "Heading; default: the folder's name.")
    var title: String?

    @OptionGroup var report: ReportOptions

    private struct Result: Encodable {
        let dataset: String
        let report: String
        let clips: Int
        let scores: Int
        let pictures: Int
        let bytes: Int
        let problems: [String]
    }

    func validate() throws {
        try dataset.checkIsNoAddress()
        if !(0...10_000).contains(examples) { throw ValidationError("--examples takes 0 to 10000") }
    }

    func run() throws {
        var options = DatasetReport.Options()
        options.title = title
        options.examples = examples
        options.isCancelled = { Interruption.isRequested }
        let path = output ?? dataset.appending(DatasetReport.fileName)
        let summary: DatasetReport.Summary
        do throws(PFrameError) {
            summary = try DatasetReport(DatasetFolder(dataset), options: options).write(to: path)
        } catch {
            throw DataProblem(message: "error: \(error)")
        }
        for problem in summary.problems { Console.error("error: \(problem)") }
        if report.json {
            try Console.json(
                Result(
                    dataset: dataset.string, report: path.string, clips: summary.clips, scores: summary.scores,
                    pictures: summary.pictures, bytes: summary.bytes, problems: summary.problems.map(\.description)))
        } else {
            Console.output(
                "\(path): \(Format.count(summary.clips)) clips, \(summary.scores) scores, \(summary.pictures) pictures, "
                    + Format.bytes(summary.bytes))
        }
        if !summary.problems.isEmpty { throw DataProblem() }
    }
}
