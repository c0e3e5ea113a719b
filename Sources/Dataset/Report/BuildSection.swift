import Figures
import Shards
import Storage

/// How a data set was made: its options in words, and what became of the videos.
struct BuildSection: Sendable {
    let description: DatasetDescription
    let facts: ReportFacts

    var html: HTML {
        """
        <section id="build"><h2>How it was built</h2>
        <div class="columns"><div>\(sentences)\(rejects)</div><div>\(account)</div></div>
        </section>

        """
    }

    /// The options in words, or as they are where they are not those of a build.
    private var sentences: HTML {
        let options = description.options
        guard let shape = shape(options) else { return table(of: options.members ?? [:]) }
        let frames = options["frames"]?.int
        let fit = ["crop": ", cropped to fill", "pad": ", with black bars", "stretch": ", stretched"]
        var text =
            "Clips of \(shape.lengths) at \(rate), \(shape.sizes) pixels"
            + (options["fit"]?.string.flatMap { fit[$0] } ?? "") + "."
        if let sizes = options["buckets"]?.array, sizes.count > 1 {
            let limit = options["enlarge"]?.double
            text += " Each clip has the size nearest in aspect"
            text +=
                limit.map {
                    $0 == 1 ? " that enlarges no picture." : ", enlarged \(NumberText.short($0)) times at most."
                } ?? "."
        }
        if let hop = options["hop"]?.int {
            text += hop == frames ? " Each clip begins where the previous ends" : " A clip begins every \(hop) frames"
            text += options["clips_per_video"]?.int.map { ", at most \(NumberText.count($0)) per video." } ?? "."
        }
        text += cuts
        let names = options["represent"]?.array?.compactMap(\.string) ?? []
        let members = [
            "motion-residual": "motion vectors and residual", "difference": "differences",
            "bits": "bits per macroblock",
        ]
        let words = names.map { members[$0] ?? $0 }
        if !names.isEmpty { text += " Records hold \(words.joined(separator: ", "))" }
        if names.contains(Representation.motionResidual.rawValue), let source = options["motion_source"]?.string {
            let methods = ["h264": "re-encoding as H.264", "search": "block search"]
            text += ", motion found by \(methods[source] ?? source)"
            text += options["radius"]?.int.map { " within \(NumberText.count($0, "pixel"))" } ?? ""
        }
        if !names.isEmpty { text += "." }
        return "<p>\(text)</p>"
    }

    /// How far apart frames were taken.
    private var rate: String {
        let options = description.options
        if let stride = options["stride"]?.int { return "every \(NumberText.count(stride, "frame"))" }
        if let share = options["fps"]?.string { return "\(share) frames per second, by the source’s own rate" }
        return options["fps"]?.double.map { "\(NumberText.short($0)) frames per second" } ?? "its own rate"
    }

    /// Where shots were cut.
    private var cuts: String {
        let options = description.options
        guard let threshold = options["cut_threshold"]?.double.map({ NumberText.short($0) }) else {
            return " Clips may run across cuts."
        }
        var text = " Shots are cut where the content value reaches "
        if options["cut_rule"]?.string == CutRule.Measure.adaptive.rawValue {
            text += "\(threshold) times the mean of its four neighbours, and \(NumberText.short(CutRule.leastContent))"
        } else {
            text += threshold
        }
        text += options["content_rule"]?.string.map { ", pictures shrunk by rule \($0)." } ?? "."
        let shortest =
            options["min_shot"]?.int.map { NumberText.count($0, "frame") } ?? options["min_shot"]?.string
        return text + (shortest.map { " Cuts within \($0) of the cut before are left out." } ?? "")
    }

    /// Lengths and sizes of clips in words.
    private func shape(_ options: JSONValue) -> (lengths: String, sizes: String)? {
        if let sizes = options["buckets"]?.array?.compactMap({ $0.string.map { $0.replacing("x", with: " × ") } }),
            let lengths = options["lengths"]?.array?.compactMap(\.int), let longest = lengths.last
        {
            let shorter = lengths.dropLast().map { NumberText.count($0) + " or " }.joined()
            return (shorter + NumberText.count(longest, "frame"), sizes.joined(separator: ", "))
        }
        guard let frames = options["frames"]?.int, let width = options["width"]?.int,
            let height = options["height"]?.int
        else { return nil }
        return (NumberText.count(frames, "frame"), "\(width) × \(height)")
    }

    private func table(of members: [String: JSONValue]) -> HTML {
        guard !members.isEmpty else { return "" }
        let rows = members.sorted { $0.key.utf8.lexicographicallyPrecedes($1.key.utf8) }.map { name, value -> HTML in
            "<tr><th scope=\"row\">\(name)</th><td>\(value.string ?? value.json())</td></tr>"
        }
        return "<table class=\"list\"><tbody>\(rows)</tbody></table>"
    }

    /// The names of totals in the order of the work, with what they count.
    private static let totals = [
        ("videos", "videos read"), ("spans", "of them spans of videos"), ("rejected_videos", "videos without a clip"),
        ("listed_rejects", "listed videos, not read"), ("frames", "frames decoded"), ("shots", "shots"),
        ("short_shots", "shots too short for a clip"), ("small_shots", "shots too small for the buckets"),
        ("tails", "shots with a tail"),
        ("damaged_frames", "damaged frames"), ("skipped_frames", "frames skipped for damage"), ("clips", "clips"),
    ]

    private var account: HTML {
        let known = Self.totals.compactMap { name, words in description.totals[name].map { (words, $0) } }
        // What a filter kept and dropped has a section of its own.
        let told = Set(Self.totals.map(\.0) + ["kept", "dropped"])
        let others = description.totals.filter { !told.contains($0.key) }
            .sorted { $0.key.utf8.lexicographicallyPrecedes($1.key.utf8) }.map { ($0.key, $0.value) }
        guard !(known + others).isEmpty else { return "" }
        let rows = (known + others).map { words, count -> HTML in
            "<tr><th scope=\"row\">\(words)</th><td>\(NumberText.count(count))</td></tr>"
        }
        return "<table class=\"numbers\"><tbody>\(rows)</tbody></table>"
    }

    private var rejects: HTML {
        guard !facts.rejects.isEmpty else { return "<h3>Rejects</h3><p class=\"soft\">No video was rejected.</p>" }
        let groups = facts.rejects.map { group -> HTML in
            let items = group.examples.map { reject -> HTML in
                let taken: HTML =
                    reject.clips > 0
                    ? " <span class=\"soft\">(\(NumberText.count(reject.clips, "clip")) taken)</span>" : ""
                return
                    "<li><code dir=\"auto\">\(reject.video)</code> <span dir=\"auto\">\(reject.reason)</span>\(taken)</li>"
            }
            let more: HTML =
                group.count > group.examples.count
                ? "<li class=\"soft\">and \(NumberText.count(group.count - group.examples.count)) more in rejects.jsonl</li>"
                : ""
            return """
                <details><summary><strong>\(NumberText.count(group.count)) \(group.kind.rawValue)</strong> \
                \(group.kind.words)</summary><ul>\(items)\(more)</ul></details>
                """
        }
        return "<h3>Rejects</h3>\(groups)"
    }
}
