public import Codec
public import SystemPackage

extension MotionFigure.Frame {
    /// The figure's view of an extracted frame: cropped for display, with the vectors that predict.
    ///
    /// Where nothing predicts, the residual is 0, so that ranges and means speak of predicted blocks alone.
    ///
    /// - Throws: `CodecError` for pictures that are not 8-bit 4:2:0.
    public init(_ frame: ExtractedFrame) throws(CodecError) {
        let crop = frame.picture.crop
        let shown = crop.applied(to: frame.picture.size)
        let vectors = frame.rows.compactMap { row -> MotionVector? in
            guard row.reference >= 0 else { return nil }
            var vector = row.vector
            vector.destinationX -= Int32(crop.left)
            vector.destinationY -= Int32(crop.top)
            vector.sourceX -= Int32(crop.left)
            vector.sourceY -= Int32(crop.top)
            return vector
        }
        var luma = [Int16](repeating: 0, count: shown.width * shown.height)
        frame.residual?.withPlane(0) { values in
            for vector in vectors {
                let bottom = min(shown.height, vector.top + Int(vector.height))
                let right = min(shown.width, vector.left + Int(vector.width))
                // Blocks may lie in the part that the crop leaves out.
                for y in stride(from: max(0, vector.top), to: bottom, by: 1) {
                    for x in stride(from: max(0, vector.left), to: right, by: 1) {
                        luma[y * shown.width + x] = values[(y + crop.top) * frame.picture.size.width + x + crop.left]
                    }
                }
            }
        }
        self.init(
            picture: try RGBImage(frame.picture, crop: crop), vectors: vectors, residual: luma,
            type: Character(frame.record.type.rawValue), index: frame.record.display, seconds: frame.record.seconds ?? 0
        )
    }
}

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
            if frame.record.display == chosen { return figure.render(try MotionFigure.Frame(frame)) }
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
                let image = figure.render(try MotionFigure.Frame(frame))
                if writer == nil {
                    writer = try VideoWriter(
                        path: path, settings: .h264(crf: 16, preset: "fast"),
                        size: Size(width: image.width, height: image.height),
                        timeBase: Rational(rate.denominator, rate.numerator),
                        frameRate: rate, threads: 0)
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

    private func probed(_ body: (ExtractedFrame) throws(CodecError) -> Void) throws(CodecError) {
        var options = options
        options.frameLimit = min(options.frameLimit ?? Self.probe, Self.probe)
        let extraction = try Extraction(path: path, options: options)
        while let frame = try extraction.next() { try body(frame) }
    }

    private func liveliest() throws(CodecError) -> Int {
        var best = (index: 0, length: -1.0)
        try probed { frame throws(CodecError) in
            // Mostly intra frames show little; so do a handful of long vectors.
            let motion = MotionStatistics(frame.rows, size: frame.picture.size)
            let length = motion.covered > 0.9 ? motion.meanLength : motion.meanLength * motion.covered * 0.5
            if length > best.length { best = (frame.record.display, length) }
        }
        return best.index
    }

    private func fittedRanges() throws(CodecError) -> MotionFigure.Ranges {
        var fitted: [MotionFigure.Ranges] = []
        try probed { frame throws(CodecError) in
            guard !frame.rows.isEmpty, frame.record.display % 4 == 1 else { return }
            let view = try MotionFigure.Frame(frame)
            fitted.append(.fitting(residual: view.residual, vectors: view.vectors))
        }
        return figure.ranges.completed(by: fitted)
    }
}

@available(*, unavailable)
extension VideoFigure: Sendable {}
