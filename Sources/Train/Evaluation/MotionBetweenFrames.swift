package import Codec
package import MotionVectors
package import Storage

/// The motion of a clip as block search finds it in the frames. Generated clips of every model and real clips are
/// measured in the same way.
package struct MotionBetweenFrames {
    private let search: BlockSearch
    private let toLuma: Scaler

    /// A search over frames of one size.
    ///
    /// - Parameter radius: the largest motion, in pixels.
    /// - Throws: `PFrameError` if FFmpeg cannot convert such frames.
    package init(size: Size, radius: Int) throws(PFrameError) {
        var search = BlockSearch()
        search.radius = radius
        self.search = search
        toLuma = try Scaler(from: size, .rgb24, to: size, .yuv420p)
    }

    /// The field of each frame against the one before it, blocks of 16: T−1 fields.
    package func callAsFunction(_ frames: [RGBImage]) throws(PFrameError) -> [MotionField] {
        var pictures: [Picture] = []
        for frame in frames {
            pictures.append(try frame.converted(by: toLuma, to: .yuv420p))
        }
        var fields: [MotionField] = []
        for (frame, before) in zip(pictures.dropFirst(), pictures) {
            fields.append(search.field(of: frame, against: before, previous: fields.last))
        }
        return fields
    }

    /// The vectors of fields one behind the other: `(T−1, h, w, 2)`, quarter-pel.
    static func values(_ fields: [MotionField]) -> [Int16] {
        fields.flatMap { $0.vectors.flatMap { [$0.x, $0.y] } }
    }
}

@available(*, unavailable)
extension MotionBetweenFrames: Sendable {}
