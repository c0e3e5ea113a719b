import Codec
import Dataset
import Storage

/// Times the content value of a frame against libswscale's conversion of it to BGR24 alone, which OpenCV begins with.
struct ContentTimes {
    let stopwatch: Stopwatch

    func printAll() throws(PFrameError) {
        print("content value, ms a frame of 8-bit 4:2:0; best of \(stopwatch.repetitions)")
        print("frame".column(24) + " rule 0.6  rule 0.7   no rule  swscale BGR24 alone")
        for (width, height) in [(340, 256), (640, 360), (854, 480), (1280, 720), (1920, 1080)] {
            let size = Size(width: width, height: height)
            let pictures = (try Self.picture(size, 0), try Self.picture(size, 1))
            var line = "\(size)".column(24)
            for rule in [ShrinkRule.v06, .v07, .none] {
                line += try content(pictures, rule).column(9, decimals: 3) + " "
            }
            print(line + (try conversion(pictures.0)).column(20, decimals: 3))
        }
    }

    /// Milliseconds a frame of a video that shows two pictures by turns.
    private func content(_ pictures: (Picture, Picture), _ rule: ShrinkRule) throws(PFrameError) -> Double {
        let meter = ContentMeter(rule: rule)
        var failure: PFrameError?
        var sum = 0.0
        let time = stopwatch.measure {
            do throws(PFrameError) {
                sum += try meter.next(pictures.0).value
                sum += try meter.next(pictures.1).value
            } catch { failure = error }
        }
        if let failure { throw failure }
        precondition(sum > 0, "two pictures that differ")
        return time / 2e6
    }

    private func conversion(_ picture: Picture) throws(PFrameError) -> Double {
        let scaler = try Scaler(from: picture, to: picture.size, .bgr24, quality: .swscaleDefault)
        let result = try Picture(size: picture.size, format: .bgr24)
        return stopwatch.measure { scaler.scale(picture, into: result) } / 1e6
    }

    private static func picture(_ size: Size, _ time: Int) throws(PFrameError) -> Picture {
        let picture = try Picture(size: size, format: .yuv420p)
        for index in 0..<3 {
            picture.withPlane(index) { target in
                Texture(width: target.width, height: target.height).withFrame(time + 10 * index) { texture in
                    for row in 0..<target.height {
                        (target.base + row * target.stride).update(
                            from: texture.base + row * texture.stride, count: target.width)
                    }
                }
            }
        }
        return picture
    }
}
