import Codec
import Storage
import SystemPackage
import TestSupport
import Testing

@Suite struct H264TranscoderTests {
    private let undelayed = "ref=1:bframes=0:rc-lookahead=0:sync-lookahead=0:scenecut=0:keyint=infinite:force-cfr=1"

    @Test(
        "without loss, every picture comes back at once and unchanged",
        arguments: [Size(width: 64, height: 48), Size(width: 50, height: 38)])
    func lossless(size: Size) throws {
        let transcoder = try H264Transcoder(size: size, parameters: undelayed + ":qp=0")
        for index in 0..<6 {
            let picture = try Picture.waves(size, dx: Double(index) * 1.5)
            let decoded = try transcoder.transcode(picture)
            #expect(try decoded.cropped(decoded.crop).allSamples == picture.allSamples)
            #expect(decoded.crop.applied(to: decoded.size) == size)
            #expect(decoded.type == (index == 0 ? .intra : .predicted))
        }
    }

    @Test("odd sizes keep their pixels, with one column or row more", arguments: [(49, 38), (50, 37), (33, 17)])
    func odd(width: Int, height: Int) throws {
        let transcoder = try H264Transcoder(size: Size(width: width, height: height), parameters: undelayed + ":qp=0")
        for index in 0..<3 {
            let picture = try Picture.clouds(Size(width: width, height: height), dx: 2 * index)
            let decoded = try transcoder.transcode(picture)
            let shown = try decoded.cropped(
                Crop(right: decoded.size.width - width, bottom: decoded.size.height - height))
            #expect(shown.allSamples == picture.allSamples)
        }
    }

    @Test("vectors are those of the panning texture", arguments: [(3, 0), (0, -2), (-4, 5)])
    func vectors(dx: Int, dy: Int) throws {
        let size = Size(width: 96, height: 96)
        let transcoder = try H264Transcoder(size: size, parameters: undelayed + ":qp=12:no-deblock=1:weightp=0")
        var rows = [MotionVector(blockX: 0, y: 0, size: 16, dx: 0, dy: 0)]
        _ = try transcoder.transcode(try .clouds(size))
        for index in 1..<5 {
            let picture = try Picture.clouds(size, dx: dx * index, dy: dy * index)
            try transcoder.transcode(picture).readMotionVectors(into: &rows)
            var area = (right: 0, all: 0)
            for row in rows {
                let pixels = Int(row.width * row.height)
                area.all += pixels
                let (x, y) = row.quarterPel
                if abs(Int(x) - 4 * dx) <= 1, abs(Int(y) - 4 * dy) <= 1 { area.right += pixels }
                #expect(row.source == -1)
                #expect(row.motionScale == 4)
            }
            #expect(area.all > 96 * 96 * 3 / 4)
            #expect(Double(area.right) > 0.7 * Double(area.all))
        }
    }

    @Test("an intra picture leaves no vectors behind")
    func intra() throws {
        let size = Size(width: 64, height: 48)
        let transcoder = try H264Transcoder(size: size, parameters: undelayed)
        var rows = [MotionVector(blockX: 0, y: 0, size: 16, dx: 0, dy: 0)]
        try transcoder.transcode(try .waves(size)).readMotionVectors(into: &rows)
        #expect(rows.isEmpty)
    }

    @Test("settings with delay are an error, not a silent shift")
    func delay() throws {
        let size = Size(width: 64, height: 48)
        let error = try codecError {
            let transcoder = try H264Transcoder(size: size, parameters: "bframes=3:rc-lookahead=20")
            _ = try transcoder.transcode(try .waves(size))
        }
        #expect(error.message.contains("held a picture back"))
    }
}
