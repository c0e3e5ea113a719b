import Codec
import Foundation
import Storage
import TestSupport
import Train

/// What `Tests/Peers/metrics_expected.py` wrote, and the inputs that it made its values from, made again.
struct MetricInputs: Decodable {
    struct Clip: Decodable, CustomStringConvertible {
        let name: String
        let frames, width, height, amplitude: Int
        let seed: UInt64
        let psnr: Double
        let framePSNR, ssim, scikitSSIM: [Double]

        var size: Size { Size(width: width, height: height) }
        var description: String { name }
    }

    struct Frechet: Decodable, CustomStringConvertible {
        let name: String
        let dimension: Int
        /// Rows, seed and shift.
        let real, generated: [Int]
        let distance: Double
        let sqrtm: Double?

        var description: String { name }
    }

    struct Statistics: Decodable {
        let mean, covariance: [Double]
    }

    struct Groups: Decodable {
        struct Sides: Decodable {
            let name: String
            /// Rows and seed.
            let real, generated: [Int]?
        }
        let dimension: Int
        let sides: [Sides]
        let distances: [String: Double]
        let mean: Double
    }

    struct Inception: Decodable {
        let rows, classes, splits: Int
        let seed: UInt64
        let mean, deviation: Double
    }

    struct Motion: Decodable {
        let fields, rows, columns, drift: Int
        let seed: UInt64
        let error: Double
        let fieldErrors, features: [Double]
    }

    let clips: [Clip]
    let frechet: [Frechet]
    let statistics: Statistics
    let groups: Groups
    let inception: [Inception]
    let motion: [Motion]

    static func expected() throws -> MetricInputs {
        let inputs: MetricInputs = try decodedFixture("metrics.json")
        // Of an empty list of arguments a test passes.
        guard !inputs.clips.isEmpty, !inputs.frechet.isEmpty else { throw PFrameError("metrics.json holds too little") }
        return inputs
    }

    static func noise(_ count: Int, seed: UInt64) -> [UInt64] {
        var random = SplitMix64(seed: seed)
        return (0..<count).map { _ in random.next() }
    }

    /// A clip and its reference: (T, H, W, 3).
    static func clips(_ clip: Clip) -> (clip: [UInt8], reference: [UInt8]) {
        let random = noise(clip.frames * clip.height * clip.width * 3, seed: clip.seed)
        guard clip.amplitude > 0 else {
            return (random.map { 128 + UInt8($0 >> 63) }, random.map { _ in 255 })
        }
        var made: (clip: [UInt8], reference: [UInt8]) = ([], [])
        for (index, value) in random.enumerated() {
            let (c, pixel) = (index % 3, index / 3)
            let (x, line) = (pixel % clip.width, pixel / clip.width)
            let (y, t) = (line % clip.height, line / clip.height)
            let wave = (x * (3 + c) + y * (5 - c) + 7 * t) % 510
            let reference = wave > 255 ? 510 - wave : wave
            let change = Int(value >> 32) % (2 * clip.amplitude + 1) - clip.amplitude
            made.reference.append(UInt8(reference))
            made.clip.append(UInt8(min(max(reference + change, 0), 255)))
        }
        return made
    }

    /// (rows, dimension).
    static func features(_ rows: Int, _ dimension: Int, seed: Int, shift: Int = 0) -> [Float] {
        let values = noise(rows * dimension, seed: UInt64(seed)).map { Int($0 >> 54) }
        return values.indices.map { index in
            let (row, place) = (index / dimension * dimension, index % dimension)
            let mixed =
                4 * values[index] + 3 * values[row + (7 * place + 1) % dimension]
                - 2 * values[row + (3 * place + 2) % dimension]
            return Float(mixed + 64 * shift * (place % 5)) / 256
        }
    }

    static func statistics(_ rows: Int, _ dimension: Int, seed: Int, shift: Int = 0) throws -> FeatureStatistics {
        var statistics = FeatureStatistics(dimension: dimension)
        try statistics.add(features(rows, dimension, seed: seed, shift: shift).span)
        return statistics
    }

    /// (rows, classes).
    static func logits(_ rows: Int, _ classes: Int, seed: UInt64) -> [Float] {
        noise(rows * classes, seed: seed).map { Float($0 >> 56) / 32 - 4 }
    }

    /// (T−1, h, w, 2).
    static func motion(_ motion: Motion, seed: UInt64, drift: Int) -> [Int16] {
        let random = noise(motion.fields * motion.rows * motion.columns * 2, seed: seed)
        return random.indices.map { index in
            guard random[index / 2 * 2] >> 63 != 0 else { return 0 }
            let field = index / (motion.rows * motion.columns * 2)
            return Int16(Int((random[index] >> 8) % 49) - 24 + drift * field)
        }
    }
}

/// The two differ by no more than a share of the wanted value, or by as much where that is below 1.
func isClose(_ found: Double, _ wanted: Double, _ tolerance: Double) -> Bool {
    abs(found - wanted) <= tolerance * max(1, abs(wanted))
}
