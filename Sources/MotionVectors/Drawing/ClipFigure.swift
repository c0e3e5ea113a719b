public import Codec
public import Storage
public import SystemPackage

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
    public init(_ clip: MotionClip, from path: FilePath, framesPerSecond: Double, figure: MotionFigure) {
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

    /// The figure of a frame, the given one being 0; nil for the one that moves most.
    ///
    /// - Throws: `CodecError` where there is no such frame.
    public func still(frame index: Int?) throws(CodecError) -> RGBImage {
        let index = index ?? liveliest
        guard frames.indices.contains(index) else {
            throw CodecError(
                path: path, "has no frame \(index): it has \(frames.count) frames, numbered from 0")
        }
        return figure.render(frames[index])
    }

    /// Writes the figures of all frames as a film; returns how many there are.
    ///
    /// - Throws: `CodecError`.
    public func film(to output: FilePath) throws(CodecError) -> Int {
        var figure = figure
        figure.ranges = figure.ranges.completed(
            by: frames.dropFirst().map { .fitting(residual: $0.residual, vectors: $0.vectors) })
        try ClipFile.write(
            frames.map(figure.render), to: output, framesPerSecond: framesPerSecond, crf: SampleFiles.crf)
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
