import Foundation
import TestSupport
import Testing

/// `pframe report`: the page as a browser shows it, and as Python's parser reads it.
@Suite struct ReportTests {
    /// Captions that would break a page that does not escape them, or a layout that does not wrap.
    private static let captions = [
        "<script>window.ran = true; console.error('ran')</script>", "\"><img src=x onerror=\"window.ran = true\">",
        "it's \"quoted\" & <b>bold</b> &amp; &lt;", "שלום עולם, דיסק אדום נע ימינה", "\u{202E}reversed by an override",
        "👩‍👩‍👧‍👦 a family 🎉", String(repeating: "W", count: 400), "]]> --> </style></title></textarea>",
        "a long caption " + String(repeating: "that goes on and on ", count: 60),
    ]

    /// A data set of shapes with such captions, a score of its own, and the record of a filter; made once.
    private static let set: Result<Made, any Error> = Result {
        let scratch = try Scratch()
        let made = Made(scratch: scratch, folder: scratch.path("set <i>"))
        try Programs.pframe("synth", "--output", scratch.path("videos"), "--videos", "14", "--seconds", "4.2")
        let names = try scratch.names(in: "videos").filter { $0.hasSuffix(".mp4") }
        var lines = ""
        for (index, name) in names.enumerated() {
            let row = [
                "video": name, "caption": captions.indices.contains(index) ? captions[index] : "a shape",
                "label": index % 3 == 0 ? "<up>" : "down", "split": index % 5 == 0 ? "test" : "train",
            ]
            lines += String(decoding: try JSONSerialization.data(withJSONObject: row), as: UTF8.self) + "\n"
        }
        try Data(lines.utf8).write(to: scratch.url.appending(path: "captions.jsonl"))
        try Data().write(to: scratch.url.appending(path: "videos/" + names[13]))
        try made.build()
        // Scores beside the shard, as `pframe score` leaves them; closing the set again takes them in.
        let keys = try made.query("SELECT key FROM clips").split(separator: "\n")
        let scores = keys.enumerated().map { index, key in
            "{\"key\":\"\(key)\",\"caption_clip\":\(index == 4 ? "null" : "\(0.2 + 0.005 * Double(index))")}\n"
        }
        try Data(scores.joined().utf8).write(to: URL(filePath: made.folder + "/clips-000000.clip.jsonl"))
        try made.build()
        try made.writeFilter(kept: keys.count)
        return made
    }

    private struct Made: Sendable {
        let scratch: Scratch
        let folder: String

        func build() throws {
            let outcome = try Programs.pframe(
                "build", scratch.path("videos"), "--captions", scratch.path("captions.jsonl"), "--output", folder)
            // The empty video is a reject.
            try #require(outcome.status == 1, "\(outcome.errors)")
        }

        /// Python's SQLite, which shares nothing with the library.
        func query(_ sql: String) throws -> String {
            let script = """
                import sqlite3, sys
                for row in sqlite3.connect(sys.argv[1]).execute(sys.argv[2]): print(*row)
                """
            return try Programs.run("/usr/bin/env", ["python3", "-c", script, folder + "/index.sqlite", sql]).output
        }

        /// What `pframe filter` leaves of 30 dropped clips: 20 too still or too wild, 10 below the top.
        func writeFilter(kept: Int) throws {
            var dropped = ""
            for index in 0..<30 {
                let motion = index < 10 ? 0.001 * Double(index) : index < 20 ? 20.5 + Double(index) : 1.0
                dropped += """
                    {"caption":"<s>","caption_clip":\(index < 20 ? "null" : "0.1"),"key":"9_\(index)",\
                    "motion_content":\(motion),"motion_content_max":\(motion),"reason":"r","source":"s",\
                    "rule":"\(index < 20 ? "motion" : "top")","value":\(motion)}

                    """
            }
            try Data(dropped.utf8).write(to: URL(filePath: folder + "/dropped.jsonl"))
            let record = """
                {"source": "all", "kept": \(kept), "dropped": 30, "rules": [
                {"rule": "motion", "column": "motion_content", "low": 0.01, "high": 20.0, "kept": \(kept + 10), "dropped": 20,
                "missing": 0}, {"rule": "top", "column": "caption_clip", "count": \(kept), "kept": \(kept), "dropped": 10,
                "missing": 0}, {"rule": "where", "sql": "label <> '<up>'", "kept": \(kept), "dropped": 0, "missing": 0}]}
                """
            try Data(record.utf8).write(to: URL(filePath: folder + "/filter.json"))
        }
    }

