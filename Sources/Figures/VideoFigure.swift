public import Codec
public import MotionVectors
public import Storage
public import SystemPackage

/// Frames in display order, each with its vectors and its residual.
private protocol FrameSource {
    func nextFrame() throws(PFrameError) -> ExtractedFrame?
    /// A frame as the figure shows it.
    func shown(_ frame: ExtractedFrame) throws(PFrameError) -> MotionFigure.Frame
    /// As the container of the video states it; 0/0 if it does not.
    var averageFrameRate: Rational { get }
    /// The share that was read, after so many frames, 0…1.
    func share(_ frames: Int) -> Double
    /// What to say where it gave no frame.
    var nothing: PFrameError { get }
    /// Whether its frames are a span of a video, so that a film of them begins with the first.
    var isSpan: Bool { get }
}

/// Draws the motion figure of a video or of its extraction: one frame of it, or all as a film.
public struct VideoFigure {
    private let path: FilePath
    /// Begins with the first frame, given the most frames that are wanted.
    private let open: (Int?) throws(PFrameError) -> any FrameSource
    private var figure: MotionFigure

    /// Frames looked at to choose a frame or ranges.
    private static let probe = 60

    /// Plans figures of a video.
    ///
    /// - Parameters:
    ///   - options: which stream, and whose vectors.
    ///   - figure: title, arrangement, and the ranges that are fixed; ranges left open are fitted.
    ///   - path: the video: a file, a pipe, `-`, or an address.
    public init(path: FilePath, options: ExtractionOptions, figure: MotionFigure) {
        var options = options
        options.residual = true
        let (planned, limit) = (options, options.frameLimit)
        // A figure reads its video more than once.
        var pipe: PipedVideo?
        self.init(path, figure) { most throws(PFrameError) in
            if pipe == nil { pipe = try PipedVideo(path) }
            var options = planned
            options.frameLimit = most.map { min($0, limit ?? $0) } ?? limit
            return try Extraction(path: path, options: options)
        }
    }

    /// Plans figures of a folder that `ExtractionWriter` wrote. The figures show the folder's own files if the folder
    /// holds residuals, else its source video.
    ///
    /// - Throws: `PFrameError` if it is not a complete extraction, or holds no residual and the video is not there as it
    ///   was.
    public init(extraction folder: FilePath, figure: MotionFigure) throws(PFrameError) {
        let description = try StreamDescription(folder: folder)
        guard description.options.residual == nil else {
            self.init(folder, figure) { _ throws(PFrameError) in try Reconstruction(folder: folder) }
            return
        }
        let video = FilePath(location: description.source.path)
        let found: StreamDescription.Source?
        do throws(PFrameError) { found = try StreamDescription.Source(video) } catch { found = nil }
        guard found == description.source else {
            throw PFrameError(
                .missing, path: folder,
                "holds no residual, and \(video), of which it was made, is not there as it was: draw the video from where "
                    + "it is now, or extract it again with its residual")
        }
        var options = ExtractionOptions()
        options.streamIndex = description.options.stream
        // The bitstream gives no pictures to draw on; libavcodec exports the same vectors.
        options.source = description.motionSource == .bitstream ? .stream : description.motionSource
        (options.radius, options.frameLimit) = (description.options.radius, description.options.frameLimit)
        options.span = description.options.span
        self.init(path: video, options: options, figure: figure)
    }

    private init(
        _ path: FilePath, _ figure: MotionFigure, open: @escaping (Int?) throws(PFrameError) -> any FrameSource
    ) {
        (self.path, self.figure, self.open) = (path, figure, open)
    }

    /// The figure of a frame by display index; nil for the frame that moves most among the first sixty.
    ///
    /// - Throws: `PFrameError` if the video cannot be read or has no such frame.
    public func still(frame index: Int?) throws(PFrameError) -> RGBImage {
        let chosen: Int
        if let index { chosen = index } else { chosen = try liveliest() }
        let source = try open(nil)
        var count = 0
        while let frame = try source.nextFrame() {
            if frame.record.display == chosen { return try figure.render(source.shown(frame)) }
            count += 1
        }
        guard count > 0 else { throw source.nothing }
        throw PFrameError(.missing, path: path, "has no frame \(chosen): it has \(count) frames, numbered from 0")
    }

    /// Writes the figures of all frames as a film with the video's own timing; returns how many there are.
    ///
    /// - Parameters:
    ///   - progress: called after every frame with the frames so far and the share of the file read, 0…1.
    ///   - output: the file to write.
    /// - Throws: `PFrameError`.
    public func film(
        to output: FilePath, progress: (Int, Double) throws(PFrameError) -> Void
    ) throws(PFrameError) -> Int {
        var figure = figure
        figure.ranges = try fittedRanges()
        let source = try open(nil)
        let count = try FigureFilm.write(to: output, rate: source.averageFrameRate, isSpan: source.isSpan) {
            number throws(PFrameError) in
            guard let frame = try source.nextFrame() else { return nil }
            let image = try figure.render(source.shown(frame))
            try progress(number + 1, source.share(number + 1))
            return (image, frame.record.seconds ?? 0)
        }
        guard count > 0 else { throw source.nothing }
        return count
    }

    private func probed(_ body: (ExtractedFrame, any FrameSource) throws(PFrameError) -> Void) throws(PFrameError) {
        let source = try open(Self.probe)
        for _ in 0..<Self.probe {
            guard let frame = try source.nextFrame() else { return }
            try body(frame, source)
        }
    }

