internal import COpenBLAS
package import Storage

/// Number, mean and covariance of feature vectors, gathered batch by batch and mergeable between workers, in double.
///
/// Keeps `n`, `μ` and the scatter `S = Σ (x − μ)(x − μ)ᵀ`. Two parts a and b join as (Chan, Golub and LeVeque, 1979)
///
/// `n = nₐ + n_b`, `δ = μ_b − μₐ`, `μ = μₐ + δ n_b / n`, `S = Sₐ + S_b + δ δᵀ nₐ n_b / n`.
package struct FeatureStatistics: Sendable {
    /// The most features of a row.
    package static let largestDimension = 4096

    /// D, the features of a row.
    package let dimension: Int
    /// n, the rows so far.
    package private(set) var count = 0
    /// μ, (D).
    package private(set) var mean: [Double]
    /// S, (D, D) row-major; only its upper triangle is kept up to date.
    private var scatter: [Double]

    /// Statistics of no rows.
    ///
    /// - Parameter dimension: 1…4096.
    package init(dimension: Int) {
        precondition((1...Self.largestDimension).contains(dimension), "rows of \(dimension) features")
        self.dimension = dimension
        mean = Array(repeating: 0, count: dimension)
        scatter = Array(repeating: 0, count: dimension * dimension)
    }

    /// Adds rows.
    ///
    /// - Parameter rows: float32 (N, D), contiguous.
    /// - Throws: if they are not whole rows, or a feature is NaN or infinite, naming it; then nothing was added.
    package mutating func add(_ rows: Span<Float>) throws(PFrameError) {
        guard rows.count % dimension == 0 else {
            throw PFrameError(.usage, "\(rows.count) features are not whole rows of \(dimension)")
        }
        for index in rows.indices where !rows[index].isFinite {
            let place = "feature \(index % dimension) of row \(count + index / dimension)"
            throw PFrameError(.usage, "\(place) is \(rows[index]): Fréchet distances need finite features")
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
    package mutating func merge(_ other: FeatureStatistics) {
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
    package var covariance: [Double] {
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

/// The squared Fréchet distance of two normal distributions fitted to features (Heusel et al., 2017: FID; Unterthiner et
/// al., 2018: FVD).
///
/// `d² = |μ₁ − μ₂|² + tr(Σ₁ + Σ₂ − 2 (Σ₁ Σ₂)^½)`, in double.
///
/// `tr (Σ₁ Σ₂)^½ = Σ √eig(√Σ₁ Σ₂ √Σ₁)`. With symmetric eigendecompositions `Σ = V Λ Vᵀ` and `F = V Λ^½`, eigenvalues
/// below zero by rounding taken as zero, those square roots are the singular values of `F₁ᵀ F₂`; taking them from there
/// halves no digits of the small ones, so that covariances of fewer rows than features come out right too.
public struct FrechetDistance: Sendable, Equatable {
    /// `|μ₁ − μ₂|²`.
    public let means: Double
    /// `tr(Σ₁ + Σ₂ − 2 (Σ₁ Σ₂)^½)`, at least 0.
    public let covariances: Double
    /// d², in squared units of the features: what papers print as FID and FVD.
    public var value: Double { means + covariances }

    /// Compares two sets of features; which is which does not matter.
    ///
    /// - Throws: if either has fewer than two rows, or the two differ in dimension.
    package init(_ real: FeatureStatistics, _ generated: FeatureStatistics) throws(PFrameError) {
        guard real.dimension == generated.dimension else {
            throw PFrameError(
                .conflict,
                "real features have \(real.dimension) dimensions, generated ones \(generated.dimension): use one model")
        }
        for (name, statistics) in [("real", real), ("generated", generated)] where statistics.count < 2 {
            throw PFrameError(.usage, "\(statistics.count) \(name) clips: a Fréchet distance needs at least 2")
        }
        openblas_set_num_threads(1)
        means = zip(real.mean, generated.mean).reduce(0) { $0 + ($1.0 - $1.1) * ($1.0 - $1.1) }
        let (one, other) = (real.covariance, generated.covariance)
        let traces = (0..<real.dimension).reduce(0) {
            $0 + one[$1 * (real.dimension + 1)] + other[$1 * (real.dimension + 1)]
        }
        let root = try Self.rootTrace(
            try Self.factor(one, real.dimension), try Self.factor(other, real.dimension), real.dimension)
        covariances = max(0, traces - 2 * root)
    }

    /// `Fᵀ = Λ^½ Vᵀ` of a covariance, row-major: a row for each eigenvalue above rounding.
    private static func factor(_ covariance: [Double], _ dimension: Int) throws(PFrameError) -> [Double] {
        var vectors = covariance
        var values = [Double](repeating: 0, count: dimension)
        var side = Int32(dimension)
        var (work, integers): ([Double], [Int32]) = ([0], [0])
        var info: Int32 = 0
        // The first call asks how much memory the second needs.
        for isQuery in [true, false] {
            var (length, integersLength) = isQuery ? (-1, -1) : (Int32(work[0]), integers[0])
            if !isQuery {
                work = Array(repeating: 0, count: Int(length))
                integers = Array(repeating: 0, count: Int(integersLength))
            }
            dsyevd_("V", "U", &side, &vectors, &side, &values, &work, &length, &integers, &integersLength, &info, 1, 1)
        }
        guard info == 0 else {
            throw PFrameError("the eigenvalues of a covariance of \(dimension) features did not converge (\(info))")
        }
        // Ascending; LAPACK's columns are rows here.
        let least = Double(dimension) * Double.ulpOfOne * max(0, values[dimension - 1])
        let first = values.firstIndex { $0 > least } ?? dimension
        for row in first..<dimension {
            let scale = values[row].squareRoot()
            for column in 0..<dimension { vectors[row * dimension + column] *= scale }
        }
        return Array(vectors[(first * dimension)...])
    }

    /// The sum of the singular values of `F₁ᵀ F₂`.
    private static func rootTrace(_ one: [Double], _ other: [Double], _ dimension: Int) throws(PFrameError) -> Double {
        var rows = Int32(other.count / dimension)
        var columns = Int32(one.count / dimension)
        guard rows > 0, columns > 0 else { return 0 }
        var product = [Double](repeating: 0, count: Int(rows) * Int(columns))
        cblas_dgemm(
            CblasRowMajor, CblasNoTrans, CblasTrans, columns, rows, Int32(dimension), 1, one, Int32(dimension), other,
            Int32(dimension), 0, &product, rows)
        var values = [Double](repeating: 0, count: Int(min(rows, columns)))
        var integers = [Int32](repeating: 0, count: 8 * values.count)
        var (work, unused): ([Double], [Double]) = ([0], [0])
        var (one, info): (Int32, Int32) = (1, 0)
        for isQuery in [true, false] {
            var length = isQuery ? -1 : Int32(work[0])
            if !isQuery { work = Array(repeating: 0, count: Int(length)) }
            var alsoUnused = unused
            dgesdd_(
                "N", &rows, &columns, &product, &rows, &values, &unused, &one, &alsoUnused, &one, &work, &length,
                &integers, &info, 1)
        }
        guard info == 0 else {
            throw PFrameError("the singular values of a product of covariances did not converge (\(info))")
        }
        return values.reduce(0, +)
    }
}
