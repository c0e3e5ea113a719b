import Codec
public import Storage
import SystemPackage

extension DatasetFolder {
    /// Writes a score of every clip as `SHARD.COLUMN.jsonl` beside its shard, and the index anew.
    ///
    /// - Parameters:
    ///   - column: the score's name.
    ///   - score: of a clip by its row and its place in the set; NaN where there is none.
    /// - Throws: `DatasetError` where rows cannot be read, or a file cannot be written.
    public func write(
        column: String, jobs: Int = Parallel.processors, score: @Sendable (ShardRow, Int) -> Double
    ) throws(DatasetError) {
        let description = try description()
        var start = 0
        let starts = description.shards.map { shard in
            defer { start += shard.samples }
            return start
        }
        _ = try Parallel.map(description.shards.count, jobs: jobs) { index throws(DatasetError) in
            let shard = description.shards[index]
            let lines = try rows(shard).enumerated().map { place, row in
                ScoreFile.line(key: row.key, scores: [column: score(row, starts[index] + place)]) + "\n"
            }
            try replaceFile(path.appending(ScoreFile.name(shard: shard.name, score: column)), with: lines.joined())
        }
        try DatasetIndex.write(self, description: description, jobs: jobs)
    }
}
