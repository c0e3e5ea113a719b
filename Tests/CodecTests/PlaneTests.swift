import Codec
import Storage
import SystemPackage
import TestSupport
import Testing

/// The extents of lent planes, against the files that ffmpeg keeps pictures in without gaps.
@Suite struct PlaneTests {
    /// A format of every kind that libavutil has: planes, halves, quarters, words, bits, interleaved, packed, with alpha.
    static let formats = [
        "yuv420p", "yuv422p", "yuv444p", "yuv410p", "yuv411p", "yuv440p", "yuva420p", "yuva422p", "yuva444p", "gray",
        "gray10le", "gray16be", "ya8", "yuv420p10le", "yuv420p10be", "yuv422p12le", "yuv444p16be", "yuva420p10le",
        "nv12", "nv21", "yuyv422", "uyvy422", "yvyu422", "monow", "monob", "rgb4", "bgr8", "rgb565le", "rgb24", "bgr24",
        "argb", "bgr0", "rgb48be", "rgba64le", "gbrp", "gbrp10le", "gbrap", "gbrap16be", "xyz12le",
    ]

    @Test(
        "rows of every pixel format hold what ffmpeg stores of it",
        arguments: [
            Size(width: 37, height: 23), Size(width: 1, height: 1), Size(width: 2, height: 3),
            Size(width: 64, height: 2),
        ])
    func stored(size: Size) throws {
        try withTemporaryFolder { folder in
            var random = SplitMix64(seed: UInt64(size.width))
            let noise = (0..<size.width * size.height * 8 + 64).map { _ in UInt8.random(in: 0...255, using: &random) }
            try put(noise, at: folder.appending("noise"))
            // ffmpeg copies as many bytes as a picture of the format takes.
            var arguments: [String] = []
            for format in Self.formats {
                arguments += ["-f", "rawvideo", "-pixel_format", format, "-video_size", "\(size)", "-i"]
                arguments.append(folder.appending("noise").string)
            }
            for (index, format) in Self.formats.enumerated() {
                arguments += ["-map", "\(index)", "-c", "copy", "-frames:v", "1"]
                arguments.append(folder.appending("\(format).nut").string)
            }
            try ffmpeg(arguments)
            for format in Self.formats {
                let picture = try #require(try decodeAll(folder.appending("\(format).nut")).first)
                #expect(picture.formatName == format)
                #expect(picture.size == size)
                let bytes: [UInt8] = (0..<picture.planeCount).flatMap { picture.bytes($0) }
                #expect(noise.starts(with: bytes), "\(format)")
                #expect(bytes.count == Self.bytes(of: format, size), "\(format)")
            }
        }
    }

    /// Plain arithmetic for some.
    @Test(
        "chroma is as large as its samples, rounded up", arguments: [1, 2, 15, 16, 17, 1919],
        [(PixelFormat.yuv420p, 2, 2), (.yuv420pFullRange, 2, 2), (.yuv420p10, 2, 2), (.yuv444p, 1, 1)])
    func chroma(side: Int, format: (PixelFormat, across: Int, down: Int)) throws {
        let picture = try Picture(size: Size(width: side, height: 3), format: format.0)
        #expect(picture.planeCount == 3)
        let bytes = format.0 == .yuv420p10 ? 2 : 1
        #expect(picture.extents(0) == [side, 3, side * bytes])
        let (width, height) = ((side + format.across - 1) / format.across, (3 + format.down - 1) / format.down)
        for index in [1, 2] { #expect(picture.extents(index) == [width, height, width * bytes]) }
    }

    @Test("RGB is one plane of three bytes per pixel", arguments: [PixelFormat.rgb24, .bgr24], [1, 7, 640])
    func interleaved(format: PixelFormat, side: Int) throws {
        let picture = try Picture(size: Size(width: side, height: 5), format: format)
        #expect(picture.planeCount == 1)
        #expect(picture.extents(0) == [side, 5, 3 * side])
    }

    @Test("a lent plane holds its picture, and what is written to it stays")
    func lent() throws {
        let written = try Picture(size: Size(width: 6, height: 4), format: .yuv444p).withPlane(2) { plane in
            for y in 0..<plane.height { plane.row(y).update(repeating: UInt8(y)) }
            return (0..<plane.height).flatMap { Array(plane.row($0)) }
        }
        #expect(written == (0..<4).flatMap { [UInt8](repeating: $0, count: 6) })
        let picture = try Picture.noise(Size(width: 9, height: 5), seed: 3)
        picture.withPlanes { luma, cb, cr in
            #expect(picture.bytes(0).suffix(9).elementsEqual(luma.row(4)))
            _ = cb.row(2).update(from: cr.row(2))
        }
        #expect(picture.bytes(1).suffix(5) == picture.bytes(2).suffix(5))
    }

    /// Bytes of a picture, worked out by hand.
    private static func bytes(of format: String, _ size: Size) -> Int {
        let (w, h) = (size.width, size.height)
        let (half, low) = ((w + 1) / 2, (h + 1) / 2)
        let (quarter, lowest) = ((w + 3) / 4, (h + 3) / 4)
        return switch format {
        case "yuv420p", "nv12", "nv21": w * h + 2 * half * low
        case "yuv420p10le", "yuv420p10be": 2 * (w * h + 2 * half * low)
        case "yuva420p": 2 * w * h + 2 * half * low
        case "yuva420p10le": 2 * (2 * w * h + 2 * half * low)
        case "yuv422p": w * h + 2 * half * h
        case "yuva422p": 2 * w * h + 2 * half * h
        case "yuv422p12le": 2 * (w * h + 2 * half * h)
        case "yuv410p": w * h + 2 * quarter * lowest
        case "yuv411p": w * h + 2 * quarter * h
        case "yuv440p": w * h + 2 * w * low
        case "yuyv422", "uyvy422", "yvyu422": 4 * half * h
        case "gray", "bgr8": w * h
        case "gray10le", "gray16be", "ya8", "rgb565le": 2 * w * h
        case "yuv444p", "rgb24", "bgr24", "gbrp": 3 * w * h
        case "yuva444p", "argb", "bgr0", "gbrap": 4 * w * h
        case "yuv444p16be", "rgb48be", "gbrp10le", "xyz12le": 6 * w * h
        case "rgba64le", "gbrap16be": 8 * w * h
        case "rgb4": half * h
        case "monow", "monob": (w + 7) / 8 * h
        default: 0
        }
    }
}

extension Picture {
    /// Pixels per row, rows, and bytes per row of a plane.
    fileprivate func extents(_ index: Int) -> [Int] { withPlane(index) { [$0.width, $0.height, $0.rowBytes] } }
}
