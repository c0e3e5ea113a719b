import Figures
import GRDB
public import Shards
public import Storage

/// What lies in each bucket of a data set, and how far its pictures were enlarged, reduced and cropped.
public struct BucketTable: Sendable {
    /// A bucket.
    public struct Row: Sendable, Equatable {
        /// The shape of its clips.
        public let bucket: Bucket
        /// Clips in it.
        public internal(set) var clips = 0
        /// Those whose pictures were enlarged.
        public internal(set) var enlarged = 0
        /// Those whose pictures were reduced.
        public internal(set) var reduced = 0
        /// The mean of the clips' `bucket_scale`; NaN if no clip has any.
        public var meanScale: Double { scales / Double(scored) }
        /// The greatest of them.
        public internal(set) var largestScale = 0.0
        /// The mean of the clips' `bucket_crop`; NaN if no clip has any.
        public var meanCrop: Double { crops / Double(scored) }
        /// The greatest of them.
        public internal(set) var largestCrop = 0.0
        fileprivate var scored = 0
        fileprivate var scales = 0.0
        fileprivate var crops = 0.0
    }

    /// The buckets that hold clips, sorted; none of a set without buckets.
    public let rows: [Row]
    /// Clips of all buckets.
    public var clips: Int { rows.reduce(0) { $0 + $1.clips } }

    /// Counts over the index of a set.
    ///
    /// - Throws: `PFrameError` if the index cannot be read.
    public init(_ index: DatasetIndex, _ description: DatasetDescription) throws(PFrameError) {
        let buckets = Dictionary(
            description.shards.compactMap { shard in shard.bucket.map { (shard.name, $0) } }, uniquingKeysWith: { $1 })
        guard !buckets.isEmpty else {
            rows = []
            return
        }
        let known = Set(index.scores)
        func column(_ name: String) -> String { known.contains(name) ? quoted(name) : "NULL" }
        let (scale, crop) = (column(BucketChoice.scaleScore), column(BucketChoice.cropScore))
        // What rounding makes of 1 is neither.
        let sql = """
            SELECT shard, COUNT(*), COUNT(\(scale)), TOTAL(\(scale) > 1.000001), TOTAL(\(scale) < 0.999999),
            TOTAL(\(scale)), TOTAL(\(crop)), MAX(\(scale)), MAX(\(crop)) FROM clips GROUP BY shard ORDER BY shard
            """
        var found: [Bucket: Row] = [:]
        try index.read { database in
            let cursor = try GRDB.Row.fetchCursor(database, sql: sql)
            while let counts = try cursor.next() {
                let shard: String = counts[0]
                guard let bucket = buckets[shard] else { continue }
                var row = found[bucket] ?? Row(bucket: bucket)
                row.clips += counts[1] as Int
                row.scored += counts[2] as Int
                row.enlarged += Int(counts[3] as Double)
                row.reduced += Int(counts[4] as Double)
                row.scales += counts[5] as Double
                row.crops += counts[6] as Double
                row.largestScale = max(row.largestScale, (counts[7] as Double?) ?? 0)
                row.largestCrop = max(row.largestCrop, (counts[8] as Double?) ?? 0)
                found[bucket] = row
            }
        }
        rows = found.values.sorted { $0.bucket < $1.bucket }
    }
}

/// The table of the buckets on the page of a data set.
struct BucketSection: Sendable {
    let table: BucketTable

    var html: HTML {
        guard !table.rows.isEmpty else { return "" }
        let rows = table.rows.map { row -> HTML in
            let share = 100 * Double(row.clips) / Double(max(1, table.clips))
            return """
                <tr><th scope="row"><code>\(row.bucket.description)</code></th><td>\(NumberText.count(row.clips))</td>\
                <td>\(NumberText.count(row.enlarged))</td><td>\(NumberText.count(row.reduced))</td>\
                <td>\(scale(row.meanScale)) (\(scale(row.largestScale)))</td>\
                <td>\(percent(row.meanCrop)) (\(percent(row.largestCrop)))</td><td class="share">\
                <span class="bar" aria-hidden="true"><i class="kept" style="width:\(NumberText.coordinate(share))%"></i></span>\
                \(NumberText.percent(row.clips, of: table.clips))</td></tr>

                """
        }
        return """
            <section id="buckets"><h2>Buckets</h2>
            <p>Clips have the shape of their bucket: width × height × frames. The scale is pixels of the clip per pixel of \
            the video, as it is shown; cropped is the share of a picture that was cut off. Both are means, with the \
            greatest value in brackets.</p>
            <table class="rules"><thead><tr><th scope="col">bucket</th><th scope="col">clips</th>\
            <th scope="col">enlarged</th><th scope="col">reduced</th><th scope="col">scale</th>\
            <th scope="col">cropped</th><th scope="col">of all clips</th></tr></thead><tbody>\(rows)</tbody></table>
            </section>

            """
    }

    private func scale(_ value: Double) -> String { value.isNaN ? "–" : NumberText.fixed(value, 2) }
    private func percent(_ value: Double) -> String { value.isNaN ? "–" : NumberText.fixed(100 * value, 1) + " %" }
}
