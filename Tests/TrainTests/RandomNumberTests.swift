import Foundation
import TestSupport
import Testing
import Train

/// Philox and what is made of its words: against published answers, plain arithmetic, and the normal law.
@Suite struct RandomNumberTests {
    /// The answers that Random123 publishes for `philox4x32-10` (`kat_vectors`).
    private static let answers: [(counter: [UInt32], key: [UInt32], words: [UInt32])] = [
        ([0, 0, 0, 0], [0, 0], [0x6627_E8D5, 0xE169_C58D, 0xBC57_AC4C, 0x9B00_DBD8]),
        ([.max, .max, .max, .max], [.max, .max], [0x408F_276D, 0x41C8_3B0E, 0xA20B_C7C6, 0x6D54_51FD]),
        (
            [0x243F_6A88, 0x85A3_08D3, 0x1319_8A2E, 0x0370_7344], [0xA409_3822, 0x299F_31D0],
            [0xD16C_FE09, 0x94FD_CCEB, 0x5001_E420, 0x2412_6EA1]
        ),
    ]

    @Test(arguments: answers) func givesKnownAnswers(_ answer: (counter: [UInt32], key: [UInt32], words: [UInt32])) {
        let key = UInt64(answer.key[1]) << 32 | UInt64(answer.key[0])
        #expect(RandomSeed.philox(counter: SIMD4(answer.counter), key: key) == SIMD4(answer.words))
    }

    /// Numbers of a seed by the formulas of the documentation, with the mathematics of the C library.
    private static func plain(_ seed: UInt64, _ count: Int) -> (normal: [Float], uniform: [Float]) {
        var (normal, uniform): ([Float], [Float]) = ([], [])
        for counter in 0..<((count + 3) / 4) {
            let words = RandomSeed.philox(counter: SIMD4(UInt32(counter), 0, 0, 0), key: seed)
            for pair in [0, 2] {
                let radius = (-2 * log((Double(words[pair]) + 0.5) * 0x1p-32)).squareRoot()
                let angle = 2 * Double.pi * Double(words[pair + 1]) * 0x1p-32
                normal += [Float(radius * cos(angle)), Float(radius * sin(angle))]
            }
            uniform += (0..<4).map { Float(words[$0] >> 8) * 0x1p-24 }
        }
        return (Array(normal.prefix(count)), Array(uniform.prefix(count)))
    }

    /// Whether all are within 1 unit in the last place, or 10⁻¹⁴.
    private static func agree(_ one: [Float], _ other: [Float]) -> Bool {
        one.count == other.count && zip(one, other).allSatisfy { abs($0 - $1) <= max(abs($1).ulp, 1e-14) }
    }

    /// Lengths on both sides of what the kernel draws together.
    @Test(arguments: [1, 2, 31, 32, 33, 100_003], [0, 7, 0xFEDC_BA98_7654_3210] as [UInt64])
    func followsItsFormulas(count: Int, seed: UInt64) throws {
        let plain = Self.plain(seed, count)
        let (normal, uniform) = (try Tensor.normal([count], seed: seed), try Tensor.uniform([count], seed: seed))
        #expect(try Self.agree(normal.floats(), plain.normal))
        #expect(try uniform.floats() == plain.uniform)
    }

    /// Seeds that lie apart in memory are drawn by libtorch's own operations, as on a GPU.
    private static func apart(_ seeds: [RandomSeed], on device: Device = .cpu) throws -> Tensor {
        let twice = try seeds.flatMap { [$0, RandomSeed(0)] }.tensor(on: device).reshaped([seeds.count, 2])
        return try twice.permuted([1, 0]).sliced(0..<1, along: 0)
    }

    private static let seeds = [3, 4, 0x8000_0000_0000_0001, .max].map { RandomSeed($0) }

