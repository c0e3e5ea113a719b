import Codec
import Storage
import SystemPackage
import TestSupport
import Testing

@Suite struct ImageFileTests {
    @Test("a PNG decodes to the same pixels", arguments: [(1, 1), (3, 5), (17, 4), (64, 48)])
    func pngRoundTrip(width: Int, height: Int) throws {
        var random = SplitMix64(seed: UInt64(width * 100 + height))
        let pixels = (0..<width * height * 3).map { _ in UInt8.random(in: 0...255, using: &random) }
        let image = RGBImage(width: width, height: height, pixels: pixels)
        try withTemporaryFolder { folder in
            let path = folder.appending("picture.png")
            try image.write(to: path)
            let file = try contents(of: path)
            #expect(Array(file.prefix(8)) == [0x89, 0x50, 0x4E, 0x47, 0x0D, 0x0A, 0x1A, 0x0A])
            #expect(bigEndian(file[16..<20]) == width)
            #expect(bigEndian(file[20..<24]) == height)
            let picture = try #require(try decodeAll(path).first)
            #expect(picture.format == .rgb24)
            #expect(picture.size == Size(width: width, height: height))
            #expect(picture.bytes(0) == pixels)
        }
    }

    @Test(
        "a JPEG comes back close, and closer at a higher quality", arguments: [(1, 1), (16, 16), (33, 21), (128, 96)])
    func jpegRoundTrip(width: Int, height: Int) throws {
        let image = smoothImage(width: width, height: height)
        let (good, poor) = (try image.jpeg(quality: 95), try image.jpeg(quality: 5))
        #expect(good.starts(with: [0xFF, 0xD8, 0xFF]))
        #expect(good.suffix(2) == [0xFF, 0xD9])
        let (back, worse) = (try RGBImage(jpeg: good), try RGBImage(jpeg: poor))
        #expect((back.width, back.height) == (width, height))
        let quality = peakSignalToNoise(image.pixels, back.pixels)
        #expect(quality > 34)
        if width * height > 16 { #expect(quality > peakSignalToNoise(image.pixels, worse.pixels) + 3) }
    }

    @Test("a JPEG that ends early is an error at any cut", arguments: [0, 1, 2, 20, 300, 900])
    func truncatedJPEG(length: Int) throws {
        let bytes = try smoothImage(width: 96, height: 64).jpeg()
        try #require(bytes.count > 1000)
        let error = try codecError { _ = try RGBImage(jpeg: Array(bytes.prefix(length))) }
        #expect(error.message.hasPrefix("cannot decode the JPEG: ") && error.code == .damaged)
        #expect(error.message.count > "cannot decode the JPEG: ".count)
        // The last two bytes, the end marker, are what the end of the data is known by.
        #expect(throws: PFrameError.self) { try RGBImage(jpeg: bytes.dropLast(2)) }
    }

    @Test("bytes that are no JPEG are an error")
    func notJPEG() throws {
        #expect(throws: PFrameError.self) { try RGBImage(jpeg: Array("GIF89a and so on and on".utf8)) }
    }

    @Test("the extension chooses the format", arguments: ["a.jpg", "a.JPEG", "a.PNG", "a.gif", "a"])
    func extensions(name: String) throws {
        try withTemporaryFolder { folder in
            let (path, image) = (folder.appending(name), smoothImage(width: 32, height: 32))
            switch path.extension?.lowercased() {
            case "jpg", "jpeg":
                try image.write(to: path)
                #expect(try contents(of: path) == image.jpeg())
            case "png":
                try image.write(to: path)
                #expect(try contents(of: path) == image.png())
            default:
                let error = try codecError { try image.write(to: path) }
                #expect(error.path == path)
                #expect(error.message.contains(".png") && error.code == .unsupported)
                #expect(try names(in: folder).isEmpty)
            }
        }
    }
}

private func bigEndian(_ bytes: ArraySlice<UInt8>) -> Int { bytes.reduce(0) { $0 << 8 | Int($1) } }
