/// A seed made of others: every draw of a run has its own, so that what is drawn depends on what it is for and not on
/// what was drawn before, on which rank, or after which restart.
public struct RandomSeed: Sendable, Equatable {
    /// The seed of a generator.
    public let value: UInt64

    /// The seed that a user gave.
    public init(_ value: UInt64) { self.value = value }

    /// Another seed for each number (SplitMix64's finaliser, Steele et al. 2014).
    public func mixed(_ number: UInt64) -> RandomSeed {
        var z = (value ^ (number &* 0x9E37_79B9_7F4A_7C15)) &+ 0x9E37_79B9_7F4A_7C15
        z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
        return RandomSeed(z ^ (z >> 31))
    }

    /// Another seed for each name (FNV-1a).
    public func mixed(_ name: String) -> RandomSeed {
        mixed(name.utf8.reduce(0xCBF2_9CE4_8422_2325) { ($0 ^ UInt64($1)) &* 0x0000_0100_0000_01B3 })
    }

    /// Another seed for each whole number.
    public func mixed(_ number: Int) -> RandomSeed { mixed(UInt64(bitPattern: Int64(number))) }

    /// A number in 0..<1.
    public var unit: Double { Double(mixed(0x5DEECE66D).value >> 11) * 0x1p-53 }
}
