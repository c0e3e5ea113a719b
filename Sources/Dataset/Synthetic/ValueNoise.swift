import Storage

/// Multi-octave value noise in whole-number arithmetic: the texture of grounds and shapes.
///
/// Each octave draws one value per point of a square lattice and joins them with the cubic `t²(3 - 2t)` along both axes.
/// The finest lattice has a point every 4 pixels: fine enough that every 8×8 block has structure of its own for a motion
/// search to lock on to, coarse enough that a linear sub-pixel shift hardly blurs it.
enum ValueNoise {
    /// Pixels between the lattice points of the finest octave.
    static let finestPeriod = 4

    /// The deviation from the mean that one mean absolute deviation of the noise is stretched to, in 8-bit levels.
    private static let contrast = 44

    /// A texture of 8-bit levels with mean near 128 and strong contrast, shape (height, width), row-major.
    ///
    /// The octaves have equal weight and periods of 4, 8, 16 … pixels up to a quarter of the shorter side, two at least.
    static func levels(width: Int, height: Int, seed: UInt64) -> [UInt8] {
        var sums = [Int32](repeating: 0, count: width * height)
        let coarsest = max(min(width, height) / 4, 2 * finestPeriod)
        var random = SplitMix64(seed: seed)
        var period = finestPeriod
        while period <= coarsest {
            addOctave(period: period, width: width, height: height, to: &sums, using: &random)
            period *= 2
        }
        return stretched(sums)
    }

    /// Adds one octave, values 0...65280, to `sums`.
    private static func addOctave(
        period: Int, width: Int, height: Int, to sums: inout [Int32], using random: inout SplitMix64
    ) {
        let columns = width / period + 2
        let rows = height / period + 2
        let lattice = (0..<columns * rows).map { _ in Int32(truncatingIfNeeded: random.next() >> 56) }
        let fade = (0..<period).map { Int32(256 * $0 * $0 * (3 * period - 2 * $0) / (period * period * period)) }

        var line = [Int32](repeating: 0, count: columns)
        for y in 0..<height {
            let upper = y / period * columns
            let fadeY = fade[y % period]
            for column in 0..<columns {
                line[column] = lattice[upper + column] * (256 - fadeY) + lattice[upper + columns + column] * fadeY
            }
            var index = y * width
            for column in 0..<columns {
                let first = column * period
                for x in first..<max(first, min(first + period, width)) {
                    let fadeX = fade[x - first]
                    sums[index] += (line[column] * (256 - fadeX) + line[column + 1] * fadeX) >> 8
                    index += 1
                }
            }
        }
    }

    /// Centres the sums on 128 and scales them to a set mean absolute deviation, so that the contrast of a texture does
    /// not depend on how many octaves it has.
    private static func stretched(_ sums: [Int32]) -> [UInt8] {
        let mean = sums.reduce(0) { $0 + Int($1) } / sums.count
        let deviation = max(1, sums.reduce(0) { $0 + abs(Int($1) - mean) } / sums.count)
        return sums.map { UInt8(clamping: 128 + (Int($0) - mean) * contrast / deviation) }
    }
}

/// Two colours that a texture runs between: `dark` at level 0, `light` at level 255.
struct TextureRamp: Sendable {
    /// Red, green and blue at level 0.
    var dark: SIMD3<Int32>

    /// Red, green and blue at level 255.
    var light: SIMD3<Int32>

    /// The colour at a level, each channel 0...255.
    func colour(at level: UInt8) -> SIMD3<Int32> {
        let level = Int32(level)
        return (dark &* (255 - level) &+ light &* level &+ 127) / 255
    }

    /// A muted ramp for a ground: greyish, dark enough that a white shape stands out and light enough for a blue one.
    static func ground(using random: inout SplitMix64) -> TextureRamp {
        let base = random.in(84...108)
        func tinted(_ level: Int) -> SIMD3<Int32> {
            SIMD3(
                Int32(level + random.in(-16...16)), Int32(level + random.in(-16...16)),
                Int32(level + random.in(-16...16)))
        }
        return TextureRamp(dark: tinted(base - 48), light: tinted(base + 48))
    }
}
