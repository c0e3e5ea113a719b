import Codec
import Dataset
import SystemPackage

/// What `dataset.json` and a first sample say about a data set.
struct DatasetFacts {
    let samples: Int
    let description: DatasetDescription
    private let first: ShardRow?

    init(_ source: ShardSource) throws(TrainError) {
        let (set, batch) = try reading { () throws(DatasetError) in try Loader.glance(source) }
        (description, first) = (set, batch?.rows.first)
        samples = description.samples
    }

    /// The size of a frame.
    var size: Size? {
        guard let width = first?.columns.metadata["width"]?.int, let height = first?.columns.metadata["height"]?.int
        else { return nil }
        return Size(width: width, height: height)
    }

    /// Frames of a clip.
    var frames: Int? { first?.columns.metadata["frames"]?.int }

    /// All rows: of a folder its row files, of other sources what the loader gives.
    func rows(_ source: ShardSource) throws(TrainError) -> [ShardRow] {
        try reading { () throws(DatasetError) in
            if case .folder(let path) = source {
                var rows: [ShardRow] = []
                for shard in description.shards { rows += try DatasetFolder(path).rows(shard) }
                return rows
            }
            var options = LoaderOptions()
            options.shuffle = false
            let loader = try Loader(source, options: options)
            var rows: [ShardRow] = []
            while let batch = try loader.next() { rows += batch.rows }
            return rows
        }
    }
}
