import Codec
import Dataset
import MotionVectors
import Shards
import Storage

/// Trains a ``ResidualAutoencoder`` on the residuals of a data set.
final class ResidualTask: TrainingTask {
    private let model: ResidualAutoencoder

    init(_ model: ResidualAutoencoder) { self.model = model }

    var store: ParameterStore { model.store }
    let metrics = ["squared_error"]

    /// Residuals that the principal components are found of.
    private static let fitted = 4096

    /// Finds the principal components of a data set's residuals, with which the linear maps begin.
    ///
    /// - Returns: the components.
    /// - Throws: `PFrameError` if the set cannot be read or every residual is zero.
    func begin(with source: ShardSource, _ bucket: Bucket?) throws(PFrameError) -> PrincipalComponents {
        var fit = PrincipalComponents.Fit()
        var seen = 0
        var problem: PFrameError?
        var options = LoaderOptions()
        options.members = ["residual.npy"]
        // A set begins with one of its videos.
        (options.batchSize, options.shuffle, options.bucket) = (1, true, bucket)
        let loader = try Loader(source, options: options)
        while seen < Self.fitted, problem == nil, let batch = try loader.next() {
            guard batch.count > 0 else { continue }
            batch.withArray("residual.npy") { bytes, _, shape in
                guard let clip = Residuals(bytes, shape, model.options) else {
                    problem = Self.unfit(shape, model.options)
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
        guard let basis = try fit.components(model.options.latentChannels) else {
            throw PFrameError(
                seen == 0
                    ? "the data set holds no clips: its rejects.jsonl or dropped.jsonl says why"
                    : "every residual of the data set is zero: there is nothing to learn")
        }
        try model.begin(with: basis)
        return basis
    }

    /// Some residuals of each clip, drawn by their energy, and a seed for each.
    func inputs(_ batch: Batch, seeds: [RandomSeed]) throws(PFrameError) -> [Tensor] {
        let taken = model.options.residualsPerClip
        let (values, shape) = try residuals(batch) { clip, sample in
            clip.drawn(taken, seed: seeds[sample].mixed("frames")).flatMap {
                clip.frame($0, Symmetry(seeds[sample].mixed("symmetry").mixed($0)))
            }
        }
        let draws = seeds.flatMap { seed in (0..<(shape[0] / seeds.count)).map { seed.mixed("latent").mixed($0) } }
        let device = model.store.device
        let residual = try Tensor(elements: values, type: .int16, shape: shape, device: device)
        return [residual, try draws.tensor(on: device)]
    }

    func loss(_ inputs: [Tensor]) throws(PFrameError) -> BatchLoss {
        let result = try model.loss(inputs[0], seeds: inputs[1])
        return BatchLoss(result.loss, metrics: [result.squaredError])
    }

    /// Residuals above, what the autoencoder makes of them below.
    func picture(_ batch: Batch, seed: RandomSeed) throws(PFrameError) -> RGBImage {
        let (values, shape) = try residuals(batch) { clip, sample in
            sample < 2 ? clip.drawn(4, seed: seed.mixed(sample)).flatMap { clip.frame($0) } : []
        }
        let residual = try Tensor(elements: values, type: .int16, shape: shape, device: model.store.device)
        let rebuilt = try model.decode(model.encode(residual).mean).to(.cpu)
        let bytes = try rebuilt.rounded().clamped(-255, 255).to(.int16).bytes()
        let after = bytes.withUnsafeBytes { Array($0.bindMemory(to: Int16.self)) }
        let count = shape[1] * shape[2] * 3
        func row(_ values: [Int16]) -> [RGBImage] {
            (0..<shape[0]).map {
                PictureStrip.picture(
                    ofResidual: values[($0 * count)..<(($0 + 1) * count)], width: shape[2], height: shape[1])
            }
        }
        return PictureStrip.of([row(values), row(after)])
    }

    private func residuals(
        _ batch: Batch, choosing: (Residuals, Int) -> [Int16]
    ) throws(PFrameError) -> (values: [Int16], shape: [Int]) {
        let options = model.options
        return try batch.withArray("residual.npy") { (bytes, type, shape) throws(PFrameError) in
            let size = bytes.count / max(1, batch.count)
            var values: [Int16] = []
            for sample in 0..<batch.count {
                let part = UnsafeRawBufferPointer(rebasing: bytes[(sample * size)..<((sample + 1) * size)])
                guard type == .int16, let clip = Residuals(part, [1] + shape.dropFirst(), options) else {
                    throw Self.unfit(shape, options)
                }
                values += choosing(clip, sample)
            }
            let count = options.width * options.height * 3
            return (values, [values.count / count, options.height, options.width, 3])
        }
    }

    private static func unfit(_ shape: [Int], _ options: AutoencoderOptions) -> PFrameError {
        PFrameError(
            .conflict,
            "residual.npy of the data set is \(Array(shape.dropFirst())), but the autoencoder takes "
                + "[frames, \(options.height), \(options.width), 3]: train one of the data set's size")
    }
}

/// One of the sixteen ways in which a residual is as likely as it is: mirrored, with rows and columns exchanged (where they
/// are as many), negated. A small training set holds as many more, and blocks stay blocks.
private struct Symmetry {
    let mirrorsColumns: Bool
    let mirrorsRows: Bool
    let exchanges: Bool
    let negates: Bool

    init(_ seed: RandomSeed) {
        let bits = seed.value
        (mirrorsColumns, mirrorsRows) = (bits & 1 != 0, bits & 2 != 0)
        (exchanges, negates) = (bits & 4 != 0, bits & 8 != 0)
    }
}

/// The residuals of one clip, int16 `(1, frames, height, width, 3)`.
private struct Residuals {
    let count: Int
    let height: Int
    let width: Int
    private let values: UnsafeBufferPointer<Int16>

    /// Nil where the array does not fit.
    init?(_ bytes: UnsafeRawBufferPointer, _ shape: [Int], _ options: AutoencoderOptions) {
        guard shape.count == 5, shape[0] == 1, shape[2] == options.height, shape[3] == options.width, shape[4] == 3,
            bytes.count == shape.reduce(2, *)
        else { return nil }
        (count, height, width) = (shape[1], shape[2], shape[3])
        values = bytes.bindMemory(to: Int16.self)
    }

    func frame(_ index: Int) -> UnsafeBufferPointer<Int16> {
        let size = height * width * 3
        return UnsafeBufferPointer(rebasing: values[(index * size)..<((index + 1) * size)])
    }

    /// A residual under a symmetry.
    func frame(_ index: Int, _ symmetry: Symmetry) -> [Int16] {
        let source = frame(index)
        let exchanges = symmetry.exchanges && width == height
        let sign: Int16 = symmetry.negates ? -1 : 1
        return [Int16](unsafeUninitializedCapacity: source.count) { target, count in
            for row in 0..<height {
                for column in 0..<width {
                    let (r, c) = exchanges ? (column, row) : (row, column)
                    let from = symmetry.mirrorsRows ? height - 1 - r : r
                    let place = (from * width + (symmetry.mirrorsColumns ? width - 1 - c : c)) * 3
                    let to = (row * width + column) * 3
                    for channel in 0..<3 { target[to + channel] = sign &* source[place + channel] }
                }
            }
            count = source.count
        }
    }

    /// Different frames, each drawn with a chance that grows with its energy.
    func drawn(_ wanted: Int, seed: RandomSeed) -> [Int] {
        var weights = (0..<count).map { index -> Double in
            // 1 for every residual, so that empty ones are seen too.
            1 + Double(frame(index).reduce(into: 0) { $0 += Int($1.magnitude) }) / Double(height * width * 3)
        }
        var result: [Int] = []
        for draw in 0..<min(wanted, count) {
            var place = seed.mixed(draw).unit * weights.reduce(0, +)
            var index = 0
            while index < count - 1, weights[index] == 0 || place >= weights[index] {
                place -= weights[index]
                index += 1
            }
            while weights[index] == 0 { index = (index + count - 1) % count }
            result.append(index)
            weights[index] = 0
        }
        return result.sorted()
    }
}
