import Dataset
import Figures
public import Storage
public import SystemPackage

/// A page that shows a training run, `RUN/report.html`: model, data set, speed, curves and samples. The page is one
/// self-contained HTML file.
///
/// It shows the files that exist: `config.json` (any object; its members `tool`, `model`, `preset`, `dataset`, `steps`,
/// `parameters` and `gflop_per_clip` are shown at the head), the columns of `metrics.jsonl`, and `samples/STEP….png`.
/// Columns that begin with `loss`, `psnr` or `ssim` (`loss_validation`) share a chart; `samples_per_second` and
/// `share_of_peak` (0 … 1) are at the head.
public enum TrainingReport: Sendable {
    /// The file's name in the run's folder.
    public static let fileName = "report.html"

    /// Writes the page; a previous page is replaced when the new page is complete.
    ///
    /// - Throws: `PFrameError` if a file is damaged, or the page cannot be written.
    public static func write(run: FilePath) throws(PFrameError) {
        let configuration = try RunConfiguration(run: run)
        let metrics = try MetricsTable(run: run)
        let sections: [(id: String, heading: String, html: HTML)] = [
            ("curves", "Curves", curves(metrics)), ("samples", "Samples", try SampleStrips(run: run).html()),
            ("configuration", "Configuration", configuration.html),
        ].filter { $0.2 != "" }
        let tool = configuration.member("tool")?.string ?? "pframe"
        var page = PageFrame(kind: "Training run", title: ownName(of: run), generator: tool)
        page.lead = lead(configuration)
        page.tiles = tiles(configuration, metrics)
        page.contents = sections.map { ($0.id, $0.heading) }
        page.style = RunStyle.css
        page.body =
            sections.isEmpty ? "<section><p>Nothing was logged yet.</p></section>\n" : HTML(sections.map(\.html))
        page.foot = """
            Written by \(tool) from <code>\(RunConfiguration.fileName)</code>, <code>\(MetricsLog.fileName)</code> and \
            <code>\(SampleStrips.folderName)</code>; nothing in this page is loaded from elsewhere.
            """
        let text = page.html.text
        try replaceFile(run.appending(fileName), with: text)
    }

    /// What was trained on what.
    private static func lead(_ configuration: RunConfiguration) -> HTML {
        guard let model = configuration.member("model")?.string else { return "" }
        let preset: HTML = configuration.member("preset")?.string.map { ", preset <code>\($0)</code>" } ?? ""
        let dataset = configuration.member("dataset")?.string.flatMap { FilePath($0).lastComponent?.string }
        let source: HTML = dataset.map { ", trained on <code>\($0)</code>" } ?? ""
        return "<p class=\"lead\">Model <code>\(model)</code>\(preset)\(source).</p>\n"
    }

    private static func tiles(
        _ configuration: RunConfiguration, _ metrics: MetricsTable
    ) -> [(words: String, value: String)] {
        var tiles: [(words: String, value: String)] = []
        if let step = metrics.steps.last {
            let goal = configuration.member("steps")?.int.map { " of \(NumberText.count($0))" } ?? ""
            tiles.append((step == 1 && goal.isEmpty ? "step" : "steps" + goal, NumberText.count(step)))
        }
        if let loss = metrics.last("loss") { tiles.append(("last loss", NumberText.short(loss))) }
        if let count = configuration.member("parameters")?.int { tiles.append(("parameters", NumberText.tick(count))) }
        if let work = configuration.member("gflop_per_clip")?.double {
            tiles.append(("GFLOP per clip", NumberText.short(work)))
        }
        if let rate = metrics.last("samples_per_second") { tiles.append(("samples/s", NumberText.short(rate))) }
        if let share = metrics.last("share_of_peak") {
            tiles.append(("of peak", NumberText.short(100 * share, digits: 2) + " %"))
        }
        return tiles
    }

    /// What columns that begin with it share a chart of, in this order before all others.
    private static let shared = ["loss", "psnr", "ssim"]

    /// The charts of all columns, those that belong together in one.
    private static func curves(_ metrics: MetricsTable) -> HTML {
        let curves = metrics.names.map { RunCurve($0, of: metrics) }.filter { !$0.points.isEmpty }
        let groups = Dictionary(grouping: curves) { curve in
            shared.first { curve.name == $0 || curve.name.hasPrefix($0 + "_") } ?? curve.name
        }
        func rank(_ name: String) -> Int { shared.firstIndex(of: name) ?? shared.count }
        let sorted = groups.sorted { (rank($0.key), $0.key) < (rank($1.key), $1.key) }
        let charts = sorted.flatMap { name, group in
            let group = group.sorted { ($0.name.utf8.count, $0.name) < ($1.name.utf8.count, $1.name) }
            return stride(from: 0, to: group.count, by: RunChart.most).map { start in
                RunChart(
                    name: name, curves: Array(group[start...].prefix(RunChart.most)), lastStep: metrics.steps.max() ?? 0
                )
            }
        }
        guard let main = charts.first else { return "" }
        return """
            <section id="curves"><h2>Curves</h2>
            \(main.html(isLarge: true))<div class="cards">
            \(charts.dropFirst().map { $0.html(isLarge: false) })</div></section>

            """
    }
}
