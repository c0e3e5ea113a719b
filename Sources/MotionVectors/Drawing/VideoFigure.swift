public import Codec
public import SystemPackage

/// Draws the motion figure of a video: one frame of it, or all as a film.
public struct VideoFigure {
    private let path: FilePath
    private let options: ExtractionOptions
    private var figure: MotionFigure

    /// Frames looked at to choose a frame or ranges.
    private static let probe = 60

    /// Plans figures of a video.
    ///
    /// - Parameters:
    ///   - options: which stream, and whose vectors.
    ///   - figure: title, arrangement, and the ranges that are fixed; ranges left open are fitted.
    public init(path: FilePath, options: ExtractionOptions, figure: MotionFigure) {
        self.path = path
        self.options = {
            var options = options
            options.residual = true
            return options
        }()
        self.figure = figure
    }

    /// The figure of a frame by display index; nil for the one that moves most among the first sixty.
    ///
    /// - Throws: `CodecError` where the video cannot be read or has no such frame.
    public func still(frame index: Int?) throws(CodecError) -> RGBImage {
        let chosen: Int
        if let index { chosen = index } else { chosen = try liveliest() }
        let extraction = try Extraction(path: path, options: options)
        var count = 0
        while let frame = try extraction.next() {
            if frame.record.display == chosen { return figure.render(try extraction.shown(frame)) }
            count += 1
        }
        throw CodecError(path: path, "has no frame \(chosen): it has \(count) frames, numbered from 0")
    }

    /// Writes the figures of all frames as a film with the video's own timing; returns how many there are.
    ///
    /// - Parameter progress: called after every frame with the frames so far and the share of the file read, 0…1.
    /// - Throws: `CodecError`.
    public func film(
        to output: FilePath, progress: (Int, Double) throws(CodecError) -> Void
    ) throws(CodecError) -> Int {
        var figure = figure
        figure.ranges = try fittedRanges()
        let extraction = try Extraction(path: path, options: options)
        let stream = extraction.stream
        let rate = stream.averageFrameRate.value > 0 ? stream.averageFrameRate : Rational(25, 1)
        var count = 0
        let source = self.path
        try StagedFile.write(output) { path throws(CodecError) in
            var last = -1
            var writer: VideoWriter?
            while let frame = try extraction.next() {
                let image = figure.render(try extraction.shown(frame))
                if writer == nil {
                    writer = try VideoWriter(
                        path: path, settings: .h264(crf: 16, preset: "fast"),
                        size: Size(width: image.width, height: image.height),
                        timeBase: Rational(rate.denominator, rate.numerator),
                        frameRate: rate, tags: .convertedFromRGB, threads: 0)
                }
                // Frames fall on the nearest step of the average rate, one a step: smooth enough to look at.
                last = max(last + 1, Int(((frame.record.seconds ?? 0) * rate.value).rounded()))
                try writer?.write(try image.yuv420p(), at: last)
                count += 1
                let share = extraction.progress
                try progress(count, share.total > 0 ? min(1, Double(share.read) / Double(share.total)) : 0)
            }
            guard let writer else { throw CodecError(path: source, "no picture could be decoded") }
            try writer.finish()
        }
        return count
    }

    private func probed(_ body: (ExtractedFrame, Extraction) throws(CodecError) -> Void) throws(CodecError) {
        var options = options
        options.frameLimit = min(options.frameLimit ?? Self.probe, Self.probe)
        let extraction = try Extraction(path: path, options: options)
        while let frame = try extraction.next() { try body(frame, extraction) }
    }

    private func liveliest() throws(CodecError) -> Int {
        var best = (index: 0, length: -1.0)
        try probed { frame, _ throws(CodecError) in
            // Mostly intra frames show little; so do a handful of long vectors.
            let motion = MotionStatistics(frame.rows, size: frame.picture.size)
            let length = motion.covered > 0.9 ? motion.meanLength : motion.meanLength * motion.covered * 0.5
            if length > best.length { best = (frame.record.display, length) }
        }
        return best.index
    }

    private func fittedRanges() throws(CodecError) -> MotionFigure.Ranges {
        var fitted: [MotionFigure.Ranges] = []
        try probed { frame, extraction throws(CodecError) in
            guard !frame.rows.isEmpty, frame.record.display % 4 == 1 else { return }
            let view = try extraction.shown(frame)
            fitted.append(.fitting(residual: view.residual, vectors: view.vectors))
        }
        return figure.ranges.completed(by: fitted)
    }
}

extension Extraction {
    /// A frame of this video as the figure shows it.
    fileprivate func shown(_ frame: ExtractedFrame) throws(CodecError) -> MotionFigure.Frame {
        try MotionFigure.Frame(
            frame, orientation: orientation,
            sampleAspectRatio: DisplayTags(of: frame.picture, in: stream).sampleAspectRatio)
    }
}

@available(*, unavailable)
extension VideoFigure: Sendable {}
