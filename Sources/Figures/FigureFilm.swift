import Codec
import Storage
import SystemPackage

/// A film of figures with the timing of their video.
enum FigureFilm {
    /// Writes figures until there is none; returns how many there were. No figure leaves no file.
    ///
    /// - Parameters:
    ///   - output: the file to write.
    ///   - rate: the average frame rate of the video; 0/0 where its container states none.
    ///   - isSpan: whether the film begins with its first frame, whatever its time.
    ///   - next: the figure with a number, from 0, and its time in seconds; nil at the end.
    /// - Throws: `PFrameError`, also what `next` throws.
    static func write(
        to output: FilePath, rate stated: Rational, isSpan: Bool,
        _ next: (Int) throws(PFrameError) -> (image: RGBImage, seconds: Double)?
    ) throws(PFrameError) -> Int {
        let rate = stated.value > 0 ? stated : Rational(25, 1)
        guard let first = try next(0) else { return 0 }
        var count = 0
        try StagedFile.write(output) { path throws(PFrameError) in
            let writer = try VideoWriter(
                path: path, settings: .h264(crf: 16, preset: "fast"),
                size: Size(width: first.image.width, height: first.image.height),
                timeBase: Rational(rate.denominator, rate.numerator), frameRate: rate, tags: .convertedFromRGB,
                threads: 0)
            let start = isSpan ? first.seconds : 0
            var last = -1
            var frame: (image: RGBImage, seconds: Double)? = first
            while let shown = frame {
                // Frames fall on the nearest step of the average rate, one per step: smooth enough to look at.
                last = max(last + 1, Int(((shown.seconds - start) * rate.value).rounded()))
                try writer.write(try shown.image.yuv420p(), at: last)
                count += 1
                frame = try next(count)
            }
            try writer.finish()
        }
        return count
    }
}
