import GRDB
import Storage

/// How long captions are, and how often a label, subject or split occurs.
package struct CaptionSection: Sendable {
    /// The words of captions.
    private let lengths: ScoreValues
    private let facts: ReportFacts
    private let columns: [ColumnChart]

    /// The most words in a row of bins.
    private static let bins = 40

    /// Counts words and values.
    ///
    /// - Throws: `DatasetError`.
    init(_ index: DatasetIndex, facts: ReportFacts) throws(DatasetError) {
        self.facts = facts
        columns = try ColumnChart.charts(index, clips: facts.clips)
        guard facts.captioned > 0 else {
            lengths = ScoreValues()
            return
        }
        let path = index.path
        lengths = try index.read { database in
            var lengths: [Double] = []
            let captions = try String.fetchCursor(database, sql: "SELECT caption FROM clips WHERE caption <> ''")
            while let caption = try captions.next() { lengths.append(Double(Self.words(in: caption))) }
            guard lengths.count == facts.captioned else { throw DatasetError(path: path, "changed while it was read") }
            return ScoreValues(lengths)
        }
    }

    /// Words between spaces; scripts that have none count as one.
    package static func words(in caption: String) -> Int {
        var (count, isInWord) = (0, false)
        for scalar in caption.unicodeScalars {
            let isSpace = scalar.properties.isWhitespace
            if !isSpace, !isInWord { count += 1 }
            isInWord = !isSpace
        }
        return count
    }

    /// Whether there is anything to show.
    var isEmpty: Bool { facts.captioned == 0 && columns.isEmpty }

    var html: HTML {
        guard !isEmpty else { return "" }
        let others = columns.map(\.html)
        return """
            <section id="captions"><h2>Captions and labels</h2>
            \(summary)
            <div class="cards">
            \(words)\(others)</div></section>

            """
    }

    private var summary: HTML {
        guard facts.captioned > 0 else { return "<p>The clips have no captions.</p>" }
        let none = facts.clips - facts.captioned
        return """
            <p>\(NumberText.count(facts.captioned, "clip")) with a caption, \
            \(NumberText.count(facts.captions, "different caption"))\
            \(none > 0 ? "; \(NumberText.count(none, "clip")) without" : "").</p>
            """
    }

    private var words: HTML {
        guard let least = lengths.sorted.first, let greatest = lengths.sorted.last,
            let low = lengths.quantile(0.05), let median = lengths.quantile(0.5), let high = lengths.quantile(0.95)
        else { return "" }
        var scale = AxisScale.fitting(sorted: lengths.sorted)
        var bins = Self.bins
        if scale.knee == nil {
            (scale, bins) = ScoreHistogram.wholeNumbers(Int(least)...Int(greatest), most: Self.bins)
        }
        let chart = HistogramChart(
            kept: ScoreHistogram(lengths, on: scale, bins: bins), dropped: nil, quantiles: (low, median, high),
            cuts: [],
            label: "Histogram of caption lengths: median \(NumberText.short(median)) words")
        return """
            <figure class="card"><figcaption><h3>Words of a caption</h3></figcaption>\(chart.html)<ul class="marks">\
            <li>least <b>\(NumberText.short(least))</b></li><li>median <b>\(NumberText.short(median))</b></li>\
            <li>most <b>\(NumberText.short(greatest))</b></li></ul></figure>

            """
    }
}
