internal import COpenBLAS

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
    /// - Throws: where either has fewer than two rows, or the two differ in dimension.
    public init(_ real: FeatureStatistics, _ generated: FeatureStatistics) throws(TrainError) {
        guard real.dimension == generated.dimension else {
            throw TrainError(
                "real features have \(real.dimension) dimensions, generated ones \(generated.dimension): use one model")
        }
        for (name, statistics) in [("real", real), ("generated", generated)] where statistics.count < 2 {
            throw TrainError("\(statistics.count) \(name) clips: a Fréchet distance needs at least 2")
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
    private static func factor(_ covariance: [Double], _ dimension: Int) throws(TrainError) -> [Double] {
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
            throw TrainError("the eigenvalues of a covariance of \(dimension) features did not converge (\(info))")
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
    private static func rootTrace(_ one: [Double], _ other: [Double], _ dimension: Int) throws(TrainError) -> Double {
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
            throw TrainError("the singular values of a product of covariances did not converge (\(info))")
        }
        return values.reduce(0, +)
    }
}
