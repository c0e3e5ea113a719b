import Codec
import FoundationEssentials
import Storage
import SystemPackage
import TestSupport
import Testing
import Train

/// `report.html` of a run: what it says, and that it needs nothing beside it. `well_formed.py` reads it with Python's parser.
@Suite struct TrainingReportTests {
    /// A PNG of one grey pixel.
    private static let pixel = Array(
        Data(
            base64Encoded:
                "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAAAAAA6fptVAAAACklEQVR4nGNoAAAAggCBd81ytgAAAABJRU5ErkJggg==")
            ?? Data())

    private func page(_ run: FilePath) throws -> String {
        try TrainingReport.write(run: run)
        return String(decoding: try contents(of: run.appending("report.html")), as: UTF8.self)
    }

    private func put(_ text: String, _ run: FilePath, _ name: String) throws {
        try TestSupport.put(Array(text.utf8), at: run.appending(name))
    }

    /// Every element is closed in its order, by a reader that knows nothing but tags.
    private func unbalanced(_ page: String) -> String? {
        let void: Set = ["meta", "link", "img", "!DOCTYPE"]
        var open: [Substring] = []
        for piece in page.split(separator: "<").dropFirst() {
            let tag = piece.prefix { $0 != ">" }
            let name = tag.prefix { $0 != " " && $0 != "\n" }
            if name.hasPrefix("/") {
                guard open.popLast() == name.dropFirst() else { return String(tag) }
            } else if !void.contains(String(name)), !tag.hasSuffix("/") {
                open.append(name)
            }
        }
        return open.last.map(String.init)
    }

    private let configuration = """
        {"tool": "pframe test", "model": "ed-vdm", "preset": "compact", "dataset": "/sets/sha<b>pes", "steps": 5000,
        "parameters": 5123456, "gflop_per_clip": 1.375, "optimiser": {"name": "adamw", "beta1": 0.9},
        "note": "</style><script>alert(1)</script>"}
        """

    @Test("shows the run: facts, curves, samples and the configuration")
    func shows() throws {
        try withTemporaryFolder { folder in
            let run = folder.appending("a <i>run")
            try createFolder(run.appending("samples"))
            try put(configuration, run, "config.json")
            let log = try MetricsLog(run: run)
            for step in 1...3000 {
                let loss = 2 / Double(step) + (step % 2 == 0 ? 1e-5 : 0)
                var values = [
                    ("loss", step == 3000 ? 0.01234 : loss), ("learning_rate", 1e-4), ("samples_per_second", 148),
                ]
                values.append(("share_of_peak", 0.41))
                if step % 500 == 0 { values.append(("loss_validation", 0.5)) }
                if step == 7 { values[0].1 = .nan }
                try log.append(step: step, values)
            }
            try TestSupport.put(Self.pixel, at: run.appending("samples/001000.png"))
            try TestSupport.put(Self.pixel, at: run.appending("samples/step-3000-guided.png"))
            try TestSupport.put(Array(Self.pixel.dropLast()), at: run.appending("samples/002000.png"))
            try put("", run, "samples/notes.txt")

            let page = try page(run)
            #expect(unbalanced(page) == nil)
            #expect(page.contains("<h1 dir=\"auto\">a &lt;i&gt;run</h1>"))
            #expect(
                page.contains(
                    "Model <code>ed-vdm</code>, preset <code>compact</code>, trained on <code>sha&lt;b&gt;pes"))
            for (words, value) in [
                ("steps of 5,000", "3,000"), ("last loss", "0.0123"), ("parameters", "5.12M"),
                ("GFLOP per clip", "1.38"), ("samples/s", "148"), ("of peak", "41 %"),
            ] {
                #expect(page.contains("<dt>\(words)</dt><dd>\(value)</dd>"), "\(words)")
            }
            // Loss and validation share a chart, on a logarithmic scale; faint and strong lines of the noisy one alone.
            #expect(page.split(separator: "<figure", omittingEmptySubsequences: false).count - 1 == 4)
            #expect(page.contains("loss 0.0123 at step 3,000, 0.000667 to 2; loss_validation 0.5 at step 3,000"))
            #expect(page.contains("series1 raw") && page.contains("series1 mean") && !page.contains("series2 raw"))
            #expect(page.split(separator: "logarithmic scale", omittingEmptySubsequences: false).count - 1 == 1)
            #expect(!page.contains("nan") && !page.contains("inf"))

            let steps = ["Step 3,000", "Step 2,000", "Step 1,000"].compactMap { page.firstRange(of: $0)?.lowerBound }
            #expect(steps.count == 3 && steps == steps.sorted())
            #expect(page.contains(">guided<") && page.contains("002000.png is not a complete PNG file"))
            let uri = "data:image/png;base64,\(Data(Self.pixel).base64EncodedString())"
            #expect(page.split(separator: uri, omittingEmptySubsequences: false).count - 1 == 2)
            #expect(page.contains("<code>optimiser.beta1</code></th><td dir=\"auto\">0.9</td>"))
            #expect(
                !page.contains("<script") && !page.contains("http:") && !page.contains("https:")
                    && !page.contains("url("))

            _ = try TrainingReport.write(run: run)
            #expect(try self.page(run) == page)
        }
    }

    @Test("tolerates what is not there yet", arguments: ["", "config.json", "metrics.jsonl"])
    func tolerates(only name: String) throws {
        try withTemporaryFolder { run in
            if name == "config.json" { try put(configuration, run, name) }
            if name == "metrics.jsonl" { try put("{\"step\":1,\"loss\":0.75}\n{\"step\":2,\"lo", run, name) }
            let page = try page(run)
            #expect(unbalanced(page) == nil)
            #expect(page.contains("Nothing was logged yet.") == name.isEmpty)
            #expect(page.contains("<dt>last loss</dt><dd>0.75</dd>") == (name == "metrics.jsonl"))
        }
    }

    @Test("names what is damaged")
    func damage() throws {
        try withTemporaryFolder { run in
            try put("{\"model\":", run, "config.json")
            let error = try #require(throws: PFrameError.self) { try TrainingReport.write(run: run) }
            #expect(error.path == run.appending("config.json"))
        }
    }
}
