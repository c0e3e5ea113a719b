package import Storage

extension Loader {
    /// What a data set says of itself, and its first sample, before anything is asked of it; nil of an empty one.
    ///
    /// - Throws: `PFrameError`.
    package static func glance(_ source: ShardSource) throws(PFrameError) -> (set: DatasetDescription, first: Batch?) {
        var options = LoaderOptions()
        (options.batchSize, options.shuffle, options.prefetch, options.threads) = (1, false, 1, 1)
        let loader = try Loader(source, options: options)
        return (loader.dataset, try loader.next())
    }
}
