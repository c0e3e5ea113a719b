import CKernels
import Codec
import Dataset
import Storage
import TestSupport
import Testing

@Suite struct ContentMeterTests {
    static let sizes = [
        (1, 1), (1, 300), (300, 1), (2, 2), (255, 9), (256, 8), (257, 31), (340, 33), (512, 64), (513, 7), (514, 33),
        (768, 30), (1280, 45), (99, 61), (640, 36), (1027, 40), (2049, 18), (40, 700),
    ].map { Size(width: $0.0, height: $0.1) }

    @Test("equal the plain arithmetic for every size, rule and rotation", arguments: sizes, ShrinkRule.allCases)
    func plain(size: Size, rule: ShrinkRule) throws {
        var random = SplitMix64(seed: UInt64(size.width * 1000 + size.height))
        let noise = (0..<2).map { _ in
            PlainContent(width: size.width, height: size.height) { _, _ in
                [
                    Int.random(in: 0...255, using: &random), .random(in: 0...255, using: &random),
                    .random(in: 0...255, using: &random),
                ]
            }
        }
        let smooth = (0..<2).map { time in
            PlainContent(width: size.width, height: size.height) { x, y in
                [clouds(x + 3 * time, y), clouds(x, y + 500 + time), min(255, clouds(x + 900, y) * 5 / 4)]
            }
        }
        for (first, second) in [(noise[0], noise[1]), (smooth[0], smooth[1]), (smooth[1], noise[0])] {
            let pictures = (try picture(first), try picture(second))
            for rotation in [0, 90, 180, 270] {
                let meter = ContentMeter(rule: rule, rotation: rotation)
                #expect(try meter.next(pictures.0) == .zero)
                let (before, now) = (first.turned(rotation).shrunk(rule), second.turned(rotation).shrunk(rule))
                #expect(try meter.next(pictures.1) == now.score(after: before), "turned by \(rotation)")
                #expect(try meter.next(pictures.1) == .zero, "the same picture again")
            }
        }
    }

    #if arch(x86_64)
        private static let isX86 = true
    #else
        private static let isX86 = false
    #endif

    @Test(
        "4:2:0 is converted as libswscale does it, whole rows and single pixels",
        .enabled(if: isX86, "elsewhere than on x86, where OpenCV's figures come from, libswscale has other arithmetic"),
        arguments: [PixelFormat.yuv420p, .yuv420pFullRange])
    func conversion(format: PixelFormat) throws {
        var seed: UInt64 = 0
        for (width, height) in [
            (1, 2), (2, 2), (7, 4), (15, 2), (16, 2), (17, 6), (33, 2), (255, 16), (257, 30), (340, 64), (511, 8),
            (1280, 90), (1283, 42), (2560, 40), (3000, 66),
        ] {
            let size = Size(width: width, height: height)
            let direct = try (0..<3).map { index in
                seed += 1
                return try yuvPicture(size, format, seed: seed, isExtreme: index == 1)
            }
            let scaler = try Scaler(from: direct[0], to: size, .bgr24, quality: .swscaleDefault)
            let converted = try direct.map { picture in
                let result = try Picture(size: size, format: .bgr24)
                scaler.scale(picture, into: result)
                return result
            }
            for rule in ShrinkRule.allCases {
                let meters = (ContentMeter(rule: rule), ContentMeter(rule: rule))
                for (one, other) in zip(direct, converted) {
                    #expect(try meters.0.next(one) == meters.1.next(other), "\(size), rule \(rule)")
                }
            }
        }
    }

    @Test("pixels become HSV by the definition, whatever they are")
    func hsv() {
        for red in stride(from: 0, through: 255, by: 17) {
            let pixels = (0..<65536).map { UInt32(red << 16 | $0) }
            var hue = [UInt8](repeating: 0, count: pixels.count)
            var (saturation, value) = (hue, hue)
            pframe_pixels_to_hsv(&hue, &saturation, &value, pixels, pixels.count)
            let wrong = pixels.indices.first { index in
                let expected = PlainContent.hsv([index & 255, index >> 8, red])
                return [Int(hue[index]), Int(saturation[index]), Int(value[index])] != (0..<3).map { expected[$0] }
            }
            #expect(wrong == nil, "red \(red)")
        }
    }

