import ArgumentParser
import Figures
import Storage
import SystemPackage
import ToolOptions

/// `pframe compare`.
struct CompareCommand: StoppableCommand {
    static let remedy = "run the same command again"

    static let configuration = CommandConfiguration(
        commandName: "compare",
        abstract: "Write a page on which people compare two sets of videos.",
        usage: "pframe compare <first> <second> --output <page> [<options>]",
        discussion: """
            Pairs the videos (.mp4, .webm) of two folders by name, and writes a folder with a page, PAGE/index.html. The \
            page shows two videos side by side in random order. The voter chooses the better video for quality, and for \
            faithfulness where samples.jsonl tells a prompt, and ticks the reasons. The page saves the votes as CSV.

            The page does not say which set a video is from. PAGE.key.json, beside the folder, does: give away the \
            folder alone, and count the votes with `pframe votes`.

            EXAMPLES:
              pframe compare samples-a samples-b --output page
              pframe votes page.key.json votes-*.csv
            """)

    @Argument(help: "A folder of videos, such as of `pframe sample`.", completion: .directory)
    var first: FilePath

    @Argument(help: "Another folder with videos of the same names.", completion: .directory)
    var second: FilePath

    @Option(name: .shortAndLong, help: "The folder of the page.", completion: .directory)
    var output: FilePath

    @Option(help: "Seed of the order of pairs and of the sides.")
    var seed: UInt32 = 0

    @OptionGroup var report: ReportOptions

    private struct Result: Encodable {
        let page: String
        let key: String
        let pairs: Int
        let unpaired: [String]
    }

    func validate() throws {
        for folder in [first, second, output] { try folder.checkIsNoAddress() }
        if isSameFile(first, second) { throw ValidationError("\(first): the two folders are one") }
    }

    func run() throws {
        let (page, key): (ComparisonPage, FilePath)
        do throws(PFrameError) {
            page = try ComparisonPage(first, second)
            key = try page.write(to: output, seed: UInt64(seed))
        } catch {
            throw DataProblem(message: "error: \(error)")
        }
        for video in page.unpaired { Console.error("error: \(video) has no partner: it is not on the page") }
        let index = output.appending(ComparisonPage.fileName)
        if report.json {
            try Console.json(
                Result(page: index.string, key: key.string, pairs: page.names.count, unpaired: page.unpaired))
        } else {
            Console.output(
                "\(index): \(Format.quantity(page.names.count, "pair")); which set is which stands in \(key)")
        }
        if !page.unpaired.isEmpty { throw DataProblem() }
    }
}
