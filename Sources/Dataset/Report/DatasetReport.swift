import Figures
public import Shards
public import Storage
public import SystemPackage

/// A page that shows a data set: its contents, how it was built and filtered, the distribution of its scores, and
/// example clips. The page is one self-contained HTML file; the same data set gives the same bytes.
///
/// Memory holds one column of scores at a time, even for ten million clips.
public struct DatasetReport: Sendable {
    /// What the page shows.
    public struct Options: Sendable {
        /// The heading. Default: the name of the data set's folder.
        public var title: String?
        /// Clips of the contact sheet.
        public var examples = 48
        /// Whether to stop.
        public var isCancelled: @Sendable () -> Bool = { false }

        /// The defaults.
        public init() {}
    }

    /// What a report came to.
    public struct Summary: Sendable {
        /// Clips in the set.
        public let clips: Int
        /// Histograms of scores.
        public let scores: Int
        /// Clips whose pictures were read.
        public let pictures: Int
        /// Bytes of the page.
        public let bytes: Int
        /// What is wrong with the set; the page names it.
        public let problems: [PFrameError]
    }

    /// The file's name beside the shards.
    public static let fileName = "report.html"

    private let folder: DatasetFolder
    private let options: Options

    /// Plans the report of the set in `folder`.
    public init(_ folder: DatasetFolder, options: Options = Options()) {
        precondition(options.examples >= 0, "no fewer examples than none")
        (self.folder, self.options) = (folder, options)
    }

    /// Writes the page; a previous page is replaced when the new page is complete.
    ///
    /// - Throws: `PFrameError` if there is no finished data set or no index, or the page cannot be written. Damaged
    ///   samples are no error: they are in the summary's `problems`, and on the page.
    public func write(to path: FilePath) throws(PFrameError) -> Summary {
        let description = try folder.description()
        let index = try DatasetIndex(folder)
        let facts = try ReportFacts(index)
        guard facts.clips == description.samples else {
            throw PFrameError(
                .damaged, path: index.path,
                "\(facts.clips) clips, but dataset.json says \(description.samples): run `pframe index`")
        }
        let filter = try filterRecord(index)
        let dropped = filter == nil ? nil : try DroppedClips(folder, scores: index.scores, progress: checkCancelled)
        let scores = try ScoreSection(index, filter: filter, dropped: dropped, progress: checkCancelled)
        let captions = try CaptionSection(index, facts: facts)
        try checkCancelled()
        let sheet = try ContactSheet(index, total: facts.clips, count: options.examples)
        let duplicates = try DuplicatesSection(index, facts: facts)
        let extremes = try ExtremesSection(index, progress: checkCancelled)
        let pictures = try ClipPictures(
            sheet.clips + duplicates.clips + extremes.clips, in: folder, description, progress: checkCancelled)
        let steps = try StepSection(folder, description, progress: checkCancelled)
        let known = Set(pictures.problems.map(\.description))
        let problems = pictures.problems + steps.problems.filter { !known.contains($0.description) }
        let motions = pictures.pictures.sorted { $0.key < $1.key }.compactMap(\.value.motion)
        let card = ClipCard(pictures: pictures, arrows: MotionArrows(fitting: motions))

        let sections: [(id: String, heading: String, html: HTML)] = [
            ("build", "Build", BuildSection(description: description, facts: facts).html),
            ("buckets", "Buckets", BucketSection(table: try BucketTable(index, description)).html),
            ("filter", "Filter", filter.map { FilterSection(filter: $0).html } ?? ""),
            ("steps", "Time between frames", steps.html),
            ("scores", "Scores", scores.count > 0 ? scores.html : ""),
            ("captions", "Captions and labels", captions.html),
            ("clips", "Clips", sheet.html(card, score: index.scores.first)),
            ("extremes", "Lowest and highest", extremes.html(card)),
            ("duplicates", "Duplicates", duplicates.html(card)),
        ].filter { $0.2 != "" }
        let page = ReportPage(
            title: options.title ?? ownName(of: folder.path), description: description, facts: facts,
            problems: problems,
            contents: sections.map { ($0.id, $0.heading) }, body: HTML(sections.map(\.html)))
        let text = page.html.text
        try replaceFile(path, with: text)
        return Summary(
            clips: facts.clips, scores: scores.count, pictures: pictures.pictures.count, bytes: text.utf8.count,
            problems: problems)
    }

    /// The filter that the set went through; a rule for the greatest values cuts at the least that is left.
    private func filterRecord(_ index: DatasetIndex) throws(PFrameError) -> FilterRecord? {
        guard var filter = try FilterRecord(folder) else { return nil }
        for place in filter.rules.indices {
            let rule = filter.rules[place]
            guard rule.name == "top", rule.low == nil, let column = rule.column, index.scores.contains(column) else {
                continue
            }
            filter.rules[place].low = try index.rows(
                [column], where: "\(quoted(column)) IS NOT NULL", order: quoted(column), limit: 1
            ).first?[0].double
        }
        return filter
    }

    private func checkCancelled() throws(PFrameError) {
        if options.isCancelled() {
            throw PFrameError(.interrupted, path: folder.path, "interrupted; no report was written")
        }
    }
}
