import Codec
import MotionVectors
import Storage
import TestSupport
import Testing

@Suite struct WholePixelCompensationTests {
    @Test(
        "predictions are those of the definition, and rebuilding is exact",
        arguments: [(64, 48), (50, 37), (16, 16), (5, 3), (1, 1)], [4, 8, 16])
    func definition(extent: (Int, Int), cellSize: Int) {
        let (width, height) = extent
        var random = SplitMix64(seed: UInt64(width * cellSize))
        for reach in [0, 3, 15, 1000] {
            let (reference, frame) = (image(width, height, &random), image(width, height, &random))
            var field = MotionField(size: Size(width: width, height: height), cellSize: cellSize)
            for cell in field.vectors.indices where Int.random(in: 0..<5, using: &random) > 0 {
                field.mask[cell] = 1
                field.vectors[cell] = SIMD2(
                    Int16(Int.random(in: -reach...reach, using: &random) * 4),
                    Int16(Int.random(in: -reach...reach, using: &random) * 4))
            }
            let prediction = WholePixelCompensation.predict(from: reference, field)
            #expect(prediction.pixels == plain(reference, field))
            let residual = WholePixelCompensation.residual(of: frame, from: prediction)
            #expect(
                residual.indices.allSatisfy { Int(residual[$0]) == Int(frame.pixels[$0]) - Int(prediction.pixels[$0]) })
            #expect(WholePixelCompensation.rebuild(prediction, residual) == frame)
        }
    }

    @Test(
        "a shifted picture is predicted without residual, save where it comes in",
        arguments: [(4, 0), (0, -7), (-3, 5)])
    func shift(dx: Int, dy: Int) {
        let (width, height) = (64, 48)
        let reference = RGBImage(width: width, height: height, pixels: texture(width, height, 0, 0))
        let frame = RGBImage(width: width, height: height, pixels: texture(width, height, dx, dy))
        var field = MotionField(size: Size(width: width, height: height), cellSize: 16)
        for cell in field.vectors.indices {
            field.mask[cell] = 1
            field.vectors[cell] = SIMD2(Int16(dx * 4), Int16(dy * 4))
        }
        let residual = WholePixelCompensation.residual(
            of: frame, from: WholePixelCompensation.predict(from: reference, field))
        for (index, value) in residual.enumerated() {
            let (x, y) = (index / 3 % width + dx, index / 3 / width + dy)
            if (0..<width).contains(x), (0..<height).contains(y) { #expect(value == 0) }
        }
        #expect(residual.contains { $0 != 0 })
    }

    @Test(
        "residuals of another prediction stay within a pixel's range",
        arguments: [(250, 10, 255), (3, -4, 0), (0, 511, 255), (255, .max, 255), (0, .min, 0), (7, -7, 0)])
    func clamping(prediction: UInt8, residual: Int16, expected: UInt8) {
        let image = RGBImage(width: 1, height: 1, pixels: [prediction, prediction, prediction])
        let rebuilt = WholePixelCompensation.rebuild(image, [residual, residual, residual])
        #expect(rebuilt.pixels == [expected, expected, expected])
    }

    private func plain(_ reference: RGBImage, _ field: MotionField) -> [UInt8] {
        reference.pixels.indices.map { index in
            let (x, y) = (index / 3 % reference.width, index / 3 / reference.width)
            let cell = y / field.cellSize * field.columns + x / field.cellSize
            guard field.mask[cell] == 1 else { return 0 }
            let u = min(max(x + Int(field.vectors[cell].x) / 4, 0), reference.width - 1)
            let v = min(max(y + Int(field.vectors[cell].y) / 4, 0), reference.height - 1)
            return reference.pixels[(v * reference.width + u) * 3 + index % 3]
        }
    }

    private func image(_ width: Int, _ height: Int, _ random: inout SplitMix64) -> RGBImage {
        RGBImage(
            width: width, height: height,
            pixels: (0..<width * height * 3).map { _ in UInt8.random(in: 0...255, using: &random) })
    }

    private func texture(_ width: Int, _ height: Int, _ dx: Int, _ dy: Int) -> [UInt8] {
        (0..<width * height * 3).map {
            UInt8(grain($0 / 3 % width + dx, $0 / 3 / width + dy, seed: $0 % 3))
        }
    }
}
