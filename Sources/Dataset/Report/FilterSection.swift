import Storage

/// The rules of a filter with what each came to.
struct FilterSection: Sendable {
    let filter: FilterRecord

    var html: HTML {
        let all = filter.kept + filter.dropped
        var left = all
        let rows = filter.rules.map { rule -> HTML in
            let before = left
            left = rule.kept
            let missing: HTML =
                rule.missing > 0
                ? "<br><span class=\"soft\">\(NumberText.count(rule.missing)) dropped for want of a value</span>" : ""
            return """
                <tr class="rule"><th scope="row">\(rule.words)\(missing)</th><td>\(NumberText.count(rule.dropped))</td>\
                <td>\(NumberText.count(rule.kept))</td>\
                <td class="share">\(Self.bar(rule.kept, before, all))\(NumberText.percent(rule.kept, of: all))</td></tr>

                """
        }
        let source: HTML = filter.source.isEmpty ? "" : " of <code>\(filter.source)</code>"
        return """
            <section id="filter"><h2>Filter</h2>
            <p>\(NumberText.count(filter.kept)) of the \(NumberText.count(all, "clip"))\(source) were kept, \
            \(NumberText.count(filter.dropped)) dropped. Rules apply one after the other.</p>
            <table class="rules"><thead><tr><th scope="col">rule: keep</th><th scope="col">dropped</th>\
            <th scope="col">left</th><th scope="col">of all</th></tr></thead><tbody>\(rows)</tbody></table>
            </section>

            """
    }

    /// What a rule kept, and what it dropped of what was left, as shares of all.
    private static func bar(_ kept: Int, _ before: Int, _ all: Int) -> HTML {
        let scale = 100 / Double(max(1, all))
        return """
            <span class="bar" aria-hidden="true"><i class="kept" style="width:\(NumberText.coordinate(Double(kept) * scale))%"></i>\
            <i class="dropped" style="width:\(NumberText.coordinate(Double(before - kept) * scale))%"></i></span>
            """
    }
}
