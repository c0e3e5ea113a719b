import CTorch
public import Storage

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

    /// A number in 0..<1: the upper 53 of the first 64 bits that Philox 4x32-10 gives for the seed.
    public var unit: Double {
        let words = Self.philox(key: value)
        return Double((UInt64(words[1]) << 32 | UInt64(words[0])) >> 11) * 0x1p-53
    }

    /// The words of a counter and a key: Philox 4x32-10 (Salmon et al. 2011).
    package static func philox(counter: SIMD4<UInt32> = SIMD4(), key: UInt64) -> SIMD4<UInt32> {
        let counter = (0..<4).map { counter[$0] }
        var words: [UInt32] = [0, 0, 0, 0]
        ct_philox(counter, [UInt32(truncatingIfNeeded: key), UInt32(key >> 32)], &words)
        return SIMD4(words)
    }
}

/// Numbers that depend on their seed and their place alone: not on the batch, the rank, the threads or the device.
///
/// Numbers 4i … 4i + 3 of a seed follow from the words w of Philox 4x32-10 (Salmon et al. 2011, *Parallel random numbers:
/// as easy as 1, 2, 3*) for the counter (i, 0, 0, 0) and the key `seed`. Uniform numbers are ⌊w / 2⁸⌋ / 2²⁴. Normal numbers
/// are r cos θ and r sin θ with r = √(−2 ln((w₀ + ½) / 2³²)) and θ = 2π w₁ / 2³² (Box & Muller 1958), then the same of w₂
/// and w₃; they are computed in float64 and rounded to float32. Every x86-64 processor gives the same bits. A GPU gives them
/// within 1 unit in the last place, or 10⁻¹⁴ near 0.
extension Tensor {
    /// Standard normal float32 numbers of each seed, on the device of the seeds.
    ///
    /// - Parameters:
    ///   - shape: of the numbers of one seed, `(N, …)`.
    ///   - seeds: int64 `(B)`, as `tensor(on:)` of an array of seeds makes it.
    /// - Returns: `(B·N, …)`, the numbers of one seed behind those of the other.
    public static func normal(_ shape: [Int], seeds: Tensor) throws(PFrameError) -> Tensor {
        let sizes = shape.map(Int64.init)
        return try made("drawing \(shape)") { ct_normal(seeds.handle, sizes, Int32(sizes.count), $0) }
    }

    /// Standard normal float32 numbers of one seed, on the CPU.
    public static func normal(_ shape: [Int], seed: UInt64) throws(PFrameError) -> Tensor {
        try normal(shape, seeds: [RandomSeed(seed)].tensor())
    }

    /// Uniform float32 numbers in 0..<1 of each seed, as ``normal(_:seeds:)`` draws them.
    public static func uniform(_ shape: [Int], seeds: Tensor) throws(PFrameError) -> Tensor {
        let sizes = shape.map(Int64.init)
        return try made("drawing \(shape)") { ct_uniform(seeds.handle, sizes, Int32(sizes.count), $0) }
    }

    /// Uniform float32 numbers in 0..<1 of one seed, on the CPU.
    public static func uniform(_ shape: [Int], seed: UInt64) throws(PFrameError) -> Tensor {
        try uniform(shape, seeds: [RandomSeed(seed)].tensor())
    }
}

extension [RandomSeed] {
    /// The bits of the seeds: int64 `(B)`.
    public func tensor(on device: Device = .cpu) throws(PFrameError) -> Tensor {
        try Tensor(map { Int64(bitPattern: $0.value) }, device: device)
    }
}
