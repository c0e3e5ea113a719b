import Figures
import Shards
import Storage
import SystemPackage

/// How evenly the frames of clips lie in time, by the times in the rows of clips spread over the set.
struct StepSection: Sendable {
    private let total: Int
    private var clips = 0
    private var even = 0
    private var steps: [Double] = []
    private var worst: (key: String, steps: StepRange)?
    /// What is wrong with row files.
    private(set) var problems: [PFrameError] = []

    /// The most shards whose rows are read, and the most clips of all of them.
    private static let most = (shards: 64, clips: 8192)
    private static let bins = 40

    /// Reads rows; damaged ones become problems.
    ///
    /// - Parameter progress: called before each shard; what it throws ends the work.
    init(
        _ folder: DatasetFolder, _ description: DatasetDescription, progress: () throws(PFrameError) -> Void
    ) throws(PFrameError) {
        total = description.samples
        let shards = ContactSheet.numbers(of: Self.most.shards, among: description.shards.count)
        for shard in shards.map({ description.shards[$0] }) {
            try progress()
            do throws(PFrameError) {
                let file = folder.path.appending(shard.rowsName)
                let rows = try ShardRows(text: try readFile(file), path: file, count: shard.samples)
                for number in ContactSheet.numbers(of: Self.most.clips / shards.count, among: rows.count) {
                    add(try rows.row(number))
                }
            } catch {
                problems.append(error)
            }
        }
    }

    private mutating func add(_ row: ShardRow) {
        let seconds = row.columns.seconds
        guard seconds.count > 1 else { return }
        let range = StepRange(seconds)
        clips += 1
        if range.isEven { even += 1 }
        steps += zip(seconds.dropFirst(), seconds).map { $0 - $1 }
        if range.ratio > worst?.steps.ratio ?? 1 { worst = (row.key, range) }
    }

    /// The section; empty where no row has times.
    var html: HTML {
        guard clips > 0 else { return "" }
        let which = clips == total ? "" : " (of \(NumberText.count(total)), spread evenly over the data set)"
        let text =
            "In \(NumberText.count(even)) of \(NumberText.count(clips, "clip"))\(which), \(NumberText.percent(even, of: clips)), "
            + "the frames lie evenly in time: the longest step from a frame to the next is at most "
            + "\(NumberText.short(StepRange.evenRatio)) times the shortest."
        var least: HTML = ""
        if let worst, !worst.steps.isEven, let range = worst.steps.range {
            let (short, long) = (NumberText.fixed(range.lowerBound, 3), NumberText.fixed(range.upperBound, 3))
            let times = worst.steps.ratio.isFinite ? ", \(NumberText.fixed(worst.steps.ratio, 2)) times" : ""
            least = " The least even clip, <code>\(worst.key)</code>, has steps of \(short) to \(long) s\(times)."
        }
        return """
            <section id="steps"><h2>Time between frames</h2>
            <p>\(text)\(least)</p>
            <div class="cards">\(chart)</div></section>

            """
    }

    private var chart: HTML {
        let values = SortedValues(steps)
        let scale = AxisScale.fitting(sorted: values.sorted, others: [], marks: [])
        guard let low = values.quantile(0.05), let median = values.quantile(0.5), let high = values.quantile(0.95)
        else { return "" }
        let chart = HistogramChart(
            kept: Histogram(values, on: scale, bins: Self.bins), dropped: nil, quantiles: (low, median, high), cuts: [],
            label: "Histogram of the seconds between frames: median \(NumberText.short(median)), "
                + "nine in ten from \(NumberText.short(low)) to \(NumberText.short(high))")
        let facts = [("5 %", low), ("median", median), ("95 %", high)].map { name, value -> HTML in
            "<li>\(name) <b>\(NumberText.fixed(value, 3)) s</b></li>"
        }
        return """
            <figure class="card"><figcaption><h3>Steps</h3><p>seconds from a frame to the next</p></figcaption>\
            \(chart.html)<ul class="marks">\(facts)</ul></figure>
            """
    }
}
