internal import COpenBLAS

/// Number, mean and covariance of feature vectors, gathered batch by batch and mergeable between workers, in double.
///
/// Keeps `n`, `μ` and the scatter `S = Σ (x − μ)(x − μ)ᵀ`. Two parts a and b join as (Chan, Golub and LeVeque, 1979)
///
/// `n = nₐ + n_b`, `δ = μ_b − μₐ`, `μ = μₐ + δ n_b / n`, `S = Sₐ + S_b + δ δᵀ nₐ n_b / n`.
public struct FeatureStatistics: Sendable {
    /// The most features of a row.
    public static let largestDimension = 4096

    /// D, the features of a row.
    public let dimension: Int
    /// n, the rows so far.
    public private(set) var count = 0
    /// μ, (D).
    public private(set) var mean: [Double]
    /// S, (D, D) row-major; only its upper triangle is kept up to date.
    private var scatter: [Double]

    /// Statistics of no rows.
    ///
    /// - Parameter dimension: 1…4096.
    public init(dimension: Int) {
        precondition((1...Self.largestDimension).contains(dimension), "rows of \(dimension) features")
        self.dimension = dimension
        mean = Array(repeating: 0, count: dimension)
        scatter = Array(repeating: 0, count: dimension * dimension)
    }

    /// Adds rows.
    ///
    /// - Parameter rows: float32 (N, D), contiguous.
    /// - Throws: where they are not whole rows, or a feature is NaN or infinite, naming it; then nothing was added.
    public mutating func add(_ rows: Span<Float>) throws(TrainError) {
        guard rows.count % dimension == 0 else {
            throw TrainError("\(rows.count) features are no whole rows of \(dimension)")
        }
        for index in rows.indices where !rows[index].isFinite {
            let place = "feature \(index % dimension) of row \(count + index / dimension)"
            throw TrainError("\(place) is \(rows[index]): Fréchet distances need finite features")
        }
        let total = rows.count / dimension
        // Some megabytes in double at a time.
        let block = max(16, (1 << 19) / dimension)
        for start in stride(from: 0, to: total, by: block) {
            let end = min(total, start + block)
            add(rows.extracting(start * dimension..<end * dimension), count: end - start)
        }
    }

    private mutating func add(_ rows: Span<Float>, count: Int) {
        var values = rows.withUnsafeBufferPointer { $0.map(Double.init) }
        var center = [Double](repeating: 0, count: dimension)
        for row in 0..<count {
            for feature in 0..<dimension { center[feature] += values[row * dimension + feature] }
        }
        for feature in 0..<dimension { center[feature] /= Double(count) }
        for row in 0..<count {
            for feature in 0..<dimension { values[row * dimension + feature] -= center[feature] }
        }
        // More threads would fight with libtorch's.
        openblas_set_num_threads(1)
        let side = Int32(dimension)
        cblas_dsyrk(
            CblasRowMajor, CblasUpper, CblasTrans, side, Int32(count), 1, values, side, 1, &scatter, side)
        join(count, center)
    }

    /// Adds the rows that another has seen; the order does not matter but for rounding.
    public mutating func merge(_ other: FeatureStatistics) {
        precondition(other.dimension == dimension, "\(dimension) and \(other.dimension) features")
        guard other.count > 0 else { return }
        for index in scatter.indices { scatter[index] += other.scatter[index] }
        join(other.count, other.mean)
    }

    /// Moves the mean, and adds `δ δᵀ nₐ n_b / n`, where the scatter of the new rows was added already.
    private mutating func join(_ otherCount: Int, _ otherMean: [Double]) {
        let (before, added) = (Double(count), Double(otherCount))
        let delta = zip(otherMean, mean).map { $0 - $1 }
        let side = Int32(dimension)
        openblas_set_num_threads(1)
        cblas_dsyr(
            CblasRowMajor, CblasUpper, side, before * added / (before + added), delta, 1, &scatter, side)
        for feature in 0..<dimension { mean[feature] += delta[feature] * added / (before + added) }
        count += otherCount
    }

    /// Σ = S / (n − 1), the unbiased covariance, (D, D) row-major; zeros before there are two rows.
    public var covariance: [Double] {
        var full = scatter
        let scale = count > 1 ? 1 / Double(count - 1) : 0
        for row in 0..<dimension {
            for column in row..<dimension {
                let value = scatter[row * dimension + column] * scale
                full[row * dimension + column] = value
                full[column * dimension + row] = value
            }
        }
        return full
    }
}