    private func liveliest() throws(PFrameError) -> Int {
        var best = (index: 0, length: -1.0)
        try probed { frame, _ throws(PFrameError) in
            // Mostly intra frames show little; so do a handful of long vectors.
            let motion = MotionStatistics(frame.rows, size: frame.picture.size)
            let length = motion.covered > 0.9 ? motion.meanLength : motion.meanLength * motion.covered * 0.5
            if length > best.length { best = (frame.record.display, length) }
        }
        return best.index
    }

    private func fittedRanges() throws(PFrameError) -> MotionFigure.Ranges {
        var fitted: [MotionFigure.Ranges] = []
        try probed { frame, source throws(PFrameError) in
            guard !frame.rows.isEmpty, frame.record.display % 4 == 1 else { return }
            let view = try source.shown(frame)
            fitted.append(.fitting(residual: view.residual, vectors: view.vectors))
        }
        return figure.ranges.completed(by: fitted)
    }
}

extension Extraction: FrameSource {
    fileprivate func nextFrame() throws(PFrameError) -> ExtractedFrame? { try next() }
    fileprivate var averageFrameRate: Rational { stream.averageFrameRate }

    fileprivate func shown(_ frame: ExtractedFrame) throws(PFrameError) -> MotionFigure.Frame {
        try MotionFigure.Frame(
            frame, orientation: orientation,
            sampleAspectRatio: DisplayTags(of: frame.picture, in: stream).sampleAspectRatio)
    }

    fileprivate func share(_ frames: Int) -> Double {
        progress.total > 0 ? min(1, Double(progress.read) / Double(progress.total)) : 0
    }

    fileprivate var nothing: PFrameError { nothingDecoded }
    fileprivate var isSpan: Bool { span != nil }
}

extension Reconstruction: FrameSource {
    fileprivate var averageFrameRate: Rational { description.averageFrameRate }

    fileprivate func shown(_ frame: ExtractedFrame) throws(PFrameError) -> MotionFigure.Frame {
        try MotionFigure.Frame(
            frame, orientation: description.orientation, sampleAspectRatio: description.display?.sampleAspectRatio)
    }

    fileprivate func share(_ frames: Int) -> Double { Double(frames) / Double(max(1, description.frames)) }

    fileprivate var nothing: PFrameError { PFrameError(.damaged, path: folder, "holds no frame; extract again") }
    fileprivate var isSpan: Bool { description.options.span != nil }
}

@available(*, unavailable)
extension VideoFigure: Sendable {}

/// Draws the motion figure of a clip of motion and residual, as models make them and data sets store them: vectors and
/// residual as they are, beside the frames that follow from them.
public struct ClipFigure: Sendable {
    private let path: FilePath
    private let framesPerSecond: Double
    private let frames: [MotionFigure.Frame]
    private let figure: MotionFigure
    private let liveliest: Int

    /// Plans figures of a clip.
    ///
    /// - Parameters:
    ///   - path: where it is from, for messages.
    ///   - framesPerSecond: of the clip, and of a film of it.
    ///   - figure: title, arrangement, and the ranges that are fixed; ranges left open are fitted.
    ///   - clip: the clip.
    public init(_ clip: Clip, from path: FilePath, framesPerSecond: Double, figure: MotionFigure) {
        let rows = clip.motion.enumerated().map { number, field in
            field.motionRows(frame: Int32(number + 1), reference: Int32(number))
        }
        frames = clip.frames.enumerated().map { number, picture in
            let luma =
                number == 0
                ? [Int16](repeating: 0, count: picture.width * picture.height)
                : Self.luma(clip.residuals[number - 1])
            return MotionFigure.Frame(
                picture: picture, vectors: number == 0 ? [] : rows[number - 1].map(\.vector), residual: luma,
                type: number == 0 ? "I" : "P", index: number, seconds: Double(number) / framesPerSecond)
        }
        let lengths = rows.map(MotionStatistics.meanLength)
        liveliest = 1 + (lengths.indices.max { lengths[$0] < lengths[$1] } ?? 0)
        self.path = path
        self.framesPerSecond = framesPerSecond
        self.figure = figure
    }

    /// The figure of a frame, where the given frame is 0; nil for the frame that moves most.
    ///
    /// - Throws: `PFrameError` if there is no such frame.
    public func still(frame index: Int?) throws(PFrameError) -> RGBImage {
        let index = index ?? liveliest
        guard frames.indices.contains(index) else {
            throw PFrameError(
                .missing, path: path, "has no frame \(index): it has \(frames.count) frames, numbered from 0")
        }
        return try figure.render(frames[index])
    }

    /// Writes the figures of all frames as a film; returns how many there are.
    ///
    /// - Throws: `PFrameError`.
    public func film(to output: FilePath) throws(PFrameError) -> Int {
        var figure = figure
        figure.ranges = figure.ranges.completed(
            by: frames.dropFirst().map { .fitting(residual: $0.residual, vectors: $0.vectors) })
        try ClipFile.write(
            frames.map { frame throws(PFrameError) in try figure.render(frame) }, to: output,
            framesPerSecond: framesPerSecond, crf: SampleFiles.crf)
        return frames.count
    }

    /// BT.601's luma of an RGB residual.
    private static func luma(_ residual: [Int16]) -> [Int16] {
        stride(from: 0, to: residual.count, by: 3).map { place in
            let sum =
                299 * Int(residual[place]) + 587 * Int(residual[place + 1]) + 114 * Int(residual[place + 2])
            return Int16((Double(sum) / 1000).rounded())
        }
    }
}
