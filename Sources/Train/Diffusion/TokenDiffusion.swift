import Glibc
public import Storage

/// Masked diffusion of tokens: discrete diffusion with an absorbing state (D3PM, Austin et al. 2021, section 3.1), sampled
/// in few rounds (MaskGIT, Chang et al. 2022, section 3.2).
///
/// A place of a clip holds one token of each kind, a whole number below the number of classes of its kind. Noise hides
/// places: a hidden place holds the mask, the number of classes itself, in all kinds. At time u in 0…1 a share cos(πu/2)
/// of the places is hidden. A network learns the tokens of hidden places by cross-entropy. Sampling starts with all
/// places hidden; each round draws the tokens of all hidden places and keeps those whose time has come. The time of a
/// place is uniform and independent of the other places, as in the reverse of the noise.
public struct TokenDiffusion: Sendable, Equatable {
    /// Classes of each kind of token, the mask not counted.
    public let classes: [Int]

    /// Diffusion of tokens of these kinds.
    public init(classes: [Int]) { self.classes = classes }

    /// The share of hidden places at time u in 0…1: cos(πu/2), the schedule that MaskGIT found best.
    public static func share(_ time: Double) -> Double { cos(.pi / 2 * time) }

    /// Tokens of which some places are hidden.
    ///
    /// - Parameters:
    ///   - tokens: for each kind int64 of one shape.
    ///   - hidden: 1 where a place is hidden and 0 elsewhere, float32 of the shape of the tokens.
    public func masked(_ tokens: [Tensor], hidden: Tensor) throws(PFrameError) -> [Tensor] {
        var result: [Tensor] = []
        for (kind, count) in zip(tokens, classes) {
            result.append(try Self.chosen(hidden, Tensor.full([1], Double(count), device: hidden.device), else: kind))
        }
        return result
    }

    /// The cross-entropy of hidden places, summed over the kinds of tokens and averaged so that clips, whatever the
    /// share of their hidden places, add up: the sum over hidden places divided by the expected number of them, which
    /// is 2/π of all.
    ///
    /// - Parameters:
    ///   - logits: for each kind `(…, classes)`.
    ///   - tokens: for each kind int64 `(…)`.
    ///   - hidden: float32 `(…)`.
    /// - Returns: one number, float32.
    public func loss(_ logits: [Tensor], tokens: [Tensor], hidden: Tensor) throws(PFrameError) -> Tensor {
        var sum = try Tensor.zeros(hidden.shape, device: hidden.device)
        for (kind, logits) in zip(tokens, logits) { sum = try sum + logits.to(.float32).crossEntropy(kind) }
        return try (sum * hidden).mean() * (.pi / 2)
    }

    /// Draws the tokens of clips.
    ///
    /// - Parameters:
    ///   - shape: the places of a clip with frames folded into the first dimension, such as `(T, h, w)`.
    ///   - rounds: calls of the network, 1 or more.
    ///   - temperature: divides the logits: 1 draws with the probabilities of the network, less favours likely tokens.
    ///   - seeds: one per clip; a clip does not depend on the other clips.
    ///   - progress: called after every round with the number of those done; what it throws ends sampling.
    ///   - predict: the logits of each kind `(B·T, h, w, classes)` for tokens `(B·T, h, w)` of which a share is hidden.
    /// - Returns: for each kind int64 `(B·T, h, w)`.
    /// - Throws: `PFrameError` if the network gives no finite numbers, and what `predict` and `progress` throw.
    public func sample(
        _ shape: [Int], rounds: Int, temperature: Double = 1, seeds: [RandomSeed], on device: Device = .cpu,
        progress: (Int) throws(PFrameError) -> Void = { _ in },
        _ predict: ([Tensor], Double) throws(PFrameError) -> [Tensor]
    ) throws(PFrameError) -> [Tensor] {
        precondition(rounds > 0 && !seeds.isEmpty, "\(rounds) rounds of \(seeds.count) clips")
        return try withoutGradients { () throws(PFrameError) -> [Tensor] in
            let times = try Tensor.uniform(shape, seeds: seeds.map { $0.mixed("order") }.tensor(on: device))
            // One upload for all rounds and kinds.
            let draws = try (0..<rounds).flatMap { round in
                classes.indices.flatMap { kind in seeds.map { $0.mixed("token").mixed(round).mixed(kind) } }
            }.tensor(on: device).reshaped([rounds * classes.count, seeds.count])
            var hidden = try Tensor.full(times.shape, 1, device: device)
            var tokens: [Tensor] = []
            for count in classes {
                tokens.append(try Tensor.full(times.shape, Double(count), type: .int64, device: device))
            }
            var areFinite: [Tensor] = []
            for round in 0..<rounds {
                let logits = try predict(tokens, Self.share(Double(round) / Double(rounds)))
                // The share of the last round is cos(π/2), which in floating point is not quite 0.
                let next = round + 1 == rounds ? 0 : Self.share(Double(round + 1) / Double(rounds))
                let stays = try (times .< Tensor.full([1], next, device: device)).to(.float32)
                for (kind, logits) in logits.enumerated() {
                    areFinite.append(try logits.isFinite().reshaped([1]))
                    let row = round * classes.count + kind
                    let drawn = try Self.drawn(
                        logits.to(.float32) * (1 / temperature), seeds: draws.sliced(row..<row + 1, along: 0))
                    let known = try Self.chosen(hidden, drawn, else: tokens[kind])
                    let mask = try Tensor.full([1], Double(classes[kind]), device: device)
                    tokens[kind] = try Self.chosen(stays, mask, else: known)
                }
                hidden = stays
                try progress(round + 1)
            }
            // One look at all rounds: a look at each would let the device wait for the next round.
            if let bad = try Tensor.concatenated(areFinite, along: 0).floats().firstIndex(of: 0) {
                throw PFrameError(
                    "the model gives infinity or NaN in round \(bad / classes.count + 1): weights are damaged or "
                        + "training diverged")
            }
            return tokens
        }
    }

    /// Classes drawn with the probabilities softmax(logits): the greatest of logits plus Gumbel noise −ln(−ln u)
    /// (Maddison et al. 2014).
    private static func drawn(_ logits: Tensor, seeds: Tensor) throws(PFrameError) -> Tensor {
        let shape = logits.shape
        let uniform = try Tensor.uniform([shape[0] / seeds.count] + shape.dropFirst(), seeds: seeds)
        // u is a multiple of 2⁻²⁴ in 0..<1; both logarithms stay finite a little within.
        let gumbel = try uniform.affine(1 - 0x1p-23, 0x1p-25).logarithm().affine(-1, 0).logarithm()
        return try (logits - gumbel).indexOfMax(along: -1)
    }

    /// `first` where `mask` is 1 and `second` where it is 0, as int64; whole numbers that float32 holds.
    private static func chosen(_ mask: Tensor, _ first: Tensor, else second: Tensor) throws(PFrameError) -> Tensor {
        let first = try first.to(.float32)
        return try (second.to(.float32) * mask.affine(-1, 1) + first * mask).to(.int64)
    }
}
