import Codec
import Storage
import Testing
import Train

/// Structural similarity against numpy's, window by window, and scikit-image's.
@Suite struct SSIMTests {
    @Test(arguments: try MetricInputs.expected().clips) func equalsNumpyAndScikitImage(
        _ wanted: MetricInputs.Clip
    ) throws {
        let (clip, reference) = MetricInputs.clips(wanted)
        let found = try SSIM(clip.span, reference: reference.span, size: wanted.size)
        #expect(found.frames.count == wanted.ssim.count)
        for (frame, value) in found.frames.enumerated() {
            #expect(abs(value - wanted.ssim[frame]) <= 1e-9, "frame \(frame + 1)")
            #expect(abs(value - wanted.scikitSSIM[frame]) <= 1e-9, "frame \(frame + 1)")
        }
        #expect(isClose(found.clip, wanted.ssim.reduce(0, +) / Double(wanted.ssim.count), 1e-9))
        #expect(found.last == found.frames.last)
    }

    /// Every width takes another path through the last vector of a row.
    @Test(arguments: 11...27) func isOneForEqualClipsAndLessForOthers(_ width: Int) throws {
        let size = Size(width: width, height: 12)
        let clip = MetricInputs.noise(width * 12 * 6, seed: 1).map { UInt8(truncatingIfNeeded: $0) }
        #expect(isClose(try SSIM(clip.span, reference: clip.span, size: size).clip, 1, 1e-12))
        let other = clip.map { $0 ^ 64 }
        let forth = try SSIM(clip.span, reference: other.span, size: size).clip
        let back = try SSIM(other.span, reference: clip.span, size: size).clip
        #expect(forth < 0.95 && isClose(back, forth, 1e-12))
    }

    /// A change of one pixel counts only in frames 1…T−1, and in a corner of the picture too.
    @Test(arguments: [0, 1]) func leavesFrame0Out(_ frame: Int) throws {
        let size = Size(width: 13, height: 14)
        let reference = [UInt8](repeating: 90, count: 2 * 13 * 14 * 3)
        var clip = reference
        clip[(frame + 1) * 13 * 14 * 3 - 1] = 200
        let value = try SSIM(clip.span, reference: reference.span, size: size).clip
        #expect(frame == 0 ? isClose(value, 1, 1e-12) : value < 1 - 1e-6)
    }

    @Test(arguments: [(10, 20), (20, 10)]) func refusesPicturesSmallerThanItsWindow(_ width: Int, _ height: Int) {
        let clip = [UInt8](repeating: 0, count: 2 * width * height * 3)
        let error = #expect(throws: PFrameError.self) {
            try SSIM(clip.span, reference: clip.span, size: Size(width: width, height: height))
        }
        #expect(error?.message.contains("\(width)x\(height)") == true)
    }
}
