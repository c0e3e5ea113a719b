import ArgumentParser
import Figures
import Storage
import SystemPackage
import ToolOptions

/// `pframe votes`.
struct VotesCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "votes",
        abstract: "Count the votes of a page of `pframe compare`.",
        usage: "pframe votes <key> <votes> ... [<options>]",
        discussion: """
            Prints for each question which set wins by majority, with Wilson's interval of 95 %, how far the voters \
            agree (Fleiss' κ: 0 is chance, 1 is full agreement), and the reasons. An uneven share of votes for the left \
            side shows that voters did not look.

            EXAMPLES:
              pframe votes page.key.json votes-*.csv
              pframe votes page.key.json votes-*.csv --json
            """)

    @Argument(help: "The key that `pframe compare` wrote beside the page.", completion: .file(extensions: ["json"]))
    var key: FilePath

    @Argument(help: "The files that voters saved.", completion: .file(extensions: ["csv"]))
    var votes: [FilePath]

    @OptionGroup var report: ReportOptions

    func run() throws {
        let count: VoteCount
        do throws(PFrameError) { count = try VoteCount(votes, key: ComparisonKey(key)) } catch {
            throw DataProblem(message: "error: \(error)")
        }
        if report.json { return try Console.json(count) }
        Console.output(
            "A is \(count.sets[0]), B is \(count.sets[1]); \(Format.quantity(count.raters, "voter"))")
        for question in count.questions { Console.output(Self.words(question)) }
    }

    private static func words(_ question: VoteCount.Question) -> String {
        func percent(_ share: Double) -> String { NumberText.fixed(100 * share, 0) + " %" }
        let pairs = Format.quantity(question.pairs, "pair")
        let (low, high) = (percent(question.interval[0]), percent(question.interval[1]))
        var agreement = "each pair has one voter"
        if question.shared > 0 {
            agreement = "all voters agree on \(question.unanimous) of \(Format.quantity(question.shared, "pair"))"
            if let kappa = question.kappa { agreement += ", Fleiss' κ \(NumberText.fixed(kappa, 2))" }
        }
        var lines = [
            "\(question.question): A wins \(question.won[0]) of \(pairs), B \(question.won[1]), tied \(question.tied): "
                + "\(percent(question.share)) for A (95 %: \(low) to \(high))",
            "  votes: A \(question.votes[0]), B \(question.votes[1]); left \(percent(question.left)); \(agreement)",
        ]
        let ticked = question.reasons.filter { $0.value != [0, 0] }
        for (reason, counts) in ticked.sorted(by: { ($1.value.reduce(0, +), $0.key) < ($0.value.reduce(0, +), $1.key) })
        {
            lines.append("  \(reason): A \(counts[0]), B \(counts[1])")
        }
        return lines.joined(separator: "\n")
    }
}
