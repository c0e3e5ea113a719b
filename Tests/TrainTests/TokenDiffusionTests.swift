import Glibc
import Storage
import Testing
import Train

/// Masked diffusion against what is computed by hand, and against what is known of draws; `PythonPackageTests` compares
/// it with an implementation in Python, draw by draw.
@Suite struct TokenDiffusionTests {
    private static let tokens = TokenDiffusion(classes: [3, 2])
    private static let seeds = (0..<4).map { RandomSeed(40 + $0) }

    /// Logits that say the same of every place: probabilities 0.5, 0.3, 0.2, and 0.9, 0.1.
    private static func fixed(_ tokens: [Tensor]) throws(PFrameError) -> [Tensor] {
        func logits(_ probabilities: [Double]) throws(PFrameError) -> Tensor {
            try Tensor(probabilities.map { Float(log($0)) }).expanded(tokens[0].shape + [probabilities.count])
        }
        return [try logits([0.5, 0.3, 0.2]), try logits([0.9, 0.1])]
    }

    private static func integers(_ tensor: Tensor) throws -> [Int] { try tensor.floats().map { Int($0) } }

    @Test func hidesPlaces() throws {
        let kinds = try [Tensor([0, 1, 2, 2] as [Int64]), Tensor([1, 0, 1, 0] as [Int64])]
        let masked = try Self.tokens.masked(kinds, hidden: Tensor([1, 0, 0, 1] as [Float]))
        #expect(try masked.map(Self.integers) == [[3, 1, 2, 3], [2, 0, 1, 2]])
    }

    /// −ln of the probabilities of hidden tokens, by 2/π of all places.
    @Test func lossIsCrossEntropy() throws {
        let kinds = try [Tensor([0, 1, 2, 2] as [Int64]), Tensor([1, 0, 1, 0] as [Int64])]
        let loss = try Self.tokens.loss(Self.fixed(kinds), tokens: kinds, hidden: Tensor([1, 0, 1, 0] as [Float]))
            .item()
        let expected = -(log(0.5) + log(0.1) + log(0.2) + log(0.1)) / 4 * (.pi / 2)
        #expect(abs(loss - expected) < 1e-5)
    }

    @Test(arguments: [1, 3, 20]) func drawsWithTheProbabilities(rounds: Int) throws {
        let shape = [15, 16, 16]
        let drawn = try Self.tokens.sample(shape, rounds: rounds, seeds: Self.seeds) {
            tokens, _ throws(PFrameError) in try Self.fixed(tokens)
        }
        for (kind, probabilities) in zip(drawn, [[0.5, 0.3, 0.2], [0.9, 0.1]]) {
            #expect(kind.shape == [4 * 15, 16, 16] && kind.type == .int64)
            let values = try Self.integers(kind)
            for (token, probability) in probabilities.enumerated() {
                let share = Double(values.count { $0 == token }) / Double(values.count)
                // Five deviations of so many draws.
                let deviation = (probability * (1 - probability) / Double(values.count)).squareRoot()
                #expect(abs(share - probability) < 5 * deviation, "\(token) in \(share) of \(values.count)")
            }
        }
    }

    /// At half the temperature probabilities are squared and scaled.
    @Test func temperatureSharpens() throws {
        let drawn = try Self.tokens.sample([15, 16, 16], rounds: 2, temperature: 0.5, seeds: Self.seeds) {
            tokens, _ throws(PFrameError) in try Self.fixed(tokens)
        }
        let values = try Self.integers(drawn[1])
        let share = Double(values.count { $0 == 1 }) / Double(values.count)
        #expect(abs(share - 0.01 / 0.82) < 0.005)
    }

    /// The share of places that the network sees hidden is the share that it is told, and tokens once kept stay.
    @Test func keepsWhatItDrew() throws {
        var (seen, shares): ([[Int]], [Double]) = ([], [])
        var done: [Int] = []
        let drawn = try Self.tokens.sample(
            [15, 16, 16], rounds: 5, seeds: Self.seeds, progress: { done.append($0) }
        ) { tokens, share throws(PFrameError) in
            seen.append(try tokens[0].floats().map { Int($0) })
            shares.append(share)
            return try Self.fixed(tokens)
        }
        seen.append(try Self.integers(drawn[0]))
        shares.append(0)
        #expect(done == Array(1...5) && shares[0] == 1)
        for (tokens, share) in zip(seen, shares) {
            let hidden = Double(tokens.count { $0 == 3 }) / Double(tokens.count)
            #expect(abs(hidden - share) < 0.02)
        }
        for (before, after) in zip(seen, seen.dropFirst()) {
            #expect(zip(before, after).allSatisfy { $0 == 3 || $0 == $1 })
        }
    }

    @Test func clipsFollowFromTheirSeeds() throws {
        func drawn(_ seeds: [RandomSeed]) throws -> [Int] {
            try Self.integers(
                Self.tokens.sample([2, 4, 4], rounds: 3, seeds: seeds) {
                    tokens, _ throws(PFrameError) in try Self.fixed(tokens)
                }[0])
        }
        let together = try drawn(Self.seeds)
        #expect(try Self.seeds.flatMap { try drawn([$0]) } == together)
        #expect(try drawn([RandomSeed(1)]) != drawn([RandomSeed(2)]))
    }

    @Test func namesTheRoundOfDamage() throws {
        var round = 0
        let error = #expect(throws: PFrameError.self) {
            try Self.tokens.sample([1, 2, 2], rounds: 3, seeds: [RandomSeed(1)]) { tokens, _ throws(PFrameError) in
                round += 1
                let logits = try Self.fixed(tokens)
                return round == 2 ? [logits[0], try logits[1] * Double.nan] : logits
            }
        }
        #expect(error?.message.contains("NaN in round 2") == true, "\(String(describing: error))")
    }
}
