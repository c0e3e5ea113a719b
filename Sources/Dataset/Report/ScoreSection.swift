import Figures
import GRDB
import Storage

/// The histograms of all scores.
struct ScoreSection: Sendable {
    /// A score's chart with what stands beside it.
    private struct Card {
        let name: String
        let chart: HTML
        let facts: HTML
    }

    private let cards: [Card]
    private let isFiltered: Bool
    /// How many histograms there are.
    var count: Int { cards.count }

    /// Bins of a histogram.
    private static let bins = 40

    /// Counts every score, one after the other: memory is that of one column.
    ///
    /// - Parameter progress: called before each score; what it throws ends the work.
    init(
        _ index: DatasetIndex, filter: FilterRecord?, dropped: DroppedClips?, progress: () throws(PFrameError) -> Void
    ) throws(PFrameError) {
        isFiltered = dropped != nil
        var cards: [Card] = []
        for name in index.scores {
            try progress()
            let kept = try index.read { try ScoreColumn.values(name, in: $0) }
            cards.append(Self.card(name, kept, try dropped?.values(name), filter?.cuts(of: name) ?? []))
        }
        self.cards = cards
    }

    private static func card(
        _ name: String, _ kept: SortedValues, _ dropped: SortedValues?, _ cuts: [HistogramChart.Cut]
    ) -> Card {
        var missing = kept.missing == 0 ? "" : "\(NumberText.count(kept.missing)) without a value"
        if let dropped, dropped.missing > 0 {
            missing += (missing.isEmpty ? "" : ", ") + "\(NumberText.count(dropped.missing)) dropped clips without"
        }
        let others = dropped?.sorted ?? []
        guard !kept.sorted.isEmpty || !others.isEmpty else {
            return Card(name: name, chart: "<p class=\"absent\">no clip has a value</p>", facts: "<li>\(missing)</li>")
        }
        let scale = AxisScale.fitting(sorted: kept.sorted, others: others, marks: cuts.map(\.value))
        var items: [HTML] = []
        var quantiles: (low: Double, median: Double, high: Double)?
        if let low = kept.quantile(0.05), let median = kept.quantile(0.5), let high = kept.quantile(0.95) {
            quantiles = (low, median, high)
            items = [("5 %", low), ("median", median), ("95 %", high)].map { name, value in
                "<li>\(name) <b>\(NumberText.short(value))</b></li>"
            }
        }
        let chart = HistogramChart(
            kept: Histogram(kept, on: scale, bins: bins),
            dropped: dropped.map { Histogram($0, on: scale, bins: bins) }, quantiles: quantiles, cuts: cuts,
            label: label(name, kept, dropped, quantiles, cuts))
        let far = cuts.filter { !chart.isOnAxis($0.value) }.map(\.label)
        if !far.isEmpty { items.append("<li class=\"cut\">cut \(far.joined(separator: ", ")), beyond all values</li>") }
        if !missing.isEmpty { items.append("<li>\(missing)</li>") }
        if scale.knee != nil { items.append("<li>log axis</li>") }
        return Card(name: name, chart: chart.html, facts: HTML(items))
    }

    private static func label(
        _ name: String, _ kept: SortedValues, _ dropped: SortedValues?,
        _ quantiles: (low: Double, median: Double, high: Double)?, _ cuts: [HistogramChart.Cut]
    ) -> String {
        var text = "Histogram of \(name) over \(NumberText.count(kept.sorted.count, "clip"))"
        if let dropped { text += " kept and \(NumberText.count(dropped.sorted.count)) dropped" }
        if let quantiles {
            text +=
                ": median \(NumberText.short(quantiles.median)), nine in ten from \(NumberText.short(quantiles.low))"
            text += " to \(NumberText.short(quantiles.high))"
        }
        return text + (cuts.isEmpty ? "" : "; kept where \(cuts.map(\.label).joined(separator: " and "))")
    }

    /// What the columns that PFrame itself writes measure.
    static let meanings = [
        "motion_content": "content value, mean over frames: change of hue, saturation and lightness",
        "motion_content_max": "the largest content value of a frame",
        "motion_vector": "mean vector length, picture diagonals per second",
        "motion_vector_moving": "share of blocks that move by a pixel or more",
        "motion_vector_global": "share of blocks that move as the camera does",
        "motion_searched": "share of blocks without a vector of the video's own, filled by block search",
        "motion_difference": "mean absolute difference from frame to frame, grey levels",
        "bits_motion": "bits of the stream's macroblocks before coefficients, per pixel",
        "bits_residual": "bits of the stream's coefficients, per pixel",
        "qp_mean": "mean QP of the stream's macroblocks",
        "qp_spread": "standard deviation of the QP of the stream's macroblocks",
        "bucket_scale": "pixels of the clip per pixel of the video as it is shown",
        "bucket_crop": "share of the picture that was cut off",
        "caption_clip": "cosine of caption and frames under CLIP",
    ]

    var html: HTML {
        let figures = cards.map { card -> HTML in
            """
            <figure class="card score"><figcaption><h3><code>\(card.name)</code></h3>\
            <p>\(Self.meanings[card.name] ?? "")</p></figcaption>\(card.chart)<ul class="marks">\(card.facts)</ul></figure>

            """
        }
        return """
            <section id="scores"><h2>Scores</h2>
            <p class="legend"><span><i class="kept"></i>clips\(isFiltered ? " kept" : "")</span>\
            \(isFiltered ? "<span><i class=\"dropped\"></i>dropped by the filter</span>" : "" as HTML)\
            <span><svg viewBox="0 0 36 14" aria-hidden="true"><path class="spread" d="M2 7H34M2 3v8M34 3v8"/>\
            <path class="median" d="M16 1v12"/></svg>5 %, median, 95 %\(isFiltered ? " of the kept" : "")</span>\
            \(isFiltered ? "<span><svg viewBox=\"0 0 10 14\" aria-hidden=\"true\"><path class=\"cut\" d=\"M5 0v14\"/></svg>the filter’s cuts</span>" : "" as HTML)</p>
            <div class="cards">
            \(figures)</div></section>

            """
    }
}

/// Numbers by column out of table `clips` of a database.
enum ScoreColumn {
    /// Every value of a column; memory: eight bytes per clip.
    static func values(_ column: String, in database: Database) throws -> SortedValues {
        var values: [Double] = []
        var missing = 0
        let cursor = try Optional<Double>.fetchCursor(database, sql: "SELECT \(quoted(column)) FROM clips")
        while let value = try cursor.next() {
            if let value, value.isFinite { values.append(value) } else { missing += 1 }
        }
        return SortedValues(values, missing: missing)
    }
}