    @Test("kernels touch nothing behind what they were given", arguments: [0, 1, 3, 4, 15, 16, 17, 31, 33])
    func bounds(count: Int) {
        let guardValue: UInt32 = 0x7777_7777
        let samples = [UInt8](repeating: 200, count: count)
        let chroma = [UInt8](repeating: 90, count: (count + 1) / 2)
        var matrix = pframe_yuv_matrix(
            luma_offset: 128, luma: 9539, cb_blue: 16525, cb_green: -3209, cr_green: -6660, cr_red: 13075)
        var pixels = [UInt32](repeating: guardValue, count: count + 4)
        pframe_yuv_to_pixels(&pixels, samples, chroma, chroma, count, &matrix)
        #expect(Array(pixels[count...]) == [guardValue, guardValue, guardValue, guardValue])
        #expect(Set(pixels.prefix(count)).count <= 1)
        var picked = [UInt32](repeating: guardValue, count: count + 4)
        let columns = (0..<count).map { Int32(count - 1 - $0) }
        pframe_pick_yuv_pixels(&picked, samples, chroma, chroma, columns, count, &matrix)
        #expect(picked == pixels)
        var blended = [UInt32](repeating: guardValue, count: count + 4)
        let weights = [Int16](repeating: 1024, count: (count + 3) / 4 * 16)
        pframe_blend_pixels(&blended, pixels, pixels, pixels, pixels, weights, weights, count)
        #expect(blended == pixels)
        var plane = [UInt8](repeating: 0x77, count: count + 4)
        var others = plane
        var hue = plane
        pframe_pixels_to_hsv(&hue, &others, &plane, pixels, count)
        for plane in [hue, others, plane] { #expect(Array(plane[count...]) == [0x77, 0x77, 0x77, 0x77]) }
    }

    @Test("a picture that cannot be compared cuts; one that shrinks to the same size can")
    func changingSizes() throws {
        func grey(_ width: Int, _ height: Int, _ value: Int) throws -> Picture {
            try picture(PlainContent(width: width, height: height) { _, _ in [value, value, value] })
        }
        let meter = ContentMeter(rule: .v07)
        #expect(try meter.next(grey(1280, 720, 100)) == .zero)
        #expect(try meter.next(grey(640, 360, 103)) == ContentScore(hue: 0, saturation: 0, luma: 3))
        #expect(try meter.next(grey(640, 480, 103)) == .incomparable)
        #expect(try meter.next(grey(640, 480, 104)) == ContentScore(hue: 0, saturation: 0, luma: 1))
        #expect(ContentScore.incomparable.value > ContentScore.cutThreshold)
    }

    @Test(
        "sizes are Python's",
        arguments: [
            ("0.6", 1280, 720, 256, 144), ("0.6", 1366, 768, 273, 154), ("0.6", 854, 480, 285, 160),
            ("0.6", 511, 999, 511, 999), ("0.6", 255, 255, 255, 255), ("0.6", 720, 1280, 360, 640),
            ("0.6", 600, 337, 300, 168), ("0.6", 600, 1, 300, 1), ("0.7", 1280, 720, 256, 144),
            ("0.7", 340, 256, 256, 193), ("0.7", 720, 1280, 144, 256), ("0.7", 256, 100, 256, 100),
            ("0.7", 512, 1, 256, 1), ("0.7", 512, 5, 256, 2), ("0.7", 512, 3, 256, 2), ("none", 1280, 720, 1280, 720),
        ])
    func rules(rule: String, width: Int, height: Int, shrunkWidth: Int, shrunkHeight: Int) throws {
        let rule = try #require(ShrinkRule(rawValue: rule))
        #expect(
            rule.shrunk(Size(width: width, height: height)) == Size(width: shrunkWidth, height: shrunkHeight))
    }

    private func picture(_ content: PlainContent) throws -> Picture {
        let picture = try Picture(size: Size(width: content.width, height: content.height), format: .bgr24)
        picture.withPlane(0) { plane in
            for y in 0..<content.height {
                for x in 0..<content.width {
                    for channel in 0..<3 { plane.row(y)[3 * x + channel] = UInt8(content.at(x, y)[channel]) }
                }
            }
        }
        return picture
    }

    private func yuvPicture(
        _ size: Size, _ format: PixelFormat, seed: UInt64, isExtreme: Bool
    ) throws -> Picture {
        var random = SplitMix64(seed: seed)
        let picture = try Picture(size: size, format: format)
        for index in 0..<3 {
            picture.withPlane(index) { plane in
                for y in 0..<plane.height {
                    for x in 0..<plane.width {
                        let value = UInt8.random(in: 0...255, using: &random)
                        plane.row(y)[x] = isExtreme ? (value < 128 ? 0 : 255) : value
                    }
                }
            }
        }
        return picture
    }
}