    @Test(arguments: [[1], [3, 2, 2, 3], [5, 1001]])
    func drawsAlikeWithoutTheKernel(shape: [Int]) throws {
        let (known, others) = (try Self.seeds.tensor(), try Self.apart(Self.seeds))
        let (one, other) = (try Tensor.normal(shape, seeds: known), try Tensor.normal(shape, seeds: others))
        #expect(one.shape == other.shape && one.shape == [4 * shape[0]] + shape.dropFirst())
        #expect(try Self.agree(one.floats(), other.floats()))
        let uniform = try (Tensor.uniform(shape, seeds: known), Tensor.uniform(shape, seeds: others))
        #expect(try uniform.0.floats() == uniform.1.floats())
    }

    @Test(.requires(.cuda), arguments: [[1], [3, 2, 2, 3], [5, 1001]])
    func drawsAlikeOnCUDA(shape: [Int]) throws {
        let seeds = (try Self.seeds.tensor(), try Self.seeds.tensor(on: .cuda))
        let (one, other) = (try Tensor.normal(shape, seeds: seeds.0), try Tensor.normal(shape, seeds: seeds.1))
        #expect(try other.device == .cuda && Self.agree(one.floats(), other.floats()))
        #expect(try Tensor.uniform(shape, seeds: seeds.0).floats() == Tensor.uniform(shape, seeds: seeds.1).floats())
    }

    /// A clip has the same noise alone, beside others, and as the beginning of a longer one.
    @Test func seedAndPlaceAloneDecide() throws {
        let together = try Tensor.normal([3, 77], seeds: Self.seeds.tensor())
        for (index, seed) in Self.seeds.enumerated() {
            let alone = try Tensor.normal([3, 77], seed: seed.value).floats()
            #expect(try alone == together.sliced(3 * index..<3 * index + 3, along: 0).contiguous().floats())
            #expect(try alone == Array(Tensor.normal([70_000], seed: seed.value).floats().prefix(231)))
        }
    }

    @Test func numbersOfASeedAreItsFirstWords() {
        for seed in Self.seeds {
            let words = RandomSeed.philox(key: seed.value)
            let share = (Double(words[1]) * 0x1p32 + Double(words[0])) * 0x1p-64
            #expect((0..<1).contains(seed.unit) && abs(seed.unit - share) < 0x1p-52)
        }
    }

    /// Moments within five standard errors, and Kolmogorov and Smirnov's distance that one sample in a thousand exceeds.
    @Test(arguments: [5, 6] as [UInt64]) func aMillionAreNormal(seed: UInt64) throws {
        let count = 1_000_000
        let values = try Tensor.normal([count], seed: seed).floats().map(Double.init)
        let moments = (1...4).map { power in values.reduce(0) { $0 + pow($1, Double(power)) } / Double(count) }
        let errors = zip([1, 2, 15, 96].map { ($0 / Double(count)).squareRoot() }, [0.0, 1, 0, 3])
        for (moment, (error, expected)) in zip(moments, errors) {
            #expect(abs(moment - expected) < 5 * error, "\(moment), expected \(expected)")
        }
        var distance = 0.0
        for (index, value) in values.sorted().enumerated() {
            let share = 0.5 * erfc(-value / 2.0.squareRoot())
            distance = max(distance, abs(share - Double(index) / Double(count)))
            distance = max(distance, abs(share - Double(index + 1) / Double(count)))
        }
        #expect(distance < 1.95 / Double(count).squareRoot(), "\(distance)")
    }

    /// Neighbouring seeds, and neighbouring numbers of a seed, have nothing to do with each other.
    @Test func seedsAndPlacesAreUncorrelated() throws {
        let count = 1_000_000
        let (one, other) = (try Tensor.normal([count], seed: 8).floats(), try Tensor.normal([count], seed: 9).floats())
        func correlation(_ pairs: some Sequence<(Float, Float)>) -> Double {
            pairs.reduce(0) { $0 + Double($1.0) * Double($1.1) } / Double(count)
        }
        for found in [correlation(zip(one, other)), correlation(zip(one, one.dropFirst()))] {
            #expect(abs(found) < 5e-3, "\(found)")
        }
    }
}
