public import Codec
import Storage

/// A clip cut from a video: frames of one shot, brought to one size.
public struct Clip: Sendable {
    /// The frames, all of one size.
    public var frames: [RGBImage]
    /// The time of each frame in the video, seconds.
    public var seconds: [Double]
    /// Mean content value over the source's frames after the first one sampled, up to the last; NaN where there is none.
    public var meanContent: Double
    /// The largest of those.
    public var maximumContent: Double
    /// The number of its shot in the video, from 0.
    public var shot: Int
    /// The number of the first and the last source frame, in display order.
    public var sourceFrames: ClosedRange<Int>

    /// Creates a clip.
    public init(
        frames: [RGBImage], seconds: [Double], meanContent: Double, maximumContent: Double, shot: Int,
        sourceFrames: ClosedRange<Int>
    ) {
        (self.frames, self.seconds, self.shot, self.sourceFrames) = (frames, seconds, shot, sourceFrames)
        (self.meanContent, self.maximumContent) = (meanContent, maximumContent)
    }
}
