internal import Glibc
public import Storage

/// How sure a classifier is of each sample, and how varied its answers are (Salimans et al., 2016).
///
/// `IS = exp(mean over x of KL(p(y|x) ‖ p(y)))`, `KL = Σ p(y|x) (ln p(y|x) − ln p(y))`, with `p(y)` the mean of `p(y|x)`.
/// The N samples are cut into consecutive splits, the k-th from ⌊k N / splits⌋, each with its own `p(y)`; samples that
/// are sorted by class must be shuffled first. Between 1 and the number of classes.
public struct InceptionScore: Sendable, Equatable {
    /// Of each split.
    public let splits: [Double]

    /// The mean over the splits.
    public var mean: Double { splits.reduce(0, +) / Double(splits.count) }
    /// The standard deviation over the splits, divided by their number, not by one less.
    public var deviation: Double {
        let mean = mean
        return (splits.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / Double(splits.count)).squareRoot()
    }

    /// Scores a classifier's logits, whose softmax is p(y|x).
    ///
    /// - Parameters:
    ///   - logits: float32 (N, classes), contiguous.
    ///   - classes: answers of the classifier.
    ///   - splits: parts that are scored alone.
    /// - Throws: if the logits are not whole rows, fewer than the splits, or not finite.
    public init(logits: Span<Float>, classes: Int, splits: Int = 10) throws(PFrameError) {
        try self.init(logits, classes, splits) { (row) throws(PFrameError) in
            guard row.allSatisfy(\.isFinite), let most = row.max() else { throw PFrameError(.usage, "are not finite") }
            let powers = row.map { exp($0 - most) }
            let sum = powers.reduce(0, +)
            return powers.map { $0 / sum }
        }
    }

    /// Scores a classifier's probabilities p(y|x).
    ///
    /// - Parameters:
    ///   - probabilities: float32 (N, classes), contiguous; each row sums to 1 within 0.001.
    ///   - classes: answers of the classifier.
    ///   - splits: parts that are scored alone.
    /// - Throws: if these are not whole rows, fewer than the splits, or not probabilities.
    public init(probabilities: Span<Float>, classes: Int, splits: Int = 10) throws(PFrameError) {
        try self.init(probabilities, classes, splits) { (row) throws(PFrameError) in
            let sum = row.reduce(0, +)
            guard row.allSatisfy({ $0 >= 0 }), abs(sum - 1) <= 0.001 else {
                throw PFrameError(.usage, "are not probabilities: their sum is \(sum)")
            }
            return row
        }
    }

    private init(
        _ values: Span<Float>, _ classes: Int, _ parts: Int,
        _ probabilities: ([Double]) throws(PFrameError) -> [Double]
    ) throws(PFrameError) {
        precondition(classes > 0 && parts > 0, "\(classes) classes, \(parts) splits")
        guard values.count % classes == 0 else {
            throw PFrameError(.usage, "\(values.count) values are not whole rows of \(classes) classes")
        }
        let rows = values.count / classes
        guard rows >= parts else {
            throw PFrameError(.usage, "\(rows) samples are too few for \(parts) splits: ask for fewer")
        }
        var scores: [Double] = []
        for part in 0..<parts {
            var (marginal, negativeEntropy) = ([Double](repeating: 0, count: classes), 0.0)
            let range = part * rows / parts..<(part + 1) * rows / parts
            for row in range {
                let given: [Double]
                do throws(PFrameError) {
                    given = try probabilities((row * classes..<(row + 1) * classes).map { Double(values[$0]) })
                } catch {
                    throw PFrameError(.usage, "the answers of sample \(row) \(error.message)")
                }
                for (answer, value) in given.enumerated() where value > 0 {
                    marginal[answer] += value
                    negativeEntropy += value * log(value)
                }
            }
            // Σₓ KL = Σₓ Σ p(y|x) ln p(y|x) − n Σ p(y) ln p(y).
            let count = Double(range.count)
            let entropy = -marginal.reduce(0) { $0 + ($1 > 0 ? $1 / count * log($1 / count) : 0) }
            scores.append(exp(negativeEntropy / count + entropy))
        }
        splits = scores
    }
}
