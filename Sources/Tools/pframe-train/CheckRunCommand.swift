import ArgumentParser
import Storage
import SystemPackage
import ToolOptions
import Train

/// `pframe check` of a run.
struct CheckRunCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "check",
        abstract: "Find damage in the run of a model: configuration, checkpoint, metrics and pictures.",
        shouldDisplay: false)

    @Argument(help: ArgumentHelp("The folder of the run.", valueName: "run"), completion: .directory)
    var folder: FilePath

    @OptionGroup var report: ReportOptions

    private struct Line: Encodable {
        let file: String
        let message: String
    }

    private struct Result: Encodable {
        let run: String
        let model: String?
        let step: Int?
        let steps: Int?
        let findings: Int
        let bytes: Int
        let metrics: Int
        let pictures: Int
    }

    func run() throws {
        let check = RunCheck(run: folder, families: ModelRegistry.families)
        let findings = check.findings
        if report.json {
            for finding in findings {
                try Console.json(Line(file: (finding.path ?? folder).string, message: finding.message))
            }
            try Console.json(
                Result(
                    run: folder.string, model: check.model, step: check.step, steps: check.steps,
                    findings: findings.count, bytes: check.bytes, metrics: check.lines, pictures: check.pictures))
        } else {
            for finding in findings { Console.output(finding.description) }
            let verdict = findings.isEmpty ? "all is well" : "\(findings.count) found"
            let name = check.model.map { "a run of \($0)" } ?? "a run"
            let step = check.step.map { ", step \(Format.count($0))" } ?? ""
            let goal = check.step == nil ? "" : check.steps.map { " of \(Format.count($0))" } ?? ""
            Console.output(
                "\(folder): \(name)\(step)\(goal): \(verdict); checkpoint \(Format.bytes(check.bytes)), metrics of "
                    + "\(Format.quantity(check.lines, "step")), \(Format.quantity(check.pictures, "picture"))")
        }
        if !findings.isEmpty { throw DataProblem() }
    }
}
