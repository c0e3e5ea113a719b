public import ArgumentParser
public import Dataset
import Shards
import Storage
import SystemPackage
import ToolOptions

extension ScoreRange: ExpressibleByArgument {
    /// `1...20`, `1...` or `...20`.
    public init?(argument: String) { self.init(argument) }
}

/// `caption_clip=0.2...`.
struct ScoreRule: ExpressibleByArgument {
    let column: String
    let range: ScoreRange

    init?(argument: String) {
        guard let equals = argument.firstIndex(of: "="), equals > argument.startIndex,
            let range = ScoreRange(argument: String(argument[argument.index(after: equals)...]))
        else { return nil }
        column = String(argument[..<equals])
        self.range = range
    }
}

/// `pframe filter`.
struct FilterCommand: StoppableCommand {
    static let remedy = "run the same command again to resume"

    static let configuration = CommandConfiguration(
        commandName: "filter",
        abstract: "Write the clips of a data set that meet rules as a new data set.",
        usage: "pframe filter <dataset> [--output <output>] [<options>]",
        discussion: """
            The rules apply in this order, each to the clips that are left: motion, score, where, duplicates, top. A \
            clip without the score is dropped, and dropped.jsonl says so. Records are copied byte for byte, with the \
            same keys, into shards with the same names. The same command again resumes a stopped run.

            EXAMPLES:
              pframe filter clips --output lively --motion 1...20
              pframe filter clips --output best --top 5000000 --by caption_clip
              pframe filter clips --output some --score caption_clip=0.2...
              pframe filter clips --output once --drop-duplicates
              pframe filter clips --output cats --where "caption LIKE '%cat%'"
              pframe filter clips --list | head -3             what keys look like
              pframe filter clips --list --motion ...0.5       keys on stdout
              pframe filter clips --list --output keys.txt --motion 1...20
            """)

    @Argument(help: "The folder of the data set.", completion: .directory)
    var dataset: FilePath

    @Option(
        name: .shortAndLong, help: "Folder of the filtered set; with --list the file for keys.", completion: .file())
    var output: FilePath?

    @Option(help: ArgumentHelp("Range of motion_content, ends included: 1...20, 1... or ...20.", valueName: "range"))
    var motion: ScoreRange?

    @Option(
        help: ArgumentHelp(
            "NAME=RANGE: range of any numeric column; may be given several times.", valueName: "name=range"))
    var score: [ScoreRule] = []

    @Option(name: .customLong("where"), help: "SQL on the columns of table clips in index.sqlite.")
    var condition: String?

    @Flag(help: "Keep only the first of the clips that look alike.")
    var dropDuplicates = false

    @Option(help: "Keep this many clips, those with the greatest value of --by; ties by key.")
    var top: Int?

    @Option(help: "The column for --top.")
    var by: String?

    @Flag(help: "Write the keys of the kept clips, one per line, and no shards; without a rule all keys.")
    var list = false

    @OptionGroup var running: RunOptions

    @OptionGroup var report: ReportOptions

    private var rules: [FilterRule] {
        var rules: [FilterRule] = []
        if let motion { rules.append(.motion(low: motion.low, high: motion.high)) }
        rules += score.map { .score($0.column, low: $0.range.low, high: $0.range.high) }
        if let condition { rules.append(.condition(condition)) }
        if dropDuplicates { rules.append(.duplicates) }
        if let top, let by { rules.append(.top(top, by: by)) }
        return rules
    }

    func validate() throws {
        try dataset.checkIsNoAddress()
        if (top == nil) != (by == nil) { throw ValidationError("--top N and --by COLUMN go together") }
        if let top, top < 1 { throw ValidationError("--top takes 1 or more") }
        if rules.isEmpty, !list {
            throw ValidationError("give a rule: --motion, --score, --where, --drop-duplicates or --top N --by COLUMN")
        }
        if output == nil, !list { throw ValidationError("give --output FOLDER, or --list to print keys") }
        if list, report.json, output == nil { throw ValidationError("--list --json needs --output FILE for the keys") }
    }

    func run() throws {
        let source = DatasetFolder(dataset)
        let progress = ByteProgress()
        do {
            let index = try DatasetIndex(source)
            try check(index)
            let plan = try FilterPlan(rules, on: index)
            if !list { try show(plan) }
            guard plan.kept > 0 || list else {
                throw PFrameError(.usage, path: dataset, "no clip meets the rules; nothing was written")
            }
            if list {
                try writeKeys(plan, index)
            } else if let output {
                let set = FilteredSet(source: source, output: output, plan: plan, tool: Program.name)
                let count = running.count
                let written = try set.write(index: index, jobs: count, begin: { progress.begin($0) }) {
                    bytes throws(PFrameError) in
                    progress.add(bytes)
                    if Interruption.isRequested {
                        throw PFrameError(.interrupted, "interrupted; \(Self.remedy)")
                    }
                }
                try finish(plan, written)
            }
        } catch let error as PFrameError {
            throw DataProblem(message: "error: \(error)")
        }
    }

    /// Wrong SQL and unknown columns are wrong use of the command.
    private func check(_ index: DatasetIndex) throws {
        for column in rules.compactMap(\.column) where !index.columnNames.contains(column) {
            throw ValidationError("there is no column \(column); the columns are \(index.columnList)")
        }
        guard let condition else { return }
        do { try index.check(condition: condition) } catch { throw ValidationError("--where: \(error.message)") }
    }

    private func writeKeys(_ plan: FilterPlan, _ index: DatasetIndex) throws {
        if let output {
            try plan.writeKeys(of: index, to: output)
            try show(plan)
            try finish(plan, nil)
        } else {
            try plan.forEachKey(of: index) { Console.output($0) }
            if !rules.isEmpty { Console.error(table(plan)) }
        }
    }

    private func table(_ plan: FilterPlan) -> String {
        let rows = plan.steps.map { step in
            [step.rule.description, Format.count(step.kept), Format.count(step.dropped), Format.count(step.missing)]
        }
        return Format.table([["rule", "kept", "dropped", "without value"]] + rows)
    }

    private func show(_ plan: FilterPlan) throws {
        if !report.json, !rules.isEmpty { Console.output(table(plan)) }
    }

    private struct Step: Encodable {
        let rule: String
        let kept: Int
        let dropped: Int
        let missing: Int
    }

    private struct Result: Encodable {
        let dataset: String
        let output: String?
        let kept: Int
        let dropped: Int
        let shards: Int?
        let bytes: Int?
        let rules: [Step]
    }

    private func finish(_ plan: FilterPlan, _ written: DatasetDescription?) throws {
        guard report.json else {
            let path = output?.string ?? ""
            let shards = written.map { ", \($0.shards.count) \($0.shards.count == 1 ? "shard" : "shards")" } ?? ""
            let size = written.map { ", \(Format.bytes($0.bytes))" } ?? ""
            return Console.output(
                "\(path): \(Format.count(plan.kept)) of \(Format.count(plan.clips)) clips\(shards)\(size)")
        }
        let steps = plan.steps.map {
            Step(rule: $0.rule.description, kept: $0.kept, dropped: $0.dropped, missing: $0.missing)
        }
        try Console.json(
            Result(
                dataset: dataset.string, output: output?.string, kept: plan.kept, dropped: plan.clips - plan.kept,
                shards: written?.shards.count, bytes: written?.bytes, rules: steps))
    }
}
