import Dataset
import Shards
import Storage

extension PrincipalComponents {
    /// Residuals that the principal components are found of.
    private static let fitted = 4096

    /// The principal components of a data set's residuals, with which an autoencoder begins.
    ///
    /// - Parameters:
    ///   - source: the data set to read.
    ///   - bucket: the clips of one shape; nil for all.
    ///   - options: of the autoencoder, whose size the clips must have.
    /// - Throws: `PFrameError` if the set cannot be read or every residual is zero.
    init(of source: ShardSource, _ bucket: Bucket?, _ options: AutoencoderOptions) throws(PFrameError) {
        var fit = Fit()
        var seen = 0
        var problem: PFrameError?
        var reading = LoaderOptions()
        reading.members = ["residual.npy"]
        // A set begins with one of its videos.
        (reading.batchSize, reading.shuffle, reading.bucket) = (1, true, bucket)
        let loader = try Loader(source, options: reading)
        while seen < Self.fitted, problem == nil, let batch = try loader.next() {
            guard batch.count > 0 else { continue }
            batch.withArray("residual.npy") { bytes, _, shape in
                guard let clip = Residuals(bytes, shape, options) else {
                    problem = Residuals.unfit(shape, options)
                    return
                }
                // The middle third of a clip: neighbours say little new.
                for index in (clip.count / 3)..<(clip.count - clip.count / 3) {
                    let turned = clip.frame(index, Symmetry(RandomSeed(UInt64(seen))))
                    turned.withUnsafeBufferPointer { fit.add($0, width: clip.width, height: clip.height) }
                    seen += 1
                }
            }
        }
        if let problem { throw problem }
        guard let basis = try fit.components(options.latentChannels) else {
            throw PFrameError(
                seen == 0
                    ? "the data set holds no clips: its rejects.jsonl or dropped.jsonl says why"
                    : "every residual of the data set is zero: there is nothing to learn")
        }
        self = basis
    }
}
