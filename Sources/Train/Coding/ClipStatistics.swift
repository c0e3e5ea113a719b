public import Dataset
import MotionVectors

/// How the values of a data set lie, channel by channel: what a diffused clip is standardised with.
public struct ClipStatistics: Sendable, Equatable {
    /// The mean of each channel.
    public let means: [Double]
    /// The standard deviation of each channel.
    public let deviations: [Double]
    /// The largest motion, in pixels.
    public let radius: Int

    /// Statistics that are known.
    public init(means: [Double], deviations: [Double], radius: Int) {
        (self.means, self.deviations, self.radius) = (means, deviations, radius)
    }

    /// Samples that are looked at; more change the third digit at most.
    static let samples = 4096

    /// Measures the motion (in pixels) and latents (compressed) of a data set.
    ///
    /// - Throws: `TrainError` where the set cannot be read or has no latents.
    public init(of source: ShardSource, options: DiffusionOptions, radius: Int) throws(TrainError) {
        var sums = [Double](repeating: 0, count: options.channels)
        var squares = sums
        var count = 0.0
        try reading { () throws(DatasetError) in
            var reading = LoaderOptions()
            reading.members = ["latent.npy", "mv.npy"]
            (reading.batchSize, reading.shuffle) = (8, true)
            let loader = try Loader(source, options: reading)
            var seen = 0
            while seen < Self.samples, let batch = try loader.next() {
                seen += batch.count
                batch.withArray("mv.npy") { bytes, _, _ in
                    for (index, value) in bytes.bindMemory(to: Int16.self).enumerated() {
                        let pixels = Double(value) / 4
                        sums[index & 1] += pixels
                        squares[index & 1] += pixels * pixels
                        if index & 1 == 0 { count += 1 }
                    }
                }
                batch.withArray("latent.npy") { bytes, _, _ in
                    for (index, value) in bytes.bindMemory(to: Float16.self).enumerated() {
                        let channel = 2 + index % options.latentChannels
                        let diffused = Companding.compressed(Double(value))
                        sums[channel] += diffused
                        squares[channel] += diffused * diffused
                    }
                }
            }
        }
        guard count > 0 else { throw TrainError("the data set holds no samples") }
        let means = sums.map { $0 / count }
        let deviations = zip(squares, means).map { max(($0 / count - $1 * $1).squareRoot(), 1e-3) }
        guard (means + deviations).allSatisfy(\.isFinite) else {
            throw TrainError("the data set's latents hold values that are no finite numbers: encode it again")
        }
        self.init(means: means, deviations: deviations, radius: radius)
    }

    /// As `config.json` records them.
    public var json: JSONValue {
        .object([
            "means": .list(means.map { .number($0) }), "deviations": .list(deviations.map { .number($0) }),
            "radius": .integer(radius),
        ])
    }

    /// Reads what `json` wrote.
    ///
    /// - Throws: `TrainError` where it does not have so many channels.
    public init(_ json: JSONValue, channels: Int) throws(TrainError) {
        let reader = ConfigurationReader(json)
        means = try reader.numbers("means")
        deviations = try reader.numbers("deviations")
        radius = try reader.integer("radius")
        guard means.count == channels, deviations.count == channels, deviations.allSatisfy({ $0 > 0 }) else {
            throw reader.damaged("statistics")
        }
    }
}
