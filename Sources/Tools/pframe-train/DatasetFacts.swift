import Dataset
import SystemPackage
import Train

/// What `dataset.json` and a first sample say about a data set.
struct DatasetFacts {
    let samples: Int
    private let description: DatasetDescription
    private let first: ShardRow?

    init(_ source: ShardSource) throws(TrainError) {
        var options = LoaderOptions()
        (options.batchSize, options.shuffle, options.prefetch, options.threads) = (1, false, 1, 1)
        (description, first) = try opening { () throws(DatasetError) in
            let loader = try Loader(source, options: options)
            return (loader.dataset, try loader.next()?.rows.first)
        }
        samples = description.samples
    }

    /// The size of a frame.
    var size: (width: Int, height: Int)? {
        guard let width = first?.columns.metadata["width"]?.int, let height = first?.columns.metadata["height"]?.int
        else { return nil }
        return (width, height)
    }

    /// Frames of a clip.
    var frames: Int? { first?.columns.metadata["frames"]?.int }

    /// The largest motion in pixels.
    var radius: Int { description.options["radius"]?.int ?? 15 }

    /// The run of the autoencoder that made the latents.
    func autoencoder(or given: FilePath?) throws(TrainError) -> FilePath {
        if let given { return given }
        guard let path = description.options["derived"]?["vae"]?.string else {
            throw TrainError("the data set holds no latents: make them with `pframe encode DATASET --vae RUN`")
        }
        guard fileSize(FilePath(path).appending("config.json")) != nil else {
            throw TrainError(path: FilePath(path), "the vae that made the latents is gone: say where with --vae RUN")
        }
        return FilePath(path)
    }

    /// All rows: of a folder its row files, of other sources what the loader gives.
    func rows(_ source: ShardSource) throws(TrainError) -> [ShardRow] {
        try opening { () throws(DatasetError) in
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

/// Runs work on a data set where `TrainError` is expected.
func opening<Result>(_ body: () throws(DatasetError) -> Result) throws(TrainError) -> Result {
    do throws(DatasetError) { return try body() } catch { throw TrainError(error) }
}
