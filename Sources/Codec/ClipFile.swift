public import Storage
public import SystemPackage

/// A clip of RGB frames as a video file: libx264, 4:2:0, a constant frame rate. The same frames give the same bytes.
public enum ClipFile: Sendable {
    /// Frames per second that a file may have.
    public static let rates = 0.1...1000.0

    /// Writes the frames, all of one size; the file appears when it is complete.
    ///
    /// - Parameters:
    ///   - path: `.mp4` or `.mkv`.
    ///   - framesPerSecond: within `rates`; thousandths count.
    ///   - crf: libx264's constant rate factor: 0 (lossless, as 4:2:0 goes) to 51.
    ///   - frames: the frames.
    /// - Throws: `PFrameError`, for frames of odd size too.
    public static func write(
        _ frames: [RGBImage], to path: FilePath, framesPerSecond: Double, crf: Double
    ) throws(PFrameError) {
        precondition(rates.contains(framesPerSecond), "\(framesPerSecond) frames per second")
        guard let first = frames.first else { throw PFrameError(.usage, path: path, "a clip without frames") }
        let size = Size(width: first.width, height: first.height)
        guard size.width % 2 == 0, size.height % 2 == 0 else {
            throw PFrameError(.unsupported, path: path, "libx264 takes no pictures of odd size \(size)")
        }
        let rate = Self.rate(framesPerSecond)
        try StagedFile.write(path) { hidden throws(PFrameError) in
            // Threads of libx264 change the bytes.
            let writer = try VideoWriter(
                path: hidden, settings: .h264(crf: crf), size: size,
                timeBase: Rational(rate.denominator, rate.numerator), frameRate: rate, tags: .convertedFromRGB,
                threads: 1)
            let converter = try Scaler(from: size, .rgb24, to: size, .yuv420p)
            for (index, frame) in frames.enumerated() {
                try writer.write(try frame.converted(by: converter, to: .yuv420p), at: index)
            }
            try writer.finish()
        }
    }

    /// In lowest terms: 8 is 8/1, 7.5 is 15/2.
    private static func rate(_ framesPerSecond: Double) -> Rational {
        let thousandths = Int((framesPerSecond * 1000).rounded())
        var (divisor, rest) = (thousandths, 1000)
        while rest != 0 { (divisor, rest) = (rest, divisor % rest) }
        return Rational(thousandths / divisor, 1000 / divisor)
    }
}
