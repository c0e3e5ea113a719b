/// SplitMix64, a 64-bit generator with 64 bits of state, the same on every machine.
///
/// Steele, Lea and Flood, "Fast Splittable Pseudorandom Number Generators", OOPSLA 2014, with the odd constant and the
/// 64-bit finaliser that the paper gives for it.
///
/// Draws go through ``below(_:)`` and ``in(_:)`` rather than the standard library's `random(in:using:)`, whose mapping
/// from bits to values is free to change between releases.
package struct SplitMix64: RandomNumberGenerator, Sendable {
    /// 2^64 divided by the golden ratio, rounded to an odd number: the step of the Weyl sequence under the generator.
    package static let goldenGamma: UInt64 = 0x9E37_79B9_7F4A_7C15

    private var state: UInt64

    /// Starts the sequence that belongs to `seed`.
    package init(seed: UInt64) {
        state = seed
    }

    /// Starts the sequence numbered `stream` of the family that belongs to `seed`.
    ///
    /// Both are mixed, so neighbouring seeds and neighbouring streams give unrelated sequences.
    package init(seed: UInt64, stream: UInt64) {
        state = Self.mix(Self.mix(seed) &+ stream)
    }

    /// The finaliser: a bijection of 64-bit words in which each input bit flips about half of the output bits.
    package static func mix(_ word: UInt64) -> UInt64 {
        var z = word
        z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
        return z ^ (z >> 31)
    }

    /// The next 64 uniform bits.
    package mutating func next() -> UInt64 {
        state &+= Self.goldenGamma
        return Self.mix(state)
    }

    /// A whole number in `0..<bound`, `bound` at least 1: the high word of a 64 by 64 bit product.
    ///
    /// The bias is below `bound / 2^64`, which no data set is large enough to show.
    package mutating func below(_ bound: Int) -> Int {
        precondition(bound > 0, "the bound of a draw must be positive")
        return Int(next().multipliedFullWidth(by: UInt64(bound)).high)
    }

    /// A whole number in a closed range.
    package mutating func `in`(_ range: ClosedRange<Int>) -> Int {
        range.lowerBound + below(range.upperBound - range.lowerBound + 1)
    }

    /// One of the cases of a closed choice, each as likely as the others.
    package mutating func element<Element>(of elements: [Element]) -> Element {
        elements[below(elements.count)]
    }
}
