import Codec
import Storage
import Testing

@Suite struct ScalerTests {
    /// BT.601, limited range, from the definition.
    private func expected(_ r: Double, _ g: Double, _ b: Double) -> [Double] {
        let luma = 0.299 * r + 0.587 * g + 0.114 * b
        return [
            16 + luma * 219 / 255, 128 + (b - luma) / (2 * (1 - 0.114)) * 224 / 255,
            128 + (r - luma) / (2 * (1 - 0.299)) * 224 / 255,
        ]
    }

    @Test(
        "flat colours convert as BT.601 says and back",
        arguments: [
            [0, 0, 0], [255, 255, 255], [255, 0, 0], [0, 255, 0], [0, 0, 255], [128, 128, 128], [200, 90, 30],
        ])
    func flatColours(colour: [UInt8]) throws {
        let pixels = (0..<32 * 16).flatMap { _ in colour }
        let picture = try RGBImage(width: 32, height: 16, pixels: pixels).yuv420p()
        let values = expected(Double(colour[0]), Double(colour[1]), Double(colour[2]))
        for index in 0..<3 {
            for sample in picture.samples(index) { #expect(abs(Double(sample) - values[index]) <= 1.5) }
        }
        let back = try RGBImage(picture)
        for (index, value) in back.pixels.enumerated() { #expect(abs(Int(value) - Int(colour[index % 3])) <= 4) }
    }

    @Test("smooth pictures survive 4:2:0 and back", arguments: [(32, 32), (64, 48), (31, 17), (2, 2)])
    func roundTrip(width: Int, height: Int) throws {
        let image = smoothImage(width: width, height: height)
        let back = try RGBImage(try image.yuv420p())
        #expect((back.width, back.height) == (width, height))
        #expect(peakSignalToNoise(image.pixels, back.pixels) > 30)
    }

    @Test("a crop keeps what lies inside it")
    func crop() throws {
        let picture = try Picture.waves(Size(width: 48, height: 32))
        let (whole, part) = (
            try RGBImage(picture), try RGBImage(picture, crop: Crop(left: 6, top: 4, right: 2, bottom: 8))
        )
        #expect((part.width, part.height) == (40, 20))
        for y in 0..<20 {
            let start = ((y + 4) * 48 + 6) * 3
            #expect(part.pixels[y * 120..<(y + 1) * 120] == whole.pixels[start..<start + 120])
        }
    }

    @Test("halving a picture of flat quarters keeps their colours", arguments: [false, true])
    func halving(exact: Bool) throws {
        let quality: Scaler.Quality = exact ? .exact : .swscaleDefault
        let (size, half) = (Size(width: 64, height: 64), Size(width: 32, height: 32))
        let picture = try Picture(size: size, format: .yuv420p)
        for index in 0..<3 {
            let middle = index == 0 ? 32 : 16
            picture.fill(index) { x, y in 40 + (x < middle ? 0 : 60) + (y < middle ? 0 : 90) }
        }
        let result = try Picture(size: half, format: .yuv420p)
        try Scaler(from: size, .yuv420p, to: half, .yuv420p, quality: quality).scale(picture, into: result)
        for index in 0..<3 {
            let side = index == 0 ? 32 : 16
            let samples = result.samples(index)
            for (x, y) in [(0, 0), (side - 1, 0), (0, side - 1), (side - 1, side - 1)] {
                let value = 40 + (x == 0 ? 0 : 60) + (y == 0 ? 0 : 90)
                #expect(abs(samples[y * side + x] - value) <= 1)
            }
        }
    }

    @Test("a scaler made for a picture takes pictures like it and gives the same", arguments: [false, true])
    func fromPicture(exact: Bool) throws {
        let quality: Scaler.Quality = exact ? .exact : .swscaleDefault
        let (size, target) = (Size(width: 50, height: 38), Size(width: 24, height: 20))
        for format in [PixelFormat.yuv420p, .yuv420pFullRange] {
            let picture = try Picture.noise(size, format: format, seed: 5)
            let (one, other) = (
                try Picture(size: target, format: .yuv420p), try Picture(size: target, format: .yuv420p)
            )
            let scaler = try Scaler(from: picture, to: target, .yuv420p, quality: quality)
            #expect(scaler.accepts(try .noise(size, format: format, seed: 6)))
            #expect(!scaler.accepts(try .noise(target, format: format, seed: 6)))
            #expect(!scaler.accepts(try .noise(size, format: .yuv420p10, bits: 10, seed: 6)))
            scaler.scale(picture, into: one)
            try Scaler(from: size, format, to: target, .yuv420p, quality: quality).scale(picture, into: other)
            // Untagged pictures differ in where chroma lies at most.
            #expect(one.samples(0) == other.samples(0) && Set(one.samples(0)).count > 100)
        }
    }

    @Test("BGR is RGB the other way round", arguments: [PixelFormat.yuv420p, .yuv420pFullRange, .yuv420p10])
    func bgr(format: PixelFormat) throws {
        let size = Size(width: 48, height: 32)
        let picture = try Picture.noise(size, format: format, bits: format == .yuv420p10 ? 10 : 8, seed: 9)
        let (rgb, bgr) = (try Picture(size: size, format: .rgb24), try Picture(size: size, format: .bgr24))
        try Scaler(from: picture, to: size, .rgb24).scale(picture, into: rgb)
        try Scaler(from: picture, to: size, .bgr24).scale(picture, into: bgr)
        let (one, other) = (rgb.bytes(0), bgr.bytes(0))
        for first in stride(from: 0, to: one.count, by: 3) {
            #expect([one[first], one[first + 1], one[first + 2]] == other[first..<first + 3].reversed())
        }
        #expect(Set(one).count > 100)
    }

    @Test("a size that is none is refused")
    func impossible() throws {
        let error = try codecError {
            _ = try Scaler(
                from: Size(width: 0, height: 0), .yuv420p, to: Size(width: 16, height: 16), .rgb24)
        }
        #expect(error.message.contains("0x0"))
    }
}