    /// What the browser saw; see Tests/Peers/open_page.py.
    private struct View: Decodable {
        let view: String
        let scrollWidth: Int
        let wide: [String]
        let images: Int
        let broken: Int
        let unnamed: Int
        let sheet: Int
        let charts: Int
        let scoreCharts: Int
        let chartLabels: [String]
        let cutLabels: [String]
        let droppedBars: Int
        let arrows: Int
        let rules: [String]
        let problems: [String]
        let scripts: Int
        let handlers: Int
        let captions: [String]
        let titles: [String]
        let heading: String
        let sections: [String]
        let smallest: Double
        let ran: Bool
        let paper: String
        let complaints: [String]
    }

    private func open(_ page: String, _ views: [String]) throws -> [View] {
        let chromium = try #require(Peers.chromium)
        let outcome = try Programs.run(
            "/usr/bin/env",
            ["python3", Peers.folder.appending(path: "open_page.py").path, chromium, page]
                + [Programs.root.appending(path: ".build/report-screenshots").path] + views, limit: 180)
        try #require(outcome.status == 0, "\(outcome.errors)")
        let decoder = JSONDecoder()
        return try outcome.output.split(separator: "\n").map { try decoder.decode(View.self, from: Data($0.utf8)) }
    }

    @Test(.requires(.chromium)) func pageIsSoundInTheBrowser() throws {
        let made = try Self.set.get()
        let page = made.scratch.path("report.html")
        let outcome = try Programs.pframe("report", made.folder, "--output", page, "--examples", "20", "--json")
        #expect(outcome.status == 0 && outcome.errors.isEmpty, "\(outcome.errors)")
        let summary: JSON = try decode(outcome.output)
        #expect(summary["scores"] == 7 && summary["report"].string == page)
        let text = try made.scratch.text("report.html")
        #expect(summary["bytes"].int == text.utf8.count)

        let names = ["1280", "390", "1280-dark", "390-dark", "320", "760-print"]
        let views = try open(page, names)
        try #require(views.map(\.view) == names)
        for view in views {
            let width = Int(view.view.prefix { $0.isNumber }) ?? 0
            #expect(view.scrollWidth <= width && view.wide.isEmpty, "\(view.view): \(view.wide)")
            #expect(
                view.complaints.isEmpty && !view.ran && view.scripts == 0 && view.handlers == 0, "\(view.complaints)")
            #expect(view.images > 20 && view.broken == 0 && view.unnamed == 0 && view.sheet == 20)
            #expect(view.scoreCharts == 7 && view.charts == 9 && view.arrows > 10)
            #expect(view.smallest >= 9, "\(view.view): type of \(view.smallest) px in charts")
            #expect(view.cutLabels.sorted() == ["≤ 20", "≥ 0.01", "≥ 0.2"], "\(view.cutLabels)")
            #expect(view.droppedBars > 3 && view.rules.count == 3)
            #expect(view.rules.first?.contains("motion_content from 0.01 to 20") == true, "\(view.rules)")
            #expect(view.heading == "set <i>" && view.problems.isEmpty)
            #expect(
                view.sections == ["build", "filter", "steps", "scores", "captions", "clips", "extremes", "duplicates"])
            // Every caption stands there word for word, and so does the tip that shows all of it.
            for caption in Self.captions {
                #expect(view.captions.contains(caption) && view.titles.contains(caption), "\(caption)")
            }
        }
        #expect(Set(views.filter { $0.view.hasSuffix("dark") }.map(\.paper)).isDisjoint(with: [views[0].paper]))
    }

    @Test(.requires(.chromium)) func chartsTellWhatTheIndexHolds() throws {
        let made = try Self.set.get()
        let page = made.scratch.path("charts.html")
        try Programs.pframe("report", made.folder, "--output", page, "--examples", "0")
        let view = try #require(try open(page, ["1280"]).first)
        #expect(view.sheet == 0 && !view.sections.contains("clips"))
        let columns = try made.query("SELECT name FROM columns WHERE kind = 'score'").split(separator: "\n")
        #expect(columns.count == 7)
        for column in columns {
            let values = try made.query("SELECT \(column) FROM clips WHERE \(column) IS NOT NULL ORDER BY 1")
                .split(separator: "\n").compactMap { Double($0) }
            let median = (values[(values.count - 1) / 2] + values[values.count / 2]) / 2
            let label = try #require(view.chartLabels.first { $0.hasPrefix("Histogram of \(column) over") })
            #expect(label.contains("over \(values.count) clips"), "\(label)")
            let stated = label.split(separator: "median ").last?.prefix { $0 != "," }.split(separator: " ").first
            let value = Double(stated ?? "") ?? .nan
            #expect(abs(value - median) <= 0.005 * abs(median) + 1e-9, "\(label) for \(median)")
        }
    }

    @Test func htmlIsWellFormedAndTheSameEveryTime() throws {
        let made = try Self.set.get()
        let pages = ["first.html", "second.html"].map { made.scratch.path($0) }
        for page in pages {
            #expect(try Programs.pframe("report", made.folder + "/.", "--output", page, "--title", "A < B").status == 0)
        }
        #expect(try made.scratch.data("first.html") == made.scratch.data("second.html"))
        let checker = Peers.folder.appending(path: "well_formed.py").path
        let outcome = try Programs.run("/usr/bin/env", ["python3", checker] + pages)
        #expect(outcome.status == 0 && outcome.output.isEmpty, "\(outcome.output)\(outcome.errors)")
        #expect(try made.scratch.text("first.html").contains("<h1 dir=\"auto\">A &lt; B</h1>"))
    }

    @Test(.requires(.chromium)) func damagedSampleIsNamedAndTheRestIsShown() throws {
        let made = try Self.set.get()
        let scratch = try Scratch()
        let folder = scratch.path("damaged")
        try FileManager.default.copyItem(atPath: made.folder, toPath: folder)
        let tar = URL(filePath: folder + "/clips-000000.tar")
        try FileManager.default.setAttributes([.posixPermissions: 0o644], ofItemAtPath: tar.path)
        let file = try FileHandle(forUpdating: tar)
        let size = try file.seekToEnd()
        try file.seek(toOffset: size / 2)
        let byte = try #require(try file.read(upToCount: 1)?.first)
        try file.seek(toOffset: size / 2)
        try file.write(contentsOf: Data([byte ^ 1]))
        try file.close()

        let outcome = try Programs.pframe("report", folder, "--output", scratch.path("damaged.html"))
        #expect(outcome.status == 1 && outcome.errorLines.count == 1, "\(outcome.errors)")
        #expect(outcome.errors.contains("clips-000000.tar: at byte") && outcome.errors.contains("is damaged"))
        let view = try #require(try open(scratch.path("damaged.html"), ["1280"]).first)
        #expect(view.problems.count == 1 && view.problems[0].contains("is damaged") && view.broken == 0)
        #expect(view.scoreCharts == 7 && view.images > 20)
    }

    @Test func whatIsNoDataSetIsNamedWithARemedy() throws {
        let made = try Self.set.get()
        let scratch = try Scratch()
        let missing = try Programs.pframe("report", scratch.path("nowhere"))
        #expect(missing.status == 1 && missing.errors.contains("no such folder"), "\(missing.errors)")
        let folder = scratch.path("without-index")
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        for name in ["dataset.json", "clips-000000.tar", "clips-000000.jsonl"] {
            try FileManager.default.copyItem(atPath: "\(made.folder)/\(name)", toPath: "\(folder)/\(name)")
        }
        let unindexed = try Programs.pframe("report", folder)
        #expect(unindexed.status == 1 && unindexed.errors.contains("run `pframe index`"), "\(unindexed.errors)")
        try Data("no database".utf8).write(to: URL(filePath: folder + "/index.sqlite"))
        let damaged = try Programs.pframe("report", folder)
        #expect(damaged.status == 1 && damaged.errors.contains("run `pframe index`"), "\(damaged.errors)")
        #expect(!FileManager.default.fileExists(atPath: folder + "/report.html"))
        #expect(try Programs.pframe("report").status == 2)
        #expect(try Programs.pframe("report", made.folder, "--examples", "many").status == 2)
        let unwritable = try Programs.pframe("report", made.folder, "--output", scratch.path("no/such/folder.html"))
        #expect(
            unwritable.status == 1 && unwritable.errors.contains("folder.html: cannot write"), "\(unwritable.errors)")
    }
}
