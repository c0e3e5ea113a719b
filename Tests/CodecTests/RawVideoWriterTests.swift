import Codec
import Storage
import SystemPackage
import TestSupport
import Testing

@Suite struct RawVideoWriterTests {
    @Test(
        "planes are written as they are, cropped",
        arguments: [
            (Size(width: 16, height: 16), Crop()), (Size(width: 17, height: 5), Crop()),
            (Size(width: 1, height: 1), Crop()),
            (Size(width: 48, height: 32), Crop(left: 4, top: 2, right: 6, bottom: 8)),
            (Size(width: 48, height: 32), Crop(right: 3, bottom: 1)),
            (Size(width: 48, height: 32), Crop(left: 2, top: 2, right: 1, bottom: 5)),
        ], ["clip.yuv", "clip.y4m", "CLIP.Y4M"])
    func planes(layout: (size: Size, crop: Crop), name: String) throws {
        let (size, crop) = layout
        let pictures = try (0..<3).map { try Picture.noise(size, seed: UInt64($0 + size.width)) }
        try withTemporaryFolder { folder in
            let path = folder.appending(name)
            let shown = Size(
                width: size.width - crop.left - crop.right, height: size.height - crop.top - crop.bottom)
            var writer = try RawVideoWriter(
                path: path, size: shown, frameRate: Rational(30_000, 1001), format: .yuv420p)
            for picture in pictures { try writer.write(picture, crop: crop) }
            try writer.close()
            let hasHeaders = name.lowercased().hasSuffix("y4m")
            var expected: [UInt8] = []
            if hasHeaders {
                let line =
                    "YUV4MPEG2 W\(shown.width) H\(shown.height) F30000:1001 Ip A0:0 C420mpeg2 XCOLORRANGE=LIMITED\n"
                expected += Array(line.utf8)
            }
            for picture in pictures {
                if hasHeaders { expected += Array("FRAME\n".utf8) }
                for (index, samples) in picture.allSamples.enumerated() {
                    let step = index == 0 ? 1 : 2
                    let width = (size.width + step - 1) / step
                    let columns = crop.left / step..<crop.left / step + (shown.width + step - 1) / step
                    for row in crop.top / step..<crop.top / step + (shown.height + step - 1) / step {
                        expected += columns.map { UInt8(samples[row * width + $0]) }
                    }
                }
            }
            #expect(try contents(of: path) == expected)
        }
    }

    @Test("libavformat reads the Y4M file back", arguments: [Size(width: 16, height: 16), Size(width: 17, height: 5)])
    func readBack(size: Size) throws {
        let pictures = try (0..<3).map { try Picture.noise(size, seed: UInt64($0)) }
        try withTemporaryFolder { folder in
            let path = folder.appending("clip.y4m")
            var writer = try RawVideoWriter(path: path, size: size, frameRate: Rational(25, 1), format: .yuv420p)
            for picture in pictures { try writer.write(picture, crop: Crop()) }
            try writer.close()
            #expect(try decodeAll(path).map(\.allSamples) == pictures.map(\.allSamples))
            #expect(try VideoReader(path: path).stream.averageFrameRate.value == 25)
        }
    }

    @Test("the header names the range, and a rate even where there is none")
    func header() throws {
        try withTemporaryFolder { folder in
            let path = folder.appending("clip.y4m")
            var writer = try RawVideoWriter(
                path: path, size: Size(width: 4, height: 2), frameRate: Rational(0, 0), format: .yuv420pFullRange)
            try writer.close()
            let line = "YUV4MPEG2 W4 H2 F1:1 Ip A0:0 C420mpeg2 XCOLORRANGE=FULL\n"
            #expect(try contents(of: path) == Array(line.utf8))
        }
    }

    @Test("a full disk is an error")
    func fullDisk() throws {
        try withTemporaryFolder { folder in
            let path = folder.appending("clip.yuv")
            try link("/dev/full", at: path)
            let size = Size(width: 640, height: 480)
            let error = try codecError {
                var writer = try RawVideoWriter(path: path, size: size, frameRate: Rational(25, 1), format: .yuv420p)
                try writer.write(try .waves(size), crop: Crop())
                try writer.close()
            }
            #expect(error.path == path)
            #expect(error.message.contains("No space left"))
        }
    }
}
