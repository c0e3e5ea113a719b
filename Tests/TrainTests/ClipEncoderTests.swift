import Codec
import MotionVectors
import Storage
import TestSupport
import Testing
import Train

/// The closed loop with motion that is given, against plain loops over pixels.
@Suite struct ClipEncoderTests {
    private static let size = Size(width: 32, height: 48)

    /// Codes a residual as the mean of every block and channel.
    private struct BlockMeans: ResidualCoder {
        let name = "means"
        let channels = 3

        static func means(_ residual: [Float]) -> [Float] {
            var sums = [Float](repeating: 0, count: 3 * 2 * 3)
            for (place, value) in residual.enumerated() {
                let (pixel, channel) = (place / 3, place % 3)
                let block = pixel / size.width / 16 * 2 + pixel % size.width / 16
                sums[block * 3 + channel] += value
            }
            return sums.map { $0 / 256 }
        }

        static func spread(_ means: [Float]) -> [Float] {
            (0..<(size.width * size.height * 3)).map { place in
                let (pixel, channel) = (place / 3, place % 3)
                return means[(pixel / size.width / 16 * 2 + pixel % size.width / 16) * 3 + channel]
            }
        }

        private func each(_ tensor: Tensor, _ body: ([Float]) -> [Float]) throws(PFrameError) -> [Float] {
            let values = try tensor.floats()
            let count = values.count / tensor.shape[0]
            return (0..<tensor.shape[0]).flatMap { body(Array(values[($0 * count)..<(($0 + 1) * count)])) }
        }

        func encode(_ residual: Tensor, beside prediction: Tensor) throws(PFrameError) -> Tensor {
            try Tensor(each(residual, Self.means), shape: [residual.shape[0], 3, 2, 3])
        }

        func decode(_ latents: Tensor, beside prediction: Tensor) throws(PFrameError) -> Tensor {
            try Tensor(each(latents, Self.spread), shape: [latents.shape[0], size.height, size.width, 3])
        }
    }

    private static func clip(_ seed: Int) -> [RGBImage] {
        (0..<4).map { time in
            RGBImage(
                width: size.width, height: size.height,
                pixels: (0..<(size.width * size.height * 3)).map {
                    UInt8(clouds($0 / 3 % size.width + (2 + seed) * time, $0 / 3 / size.width - time + 100 * ($0 % 3)))
                })
        }
    }

    /// Any motion: what is kept need not fit.
    private static func motion(_ seed: UInt64) -> [MotionField] {
        var random = SplitMix64(seed: seed)
        return (0..<3).map { _ in
            var field = MotionField(size: size, cellSize: 16)
            for cell in field.vectors.indices {
                field.vectors[cell] = SIMD2(
                    Int16.random(in: -15...15, using: &random) * 4, Int16.random(in: -15...15, using: &random) * 4)
                field.mask[cell] = 1
            }
            return field
        }
    }

    /// Latents and frames of a clip by the definition of the closed loop.
    private static func expected(_ clip: [RGBImage], _ motion: [MotionField]) -> (latents: [Float16], frames: [[UInt8]])
    {
        var (latents, frames) = ([Float16](), [clip[0].pixels])
        for (field, source) in zip(motion, clip.dropFirst()) {
            let before = frames[frames.count - 1]
            let prediction = (0..<before.count).map { place -> Int in
                let (x, y) = (place / 3 % size.width, place / 3 / size.width)
                let vector = field.vectors[y / 16 * 2 + x / 16]
                let u = min(max(x + Int(vector.x) / 4, 0), size.width - 1)
                let v = min(max(y + Int(vector.y) / 4, 0), size.height - 1)
                return Int(before[(v * size.width + u) * 3 + place % 3])
            }
            let residual = zip(source.pixels, prediction).map { Float(Int($0) - $1) }
            let stored = BlockMeans.means(residual).map { Float16($0) }
            latents += stored
            let decoded = BlockMeans.spread(stored.map { Float($0) }).map { Int($0.rounded(.toNearestOrEven)) }
            frames.append(zip(prediction, decoded).map { UInt8(clamping: $0 + $1) })
        }
        return (latents, frames)
    }

    @Test func keepsTheMotionGiven() throws {
        let encoder = ClipEncoder(BlockMeans(), radius: 15)
        let (clips, motion) = ([Self.clip(0), Self.clip(1)], [Self.motion(3), Self.motion(4)])
        let coded = try encoder.closed(clips, motion: motion)
        for index in 0..<2 {
            let plain = Self.expected(clips[index], motion[index])
            #expect(coded[index].motion == motion[index])
            #expect(coded[index].latents == plain.latents)
            #expect(coded[index].frames.map(\.pixels) == plain.frames)
        }
    }

    @Test func searchesWhereNoneIsGiven() throws {
        let encoder = ClipEncoder(BlockMeans(), radius: 15)
        let clip = Self.clip(0)
        let coded = try encoder.closed([clip])[0]
        // What was searched, kept, codes the same.
        let again = try encoder.closed([clip], motion: [coded.motion])[0]
        #expect(again.latents == coded.latents && again.frames == coded.frames)
        let plain = Self.expected(clip, coded.motion)
        #expect(coded.latents == plain.latents && coded.frames.map(\.pixels) == plain.frames)
        #expect(coded.motion != Self.motion(3))
    }
}
